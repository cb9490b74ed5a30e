"""`igam`: the commands of bin/ as verbs of one program."""

import pathlib
import re
import resource
import runpy
import shutil
import subprocess
import sys

import pytest

import igam_tf
from igam_tf.cli.program import VERBS, main, usage
from igam_tf.core import command

from .verbs import ROOT

MODULES = sorted(VERBS.values())
HELP = """
import sys
from igam_tf.cli.program import main
assert main(["--help"]) == 0
assert not {"tensorflow", "keras", "scipy", "matplotlib", "jinja2"} & set(sys.modules)
"""


def test_the_verbs_are_the_commands_of_bin() -> None:
    files = [path for path in (ROOT / "bin").iterdir() if path.is_file() and not path.suffix]
    assert sorted(path.name for path in files) == MODULES


def test_help_has_a_line_for_each_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--help", "-h"):
        assert main([flag]) == 0
        assert capsys.readouterr() == (usage() + "\n", "")
    lines = usage().splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(VERBS)
    assert not [line for line in lines if re.fullmatch(r"  \S+ *", line)]


def test_help_is_quick_and_does_not_start_tensorflow() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", HELP], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 1  # of processor time, because other processes may be busy


@pytest.mark.parametrize(
    ("verb", "title"),
    [
        ("train-student", "train_student: phase 2"),
        ("train_student", "train_student: phase 2"),
        ("reproduce-table", "reproduce_table: "),
        ("convert", "Converts a network"),
        ("convert_checkpoint", "Converts a network"),
    ],
)
def test_a_verb_has_hyphens_or_underscores(
    verb: str, title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--help"]) == 0
    assert capsys.readouterr().out.startswith(title)


def test_the_verbs_exit_code_is_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--size=3"]) == 2
    assert capsys.readouterr().err.startswith("evaluate: Unknown command line flag 'size'")


@pytest.mark.parametrize(
    ("arguments", "word"), [([], "''"), (["trane"], "'trane'"), (["--size=3"], "'--size=3'")]
)
def test_an_unknown_verb_is_one_line(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    pattern = rf"igam: expected a verb \(train-robust, .*, benchmark\), got {word}; see --help\n"
    assert re.fullmatch(pattern, capsys.readouterr().err)


def test_a_reader_that_stops_early_is_no_error() -> None:
    line = f"{sys.executable} -m igam_tf --help | true"
    process = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert process.stderr == ""


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"igam {igam_tf.__version__}\n"


def test_python_m_is_the_same_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["igam_tf", "evaluate", "--size=3"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("igam_tf", run_name="__main__", alter_sys=True)
    assert end.value.code == 2


@pytest.mark.parametrize("module", [*MODULES, "program"])
def test_the_module_of_a_verb_can_be_run(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m igam_tf.cli.MODULE` is the command, not a silent import."""
    name = f"igam_tf.cli.{module}"
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    monkeypatch.delitem(sys.modules, name, raising=False)  # runpy warns of a second import
    with pytest.raises(SystemExit) as end:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    assert end.value.code == 0
    assert "usage: " in capsys.readouterr().out


@pytest.mark.parametrize("in_checkout", [True, False])
def test_a_shell_line_is_one_that_runs_here(
    in_checkout: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In reports: a line of bin/ in a checkout, a line of the program where pip installed it."""
    monkeypatch.setattr(command, "__file__", str(tmp_path / "igam_tf/core/command.py"))
    if in_checkout:
        shutil.copytree(ROOT / "bin", tmp_path / "bin")
    program = "bin/export_model" if in_checkout else "igam export-model"
    assert command.shell_line("export_model", "a b", "--x=1") == f"{program} 'a b' --x=1"

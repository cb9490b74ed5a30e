"""What all commands share: exit codes, one line for a mistake, complete help; and how bin/ starts them."""

import pathlib
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from typing import Any

import pytest
from absl import flags

from igam_tf.cli.command import Command
from igam_tf.errors import DivergedError, InputError

BIN = pathlib.Path(__file__).resolve().parents[2] / "bin"


def command(positional: str | None = None) -> Command:
    made = Command("do", "does it: in one line.\n\nAnd the rest.\n", positional)
    flags.DEFINE_integer("size", 3, "How large.", lower_bound=1, flag_values=made.flags)
    flags.DEFINE_string("name", None, "How it is called.", flag_values=made.flags)
    flags.DEFINE_bool("fast", False, "Whether to hurry.", flag_values=made.flags)
    flags.DEFINE_list("parts", ["a", "b"], "What of.", flag_values=made.flags)
    flags.DEFINE_enum("kind", "x", ["x", "y"], "Which.", flag_values=made.flags)
    return made


def failing(error: BaseException) -> Callable[[Any], None]:
    def main(values: Any) -> None:
        raise error

    return main


def test_flags_arrive() -> None:
    seen: list[Any] = []

    def main(values: Any) -> None:
        seen.append((values.target, values.size, values.name, values.fast, values.parts, values.kind))

    made = command("thing")
    assert made.run(main, ["it", "--size=5", "--name=n", "--fast", "--parts=c,d", "--kind=y"]) == 0
    assert made.run(main, ["--nofast", "other", "--parts="]) == 0
    assert seen == [("it", 5, "n", True, ["c", "d"], "y"), ("other", 3, None, False, [], "x")]  # the first is forgotten


def test_arguments_are_the_processs_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/do", "--size=7"])
    seen: list[int] = []
    assert command().run(lambda values: seen.append(values.size)) == 0
    assert seen == [7]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--size=0", "--help"], ["--help", "--unknown"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("thing").run(failing(AssertionError()), arguments) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    lines = text.splitlines()
    assert lines[0] == "does it: in one line."
    assert "usage: do THING [flags]" in lines
    assert [line for line in lines if line.startswith("  --")] == [
        "  --[no]fast", "  --kind", "  --name", "  --parts", "  --size",
    ]  # fmt: skip
    for name, shown in (("size", "How large. (default: '3')"), ("name", "How it is called. (default: none)")):
        assert lines[lines.index(f"  --{name}") + 1].strip() == shown
    assert lines[lines.index("  --parts") + 1].strip() == "What of. (default: 'a,b')"


@pytest.mark.parametrize(
    ("positional", "arguments", "message"),
    [
        (None, ["--sizes=3"], "Unknown command line flag 'sizes'"),
        (None, ["--size=x"], "flag --size=x: .*'x'"),
        (None, ["--size=0"], "flag --size=0: 0 is not .*"),
        (None, ["--kind=z"], "flag --kind=z: value should be one of <x[|]y>"),
        (None, ["--fast=maybe"], "flag --fast=maybe: .*"),
        (None, ["--name"], "Missing value for flag --name"),
        (None, ["extra"], "unexpected argument 'extra'; --help lists the flags"),
        ("thing", ["one", "two"], "unexpected argument 'two'; --help lists the flags"),
        ("thing", [], "expected THING; --help says what it can be"),
        (None, ["--flagfile=/nowhere/x"], ".*/nowhere/x.*"),
    ],
)
def test_mistakes_in_the_arguments(
    positional: str | None, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(positional).run(failing(AssertionError()), arguments) == 2
    _one_line(capsys, message)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("size: too\n   large"), 2, "size: too large"),
        (FileNotFoundError(2, "No such file or directory", "a.txt"), 2, "No such file or directory: a.txt"),
        (PermissionError(13, "Permission denied", "b"), 2, "Permission denied: b"),
        (OSError("disk full"), 2, "disk full"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (DivergedError("training diverged: the loss is nan"), 1, "training diverged: the loss is nan"),
    ],
)
def test_mistakes_in_the_work(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command().run(failing(error), []) == code
    _one_line(capsys, message)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ValueError("a bug"), KeyError("a bug")])
def test_a_bug_is_not_dressed_up_as_a_mistake(error: Exception) -> None:
    with pytest.raises(type(error), match="a bug"):
        command().run(failing(error), [])


def _one_line(capsys: pytest.CaptureFixture[str], message: str) -> None:
    text, errors = capsys.readouterr()
    assert text == ""
    assert re.fullmatch(f"do: {message}\\.?.*\n", errors), errors


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """A checkout of which only the starting of commands is real."""
    shutil.copytree(BIN, tmp_path / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    package = tmp_path / "igam_tf/cli"
    package.mkdir(parents=True)
    for directory in (package, package.parent):
        (directory / "__init__.py").write_text("")
    (package / "train_robust.py").write_text("def main():\n    print('its own package')\n    return 7\n")
    return tmp_path


def _start(tree: pathlib.Path, *before: str | pathlib.Path) -> "subprocess.CompletedProcess[str]":
    arguments = [*before, tree / "bin/train_robust", "--steps=3", "a b"]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, cwd=tree.parent)


def test_a_checkout_runs_its_own_package(tree: pathlib.Path) -> None:
    done = _start(tree, sys.executable)
    assert (done.returncode, done.stdout, done.stderr) == (7, "its own package\n", "")


MISSING = "train_robust: TensorFlow is not installed; `make demo` sets up .venv\n"
WITHOUT = (sys.executable, "-S")  # an interpreter that sees no installed package


def test_without_tensorflow_and_environment(tree: pathlib.Path) -> None:
    done = _start(tree, *WITHOUT)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", MISSING)


def test_without_tensorflow_the_environment_takes_over(tree: pathlib.Path) -> None:
    python = tree / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "[%s]" "$@"\nexit 5\n')
    python.chmod(0o755)
    done = _start(tree, *WITHOUT)
    assert done.returncode == 5
    assert done.stdout == f"[{tree}/bin/train_robust][--steps=3][a b]"


def test_an_environment_without_tensorflow_is_not_started_for_ever(tree: pathlib.Path) -> None:
    venv.create(tree / ".venv", symlinks=True)
    for before in (WITHOUT, (tree / ".venv/bin/python",)):
        done = _start(tree, *before)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", MISSING)

"""What all commands share: exit codes, one line for a mistake, complete help; and how bin/ starts
them.
"""

import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from igam_tf.core.command import Command
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.core.settings import Setting, Settings

BIN = pathlib.Path(__file__).resolve().parents[2] / "bin"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags(Settings):
    size: Annotated[int, Setting("How large.", at_least=1)] = 3
    name: Annotated[str | None, Setting("How it is called.")] = None
    fast: Annotated[bool, Setting("Whether to hurry.")] = False
    parts: Annotated[tuple[str, ...], Setting("What of.")] = ("a", "b")
    kind: Annotated[str, Setting("Which.", choices=("x", "y"))] = "x"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Positional(Flags):
    thing: Annotated[str, Setting("What it is done to.", positional=True)]


def command(positional: bool = False) -> Command[Any]:
    return Command(
        "do", "does it: in one line.\n\nAnd the rest.\n", Positional if positional else Flags
    )


def failing(error: BaseException) -> Callable[[Any], None]:
    def main(flags: Any) -> None:
        raise error

    return main


def test_flags_arrive() -> None:
    calls: list[Positional] = []
    do = command(positional=True)
    assert (
        do.run(calls.append, ["it", "--size=5", "--name=n", "--fast", "--parts=c,d", "--kind=y"])
        == 0
    )
    assert do.run(calls.append, ["--nofast", "other", "--parts="]) == 0
    assert calls == [  # a call leaves nothing to the next one
        Positional(thing="it", size=5, name="n", fast=True, parts=("c", "d"), kind="y"),
        Positional(thing="other", parts=()),
    ]


def test_arguments_are_the_processs_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bin/do", "--size=7"])
    calls: list[int] = []
    assert command().run(lambda flags: calls.append(flags.size)) == 0
    assert calls == [7]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--size=0", "--help"], ["--help", "--unknown"]]
)
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command(positional=True).run(failing(AssertionError()), arguments) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    lines = text.splitlines()
    assert lines[0] == "does it: in one line."
    assert "usage: do THING [flags]" in lines
    assert [line.strip() for line in lines[lines.index("usage: do THING [flags]") + 2 :]] == [
        "THING", "What it is done to. (required)",
        "--[no]fast", "Whether to hurry. (default: false)",
        "--kind", "Which. One of x, y. (default: x)",
        "--name", "How it is called.",
        "--parts", "What of. Comma-separated. (default: a,b)",
        "--size", "How large. (default: 3)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("positional", "arguments", "message"),
    [
        (False, ["--sizes=3"], "Unknown command line flag 'sizes'"),
        (False, ["--size=x"], "size: expected a whole number of at least 1, got 'x'"),
        (False, ["--size=0"], "size: expected a whole number of at least 1, got '0'"),
        (False, ["--kind=z"], "kind: expected one of x, y, got 'z'"),
        (False, ["--fast=maybe"], "fast: expected true or false, got 'maybe'"),
        (False, ["--name"], "Missing value for flag --name"),
        (False, ["extra"], "unexpected argument 'extra'; --help lists the flags"),
        (True, ["one", "two"], "unexpected argument 'two'; --help lists the flags"),
        (True, [], "expected THING; --help says what it can be"),
        (False, ["--flagfile=/nowhere/x"], ".*/nowhere/x.*"),
    ],
)
def test_mistakes_in_the_arguments(
    positional: bool, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(positional).run(failing(AssertionError()), arguments) == 2
    _one_line(capsys, message)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("size: too\n   large"), 2, "size: too large"),
        (
            FileNotFoundError(2, "No such file or directory", "a.txt"),
            2,
            "No such file or directory: a.txt",
        ),
        (PermissionError(13, "Permission denied", "b"), 2, "Permission denied: b"),
        (OSError("disk full"), 2, "disk full"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            DivergedError("training diverged: the loss is nan"),
            1,
            "training diverged: the loss is nan",
        ),
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
    (package / "train_robust.py").write_text(
        "def main():\n    print('its own package')\n    return 7\n"
    )
    return tmp_path


def _start(tree: pathlib.Path, *before: str | pathlib.Path) -> "subprocess.CompletedProcess[str]":
    arguments = [*before, tree / "bin/train_robust", "--steps=3", "a b"]
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=60, check=False, cwd=tree.parent
    )


def test_a_checkout_runs_its_own_package(tree: pathlib.Path) -> None:
    process = _start(tree, sys.executable)
    assert (process.returncode, process.stdout, process.stderr) == (7, "its own package\n", "")


MISSING = "train_robust: TensorFlow is not installed; `make demo` sets up .venv\n"
WITHOUT = (sys.executable, "-S")  # an interpreter that sees no installed package


def test_without_tensorflow_and_environment(tree: pathlib.Path) -> None:
    process = _start(tree, *WITHOUT)
    assert (process.returncode, process.stdout, process.stderr) == (2, "", MISSING)


def test_without_tensorflow_the_environment_takes_over(tree: pathlib.Path) -> None:
    python = tree / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "[%s]" "$@"\nexit 5\n')
    python.chmod(0o755)
    process = _start(tree, *WITHOUT)
    assert process.returncode == 5
    assert process.stdout == f"[{tree}/bin/train_robust][--steps=3][a b]"


def test_an_environment_without_tensorflow_is_not_started_for_ever(tree: pathlib.Path) -> None:
    venv.create(tree / ".venv", symlinks=True)
    for before in (WITHOUT, (tree / ".venv/bin/python",)):
        process = _start(tree, *before)
        assert (process.returncode, process.stdout, process.stderr) == (2, "", MISSING)

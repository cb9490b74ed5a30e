"""Runs commands in this process, checks their mistakes, and waits for those of processes."""

import importlib
import pathlib
import re
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOWHERE = "/nowhere/model"
NO_MODEL = (
    f"{NOWHERE}: expected the directory of a finished run, a .keras file, "
    "a TensorFlow 1 checkpoint or robustbench:ARCHITECTURE:PATH"
)


def module(verb: str) -> ModuleType:
    return importlib.import_module(f"igam_tf.cli.{verb}")


def run(verb: str, *arguments: str) -> int:
    """The exit code."""
    code: int = module(verb).main(list(arguments))
    return code


def require_one_line(
    capsys: pytest.CaptureFixture[str], verb: str, arguments: list[str], message: str
) -> str:
    """Fails unless the command exits with 2 and one line that matches; returns standard output."""
    assert run(verb, *arguments) == 2
    text, errors = capsys.readouterr()
    assert re.fullmatch(f"{verb}: [^\n]*{message}[^\n]*\n", errors), errors
    return text


def wait_for(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError("it did not happen within four minutes")

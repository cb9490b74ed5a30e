"""`--help` of everything in bin/: every flag, at once, without the libraries that import slowly."""

import os
import resource
import subprocess
import sys

import pytest

from igam_tf.core.settings.flags import flags_of

from .verbs import ROOT, module

BIN = ROOT / "bin"
COMMANDS = sorted(path.name for path in BIN.iterdir() if path.is_file() and path.suffix == "")
# A fresh process runs the command's file, as a shell does, and then looks at what was imported.
HELP = """
import runpy, sys
sys.argv = [{path!r}, "--help"]
sys.path.insert(0, {directory!r})
try:
    runpy.run_path({path!r}, run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
slow = {{"tensorflow", "keras", "tensorflow_datasets", "scipy", "jinja2", "matplotlib"}}
assert not slow & set(sys.modules)
"""


def test_there_are_commands() -> None:
    assert {"train_student", "convert_checkpoint", "benchmark", "save_study"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_file_can_be_started(command: str) -> None:
    assert os.access(BIN / command, os.X_OK)
    assert (BIN / command).read_text().startswith("#!/usr/bin/env python3\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    script = HELP.format(path=str(BIN / command), directory=str(BIN))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (process.returncode, process.stderr) == (0, "")
    assert "usage: " in process.stdout
    assert all(len(line) <= 100 for line in process.stdout.splitlines())
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 0.5  # of processor time, because other processes may be busy
    if command != "convert_checkpoint":  # its flags are tested with madry_checkpoints
        assert process.stdout.startswith(f"{command}: ")
        text = " ".join(process.stdout.split())
        flags = list(flags_of(module(command).COMMAND.settings))
        assert len(flags) >= 3
        assert [flag.name for flag in flags if " ".join(flag.help().split()) not in text] == []


def test_a_reader_that_stops_early_is_no_error() -> None:
    line = f"{sys.executable} {BIN / 'train_robust'} --help | head -n 1"
    process = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert process.stdout.startswith("train_robust: ")
    assert process.stderr == ""

"""`--help` of everything in bin/: at once, without the libraries that are slow to import."""

import pathlib
import resource
import subprocess
import sys

import pytest

BIN = pathlib.Path(__file__).resolve().parents[2] / "bin"
COMMANDS = sorted(path.name for path in BIN.iterdir() if path.is_file() and path.suffix == "")
HELP = """
import runpy, sys
sys.argv = [{path!r}, "--help"]
sys.path.insert(0, {directory!r})
try:
    runpy.run_path({path!r}, run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
assert not {{"tensorflow", "keras", "tensorflow_datasets", "scipy", "jinja2"}} & set(sys.modules)
"""


def test_there_are_commands() -> None:
    assert {"train_student", "convert_checkpoint", "benchmark"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    script = HELP.format(path=str(BIN / command), directory=str(BIN))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: " in done.stdout
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 0.5  # of processor time: others may be at work

"""One process at a time in a directory."""

import fcntl
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

from igam_tf.core import locks
from igam_tf.core.errors import InputError, StorageError

HOLDER = """
import pathlib, sys, time
from igam_tf.core import locks
with locks.locked(pathlib.Path(sys.argv[1]), print):
    print("locked", flush=True)
    time.sleep(60)
"""
SINCE = r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"


def _no_line(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "runs/one"


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_taken_over(
    place: pathlib.Path,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        holder = f"process {process.pid} on {re.escape(socket.gethostname())} {SINCE}"
        message = f"^run_dir: {re.escape(str(place))} is in use by {holder}$"
        with pytest.raises(InputError, match=message), locks.locked(place, _no_line):
            pass
        process.send_signal(signal.SIGKILL)
    assert (place / "lock").exists()
    lines: list[str] = []
    with locks.locked(place, lines.append):
        assert (place / "lock").read_text().startswith(f"process {os.getpid()} on ")
    assert len(lines) == 1
    assert re.fullmatch(f"one: its lock is taken over from {holder}, which has ended", lines[0])


def test_a_lock_leaves_nothing(place: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(KeyError), locks.locked(place, _no_line):
        raise KeyError
    assert not list(tmp_path.iterdir())
    with locks.locked(place, _no_line):
        (place / "file").touch()
    assert [file.name for file in place.iterdir()] == ["file"]


def test_within_a_process(place: pathlib.Path) -> None:
    with locks.locked(place, _no_line):
        message = f"in use by process {os.getpid()} on"
        with pytest.raises(InputError, match=message), locks.locked(place, _no_line):
            pass
        assert (place / "lock").exists()


def test_a_file_removed_in_between(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other process frees its lock after this one has opened the file."""
    original, calls = fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        if not calls:
            (place / "lock").unlink()
        calls.append(operation)
        original(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with locks.locked(place, _no_line):
        assert len(calls) == 2
        assert (place / "lock").read_text().startswith("process ")


def test_a_file_system_without_locks(place: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    lines: list[str] = []
    with locks.locked(place, lines.append):
        pass
    assert lines == [
        f"WARNING {place}: its file system has no locks (No locks available); no second process "
        "may use it"
    ]


@pytest.mark.parametrize("name", ["open", "pwrite"])
def test_a_read_only_place(
    place: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, name: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    message = f"^{place}/lock cannot be written: Read-only file system$"
    with monkeypatch.context() as patch:
        patch.setattr(locks.os, name, fail)
        with pytest.raises(StorageError, match=message), locks.locked(place, _no_line):
            pass
    with locks.locked(place, lambda line: None) as require_place:
        require_place()
        place.rename(tmp_path / "elsewhere")
        with pytest.raises(StorageError, match=f"^{place} cannot be written: it has vanished"):
            require_place()

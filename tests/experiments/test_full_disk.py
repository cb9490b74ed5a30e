"""A disk that is full from the n-th write on: one line, nothing lost, and the run goes on later."""

import errno
import os
import pathlib
import resource
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from igam_tf.core import files
from igam_tf.core.errors import StorageError
from igam_tf.experiments import runs
from igam_tf.experiments.options import Options

from .. import tiny
from . import small

WRITES = 29  # of a small run: its lock, states, settings, history and model


@pytest.fixture(autouse=True)
def _file_sizes(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Restores the limit. Output is captured in memory, where the limit does not reach it."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Disk:
    """Fills itself at the n-th write: no file may grow beyond `room` bytes, and no name be added.

    Args:
      monkeypatch: of the functions that every write calls.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int, room: int = 0) -> None:
        self.calls, self._n, self._room = 0, n, room
        monkeypatch.setattr(os, "replace", self._counted(os.replace))
        monkeypatch.setattr(os, "pwrite", self._counted(os.pwrite))
        monkeypatch.setattr(files, "_temporary", self._filling(files._temporary))

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls >= self._n:
                raise OSError(errno.ENOSPC, "No space left on device")
            return function(*arguments)

        return call

    def _filling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls >= self._n:
                _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (self._room, most))
            return function(*arguments)

        return call


@pytest.mark.slow
def test_the_number_of_writes(
    finished: Options, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, 1000)
    runs.train(small.ROBUST, tmp_path, finished)
    assert disk.calls == WRITES


QUICK = (15, 1000)


def _marks(n: int, room: int) -> Any:
    if (n, room) == QUICK:
        return ()
    return pytest.mark.slow if room == 0 and n % 4 == 1 else tiny.LONG


@pytest.mark.parametrize(
    ("n", "room"),
    [
        pytest.param(n, room, marks=_marks(n, room))
        for n in range(1, WRITES + 1)
        for room in (0, 1000)
    ],
)
def test_a_disk_that_is_full_from_a_write_on(
    finished: Options, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, n: int, room: int
) -> None:
    directory = tmp_path / "run"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with monkeypatch.context() as patch:
        Disk(patch, n, room)
        with pytest.raises(StorageError) as error:
            runs.train(small.ROBUST, directory, finished)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value).startswith(f"{directory}")
    assert " cannot be written: " in str(error.value)
    assert "\n" not in str(error.value)
    assert not [file for file in tmp_path.rglob("*") if files.is_temporary(file)]
    runs.train(small.ROBUST, directory, finished, resume=True)
    whole = runs.directory_of(small.ROBUST, finished)
    assert tiny.equal(small.values(directory), small.values(whole))
    assert (directory / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert {path.name for path in directory.iterdir()} == {path.name for path in whole.iterdir()}

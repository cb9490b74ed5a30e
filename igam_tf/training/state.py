"""States of a training on disk: the last two, each a directory that is written whole or not at all.

state/epoch-3/       after three epochs: state.index, state.data-..., digests.json
state/epoch-3+17/    after 17 more iterations
"""

import hashlib
import json
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf.core import files
from igam_tf.core.errors import InputError, StorageError

_NAME = re.compile(r"epoch-(\d+)(?:\+(\d+))?")
_DIGESTS = "digests.json"
_NUMBER = 2  # of states that are kept
# What TensorFlow makes of a disk that is full, read-only or gone; not of workers that have ended.
_WRITE_ERRORS = (
    *(tf.errors.ResourceExhaustedError, tf.errors.PermissionDeniedError, tf.errors.UnknownError),
    *(tf.errors.NotFoundError, tf.errors.FailedPreconditionError, tf.errors.OutOfRangeError),
    *(tf.errors.DataLossError, tf.errors.InvalidArgumentError),
)


class DamagedStateError(Exception):
    """A state on disk is not what was written."""


class TrainingState:
    """A trainer's weights, optimisers, iteration and epoch on disk.

    Args:
      directory: where states are saved.
      require_place: called before each write; raises where the directory is no longer this run's.
      keep_every: the state after every N-th epoch stays; 0 for the last two alone.

    Attributes:
      epoch: number of whole epochs.
      step: number of iterations in the epoch after those.
      sums: `Trainer.sums` after these iterations.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        require_place: Callable[[], object] = lambda: None,
        keep_every: int = 0,
        **tracked: Any,
    ) -> None:
        self.require_place = require_place
        self._directory, self._keep_every = directory, keep_every
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.sums = tf.Variable(np.zeros(0), shape=[None], dtype=tf.float64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(
            epoch=self.epoch, step=self.step, sums=self.sums, **tracked
        )

    def restore(
        self, directory: pathlib.Path | None = None, log: Callable[[str], object] = print
    ) -> int:
        """Loads the newest state that is whole; returns the number of its whole epochs.

        Args:
          directory: of the states, where that is not the one of later states.
          log: takes a line for each damaged state.

        Raises:
          InputError: no state is whole.
        """
        directory = directory or self._directory
        for path in _states(directory):
            try:
                _require_whole(path)
                self._checkpoint.read(str(path / "state")).assert_existing_objects_matched()
            except (DamagedStateError, tf.errors.OpError, AssertionError) as error:
                reason = str(error).partition("\n")[0]
                log(f"WARNING {path} is damaged ({reason}); the state before it is used")
            else:
                return int(self.epoch.numpy())
        raise InputError(
            f"run_dir: {directory.parent} holds a run without a whole state in {directory.name}/; "
            "--restart begins it anew"
        )

    def save(self, epoch: int, step: int = 0, sums: Sequence[float] = ()) -> None:
        """Writes a state; removes those after it, and all but the last two before it.

        Raises:
          StorageError: it cannot be written. Those before it are left.
        """
        self.epoch.assign(epoch)
        self.step.assign(step)
        self.sums.assign(np.array(sums, np.float64))
        self.require_place()
        path = self._directory / (f"epoch-{epoch}+{step}" if step else f"epoch-{epoch}")
        try:
            with files.replacing_directory(path) as temporary:
                self._checkpoint.write(str(temporary / "state"))
                files.write_text(temporary / _DIGESTS, json.dumps(_digests(temporary), indent=1))
        except _WRITE_ERRORS as error:
            raise StorageError(f"{path} cannot be written: {error.message}") from error
        self._prune(path)

    def close(self) -> None:
        """Removes the states of a finished run, without those of `keep_every`."""
        for path in self._directory.iterdir():
            if not self._stays(path):
                files.remove(path)
        if not any(self._directory.iterdir()):
            self._directory.rmdir()

    def _prune(self, newest: pathlib.Path) -> None:
        states = list(_states(self._directory))
        place = states.index(newest)
        for path in self._directory.iterdir():
            is_recent = path in states[place : place + _NUMBER]
            is_later = path in states[:place]
            if not is_recent and (is_later or not self._stays(path)):
                files.remove(path)

    def _stays(self, path: pathlib.Path) -> bool:
        epoch, step = _position(path) or (0, 1)
        return bool(self._keep_every and epoch and not step and epoch % self._keep_every == 0)


def _position(path: pathlib.Path) -> tuple[int, int] | None:
    """Epochs and further iterations of a state, by its name; None of another file."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2] or 0)) if match else None


def _states(directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """The states on disk, the newest first."""
    paths = directory.iterdir() if directory.is_dir() else ()
    positions = {path: position for path in paths if (position := _position(path))}
    return iter(sorted(positions, key=lambda path: positions[path], reverse=True))


def _digests(path: pathlib.Path) -> dict[str, str]:
    """The SHA-256 of each file of a state."""
    digests = {}
    for file in sorted(path.iterdir()):
        with file.open("rb") as stream:
            digests[file.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests


def _require_whole(path: pathlib.Path) -> None:
    try:
        expected = json.loads((path / _DIGESTS).read_text())
        digests = _digests(path)
    except (OSError, ValueError) as error:
        raise DamagedStateError(f"{_DIGESTS} is missing or not readable") from error
    del digests[_DIGESTS]
    if digests != expected:
        names = {name for name, _ in digests.items() ^ dict(expected).items()}
        raise DamagedStateError(f"{', '.join(sorted(names))}: missing or changed")

"""Callbacks of every training run: resumable state, history, a stop at the first number that is
none.
"""

import csv
import io
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf.core import files
from igam_tf.core.errors import DivergedError


class State:
    """A trainer's state on disk: weights, optimisers, iteration and epoch, replaced as a whole at
    each save.
    """

    def __init__(self, directory: pathlib.Path, **tracked: Any) -> None:
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(epoch=self.epoch, **tracked)
        self._manager = tf.train.CheckpointManager(checkpoint, str(directory), max_to_keep=1)

    def restore(self) -> int:
        """Loads the newest state, if any; the number of epochs that it has behind it."""
        if self._manager.latest_checkpoint:
            self._manager.checkpoint.restore(
                self._manager.latest_checkpoint
            ).assert_existing_objects_matched()
        return int(self.epoch.numpy())

    def save(self, epoch: int) -> None:
        self.epoch.assign(epoch)
        self._manager.save(checkpoint_number=epoch)


class Keeper(keras.callbacks.Callback):
    """After every epoch: checks that all is finite, appends to the history, saves the state.

    Raises:
      DivergedError: out of `fit`, when the loss (looked at every `check_every` iterations) or a
        weight is not finite.
    """

    def __init__(
        self, state: State, history: pathlib.Path, weights: list[Any], check_every: int = 50
    ) -> None:
        super().__init__()
        self._state, self._history, self._weights, self._check_every = (
            state,
            history,
            weights,
            check_every,
        )
        self._running = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch % self._check_every == 0:
            self._require_finite(
                float((logs or {})["loss"]), f"iteration {batch} of epoch {self._running}"
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._running = epoch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        self._require_finite(numbers["loss"], f"epoch {epoch + 1}")
        if not all(
            bool(tf.reduce_all(tf.math.is_finite(tf.convert_to_tensor(w)))) for w in self._weights
        ):
            raise self._diverged(f"a weight is not finite after epoch {epoch + 1}")
        append_history(self._history, {"epoch": epoch + 1, **numbers})
        self._state.save(epoch + 1)

    def _require_finite(self, loss: float, where: str) -> None:
        if not np.isfinite(loss):
            raise self._diverged(f"the loss is {loss} at {where}")

    def _diverged(self, what: str) -> DivergedError:
        good = int(self._state.epoch.numpy())
        kept = (
            f"the state after epoch {good} is kept" if good else "there was no good epoch to keep"
        )
        return DivergedError(f"training diverged: {what}; {kept}")


def append_history(path: pathlib.Path, row: dict[str, float]) -> None:
    """One line of history; an earlier line of the same epoch (saved, but not its state) and all
    behind it are dropped.
    """
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="") as stream:
            rows = [r for r in csv.DictReader(stream) if int(r["epoch"]) < row["epoch"]]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, row])
    files.write_text(path, text.getvalue())

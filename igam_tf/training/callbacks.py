"""Callbacks of every training run: a stop at the first NaN, history, progress."""

import csv
import io
import pathlib
from typing import Any

import keras
import numpy as np

from igam_tf.core import files
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.core.progress_bar import ProgressBar
from igam_tf.training.state import TrainingState


class TrainingMonitor(keras.callbacks.Callback):
    """Checks loss and weights; stands before callbacks that use the weights.

    Raises:
      DivergedError: out of `fit`, when a weight, or the loss at every `check_every`-th iteration or
        at an epoch's end, is NaN or infinite.
    """

    def __init__(
        self,
        state: TrainingState,
        weights: list[Any],
        check_every: int = 50,
    ) -> None:
        super().__init__()
        self._state, self._weights = state, weights
        self._check_every, self._epoch = check_every, 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch % self._check_every == 0:
            place = f"iteration {batch} of epoch {self._epoch}"
            self._require_finite_loss(float((logs or {})["loss"]), place)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.require_finite(logs or {}, f"epoch {epoch + 1}")

    def require_finite(self, logs: dict[str, Any], place: str) -> None:
        """Checks loss and weights now."""
        self._require_finite_loss(float(logs["loss"]), place)
        if not all(np.isfinite(weight.numpy()).all() for weight in self._weights):
            raise self._diverged(f"a weight is not finite after {place}")

    def _require_finite_loss(self, loss: float, place: str) -> None:
        if not np.isfinite(loss):
            raise self._diverged(f"the loss is {loss} at {place}")

    def _diverged(self, reason: str) -> DivergedError:
        saved = int(self._state.epoch.numpy())
        remains = f"the state after epoch {saved} is kept" if saved else "no epoch was saved"
        return DivergedError(f"training diverged: {reason}; {remains}")


class TrainingRecord(keras.callbacks.Callback):
    """Appends the logs of every epoch to the history, then saves the state."""

    def __init__(self, state: TrainingState, history: pathlib.Path) -> None:
        super().__init__()
        self._state, self._history = state, history

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._state.require_place()
        row = {name: float(value) for name, value in (logs or {}).items()}
        append_history(self._history, {"epoch": epoch + 1, **row})
        self._state.save(epoch + 1)


class RunProgress(keras.callbacks.Callback):
    """Shows iterations and main metrics on one bar for a whole run, in however many calls of `fit`.

    Args:
      bar: in iterations, beginning where the run begins.
    """

    METRICS = ("loss", "disc_accuracy", "accuracy")  # means over the epoch so far

    def __init__(self, bar: ProgressBar) -> None:
        super().__init__()
        self._bar, self._iterations_before = bar, bar.done

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._iterations_before = self._bar.done

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        metrics = {name: logs[name] for name in self.METRICS if name in logs} if logs else {}
        self._bar.report(self._iterations_before + batch + 1, metrics)


def append_history(path: pathlib.Path, row: dict[str, float]) -> None:
    """Adds a line to the history; drops earlier lines of the same and of later epochs.

    A run that was interrupted between a line and its state trains that epoch again.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
    writer.writeheader()
    writer.writerows([*read_history(path, int(row["epoch"]) - 1), row])
    files.write_text(path, text.getvalue())


def read_history(path: pathlib.Path, epochs: int) -> list[dict[str, Any]]:
    """The lines of the first `epochs` epochs, as text by column; none without a file."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if int(row["epoch"]) <= epochs]


def require_history(path: pathlib.Path, epochs: int) -> None:
    """Checks the history of a run before it is resumed.

    Raises:
      InputError: it does not have the lines of the first `epochs` epochs.
    """
    try:
        lines = [int(row["epoch"]) for row in read_history(path, epochs)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        lines = []
    if lines != list(range(1, epochs + 1)):
        raise InputError(
            f"{path}: expected the lines of {epochs} epochs; --restart begins the run anew"
        )

"""A signal in `fit`: the state is saved after the iteration that runs."""

from typing import Any

import keras

from igam_tf.core.signals import Signals
from igam_tf.training.callbacks import TrainingMonitor
from igam_tf.training.state import TrainingState


class InterruptionPoint(keras.callbacks.Callback):
    """Saves the state of an epoch that is begun, and goes on from such a state.

    It is the last callback of a list. On several replicas it leaves the last epoch's state, because
    each replica has its own sums of metrics, and workers do not stop at the same iteration.

    Args:
      state: restored before `fit`.
      signals: asked after each iteration and each epoch.
      monitor: what has diverged is not saved.
      replicated: whether there are several replicas.
    """

    def __init__(
        self, state: TrainingState, signals: Signals, monitor: TrainingMonitor, replicated: bool
    ) -> None:
        super().__init__()
        self._state, self._signals, self._monitor = state, signals, monitor
        self._replicated = replicated
        self._epoch = self._step = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Gives the metrics their sums in the iterations before: Keras has just reset them."""
        self._epoch = epoch
        self._step = int(self._state.step.numpy()) if epoch == self._state.epoch.numpy() else 0
        if self._step:
            values = self._state.sums.numpy().tolist()
            for variable, value in zip(self.model.sums, values, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if not self._signals.number or batch + 1 == self.params["steps"]:
            return
        if self._replicated:
            self._signals.require_none(
                f"the state after epoch {self._epoch} is kept; --resume goes on with it"
            )
        self._monitor.require_finite(logs or {}, f"iteration {batch} of epoch {self._epoch + 1}")
        step = self._step + batch + 1
        sums = [float(variable.numpy()) for variable in self.model.sums]
        self._state.save(self._epoch, step, sums)
        self._require_none(f"iteration {step} of epoch {self._epoch + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._require_none(f"epoch {epoch + 1}")

    def _require_none(self, place: str) -> None:
        self._signals.require_none(f"the state after {place} is saved; --resume goes on with it")

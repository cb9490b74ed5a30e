"""Callbacks that validate under an attack, and keep the weights that do best under it.

Robust accuracy on held-out images often falls again while clean accuracy and the loss still improve
(robust overfitting; Rice, Wong and Kolter 2020)::

    trainer.fit(stream, steps_per_epoch=100, epochs=20, callbacks=[
        training.RobustValidation((x_held_out, y_held_out), "pgd10"),
        training.BestWeights("val_pgd10")])
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import attacks
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.data.forms import split_of
from igam_tf.layers import check_statistics
from igam_tf.training.trainer import Trainer


class RobustValidation(keras.callbacks.Callback):
    """Adds accuracy under an attack to the logs of every epoch, as `val_NAME`: `val_pgd10`.

    It stands before the callbacks that read it, such as `EarlyStopping` or `ModelCheckpoint` with
    `monitor="val_pgd10", mode="max"`. By default an epoch costs 20 batches of input gradients more.
    The attack starts from the same points in every epoch, so that epochs can be compared.

    Args:
      data: held-out images in the model's pixel range and integer labels, in any form that
        `igam_tf.evaluation.evaluate` takes. A `Dataset` gives its validation split, or its test
        split where it has none. Report results on other images than these.
      attack: a name such as `"pgd10"`, or an attack (`igam_tf.attacks.resolve`).
      epsilon, step_size: of an attack by name, as attacks take them.
      num_examples: the first so many are attacked; None for all.
      batch_size: images at a time.
      bounds: pixel range, `Bounds` or (low, high); by default the model's.
      statistics: BatchNorm mode, `"moving"` or `"batch"`.
      seed: of the attack.

    Raises:
      InputError: an unknown attack or mode, data of another form; out of `fit`, what the attack
        raises.
    """

    def __init__(
        self,
        data: Any,
        attack: Any = "pgd10",
        *,
        epsilon: Amount = "8/255",
        step_size: Amount = "2/255",
        num_examples: int | None = 200,
        batch_size: int = 100,
        bounds: Any = None,
        statistics: str = "moving",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.attack = attacks.resolve(attack, epsilon, step_size)
        self._split = split_of(data, num_examples, "validation")
        self._settings: dict[str, Any] = {
            "batch_size": batch_size,
            "bounds": bounds,
            "statistics": check_statistics(statistics),
            "seed": seed,
        }

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        model = self.model.model if isinstance(self.model, Trainer) else self.model
        result = self.attack.run(model, self._split.pixels(), self._split.labels, **self._settings)
        if logs is not None:
            logs[f"val_{self.attack.name}"] = float(np.mean(result.correct))


class BestWeights(keras.callbacks.Callback):
    """Restores a trainer's weights of the best epoch when `fit` ends; never stops `fit`.

    Among equal epochs the first is the best, over all calls of `fit` with this callback. Only
    weights are restored, the iteration count included: the optimisers keep the momentum and the
    update count of the last epoch. To go on training from the best epoch, or to keep its weights on
    disk, use Keras' `ModelCheckpoint(save_best_only=True, save_weights_only=True)`.

    Args:
      monitor: the entry of the logs that is compared.
      mode: `"max"` or `"min"`.
      restore_best_weights: False leaves the last weights at the end; `restore` gives the best.

    Attributes:
      state: the variables that a resumed training restores; complete after `set_model`.

    Raises:
      InputError: another mode; out of `fit`, where the logs lack `monitor`: a misspelt name, or the
        callback that adds it comes after this one.
    """

    def __init__(
        self, monitor: str = "val_pgd10", mode: str = "max", restore_best_weights: bool = True
    ) -> None:
        super().__init__()
        if mode not in ("max", "min"):
            raise InputError(f"mode: expected max or min, got {mode!r}")
        self.monitor, self.mode = monitor, mode
        self.restore_best_weights = restore_best_weights
        self.state: dict[str, Any] = {}

    @property
    def epoch(self) -> int:
        """The best epoch, counted from 1; 0 before the first."""
        return int(self.state["epoch"].numpy())

    @property
    def value(self) -> float:
        """The monitored value of the best epoch."""
        return float(self.state["value"].numpy())

    def set_model(self, model: keras.Model) -> None:
        if model is self._model:
            return
        super().set_model(model)
        worst = -np.inf if self.mode == "max" else np.inf
        self.state = {
            "epoch": tf.Variable(0, trainable=False),
            "value": tf.Variable(worst, dtype=tf.float64, trainable=False),
            "weights": [
                tf.Variable(w.value, trainable=False, dtype=w.dtype) for w in model.weights
            ],
        }

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.monitor not in (logs or {}):
            names = ", ".join(logs or {})
            raise InputError(f"BestWeights: {self.monitor} is not in the logs of an epoch: {names}")
        value = float((logs or {})[self.monitor])
        if value > self.value if self.mode == "max" else value < self.value:
            self.state["epoch"].assign(epoch + 1)
            self.state["value"].assign(value)
            for best, weight in zip(self.state["weights"], self.model.weights, strict=True):
                best.assign(weight.value)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self.restore_best_weights:
            self.restore()

    def restore(self) -> None:
        """Gives the model the weights of the best epoch, if there is one."""
        if self.epoch:
            for weight, best in zip(self.model.weights, self.state["weights"], strict=True):
                weight.assign(best)

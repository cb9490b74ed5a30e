"""TensorFlow 1's momentum and the release's learning-rate schedule."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError


@keras.saving.register_keras_serializable("igam_tf")
class Momentum(keras.optimizers.Optimizer):
    """TensorFlow 1's MomentumOptimizer without Nesterov: `a = momentum * a + g; w -= lr * a`.

    Keras' SGD has the learning rate inside its velocity. The two agree while the rate is constant;
    when it drops tenfold, SGD's velocity is ten times too large at first.
    """

    def __init__(
        self, learning_rate: Any = 0.1, momentum: float = 0.9, name: str = "momentum", **kwargs: Any
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = float(momentum)

    def build(self, variables: Sequence[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self.accumulators = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        accumulator = self.accumulators[self._get_variable_index(variable)]
        # One pass over the variable, where elementary operations take five.
        tf.raw_ops.ResourceApplyMomentum(
            var=_handle(variable),
            accum=_handle(accumulator),
            lr=tf.cast(learning_rate, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
            momentum=tf.cast(self.momentum, variable.dtype),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


def _handle(variable: Any) -> tf.Tensor:
    """The resource of a Keras variable, or of the TensorFlow variable that Keras passes instead."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


@keras.saving.register_keras_serializable("igam_tf")
class SteppedSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Piecewise constant rate; the step at a boundary has the earlier rate, as in TensorFlow 1.

    Boundaries are iterations of the trainer: `start + every * updates`, where `updates` counts the
    optimiser's own steps. An optimiser that steps at every iteration has every=1, start=0.

    Raises:
      InputError: not one rate more than boundaries, or boundaries that do not rise.
    """

    def __init__(
        self,
        values: Sequence[float],
        boundaries: Sequence[int] = (),
        every: int = 1,
        start: int = 0,
    ) -> None:
        if len(values) != len(boundaries) + 1 or list(boundaries) != sorted(boundaries):
            raise InputError(
                f"schedule: {len(values)} learning rates need {len(values) - 1} rising boundaries, "
                f"got {list(boundaries)}"
            )
        self.values, self.boundaries = list(map(float, values)), list(map(int, boundaries))
        self.every, self.start = int(every), int(start)

    def __call__(self, step: Any) -> tf.Tensor:
        iteration = self.start + self.every * tf.cast(step, tf.int64)
        passed = tf.reduce_sum(
            tf.cast(iteration > tf.constant(self.boundaries, tf.int64), tf.int32)
        )
        return tf.gather(tf.constant(self.values, tf.float32), passed)

    def get_config(self) -> dict[str, Any]:
        return {
            "values": self.values,
            "boundaries": self.boundaries,
            "every": self.every,
            "start": self.start,
        }

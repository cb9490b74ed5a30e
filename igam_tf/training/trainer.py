"""The base class of the trainers: Keras' steps, metrics, weights and checks."""

import abc
import functools
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import keras
import tensorflow as tf

from igam_tf.core import modes
from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.layers import batch_norm
from igam_tf.training import checks
from igam_tf.training.optimizers import Momentum
from igam_tf.training.replicated_model import ReplicatedModel

Parts = dict[str, tf.Tensor]


class Trainer(ReplicatedModel):
    """A Keras model that trains another in place; calling it calls that model.

    `fit`, `evaluate`, `train_on_batch` and `test_on_batch` take images [B, H, W, C] in the model's
    pixel range and integer labels [B], in any form that Keras takes. The first batch of each call
    is checked.

    * `optimizer` is the model's: callbacks that set a learning rate reach it.
    * `evaluate` and `validation_data` give the parts of the loss and the accuracy on clean images,
      in inference mode, each averaged over the images.
    * `sample_weight` and `class_weight` multiply each image's cross-entropy, not its accuracy.
    * Losses of the model's regularisers are added to `loss`.
    * `metrics` of `compile` are computed on the step's logits, beside `accuracy`.
    * Models built under `mixed_bfloat16` are trained in it; losses are float32.
    * Built and compiled in the scope of a `tf.distribute.MirroredStrategy`, with its models, a
      trainer uses all of the strategy's devices (`igam_tf.training.distribution`).
    * A trainer's weights are saved by `save_weights`, and by `ModelCheckpoint` with
      `save_weights_only=True`. The trainer itself is not: save its model.

    Args:
      model: the model to train.
      parts: names of the numbers that a step reports.
      name: the trainer's name, which begins its error messages.

    Raises:
      InputError: a model that ends in a softmax or computes in float16.
    """

    _product = "model"  # the attribute that users save
    _accuracy: keras.metrics.Metric

    def __init__(self, model: keras.Model, parts: Sequence[str], name: str) -> None:
        # Under a mixed policy Keras would cast the trainer's input and wrap its optimiser.
        super().__init__(name=name, dtype=full_precision())
        checks.require_trainable(model)
        self.model = model
        self.iteration = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="iteration"
        )
        self.weight_average: Any = None  # a `WeightAverage` sets itself
        self._trackers = {part: keras.metrics.Mean(part) for part in parts}
        self.built = True  # Keras saves no weights of a model that is not built

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The variables that `optimizer` updates."""
        return self.model.trainable_variables

    @abc.abstractmethod
    def _train(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        """One update on a batch.

        Args:
          x: images [B, H, W, C], float32 (float64 if that is Keras' floatx).
          y: labels [B], int32.
          weights: float32 [B], or None.

        Returns:
          The numbers to report, and the logits [B, classes].
        """

    @abc.abstractmethod
    def _validate(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        """The same numbers on clean images, in inference mode and without an update."""

    def _counts(self, parts: Parts) -> Mapping[str, tf.Tensor]:
        """The weight of this step in the mean of each part; 1 for a part that is absent."""
        return {}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The trainer's trackers in place of Keras' tracker of the loss, then the metrics."""
        return [
            *self._trackers.values(),
            *(m for m in super().metrics if m.name not in self._trackers),
        ]

    @property
    def sums(self) -> list[keras.Variable]:
        """Scalars from which a step's numbers and `accuracy` are averaged over an epoch."""
        metrics = [*self._trackers.values(), self._accuracy]
        return [variable for metric in metrics for variable in metric.variables]

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return self.model(inputs, training=training)

    def compile(
        self,
        optimizer: Any = None,
        loss: None = None,
        *,
        metrics: Sequence[Any] | None = None,
        sync_batchnorm: bool = False,
        **kwargs: Any,
    ) -> None:
        """Sets the optimiser, by default `Momentum(0.1)`; other arguments are Keras'.

        Args:
          sync_batchnorm: on replicas, whether `BatchNorm` uses the statistics of the whole batch,
            as on one device, wherever a step uses batch statistics; else each replica uses those of
            its part. One device has the whole batch anyway.

        XLA is off unless `jit_compile=True`, where Keras' default turns it on on a GPU.

        Raises:
          InputError: a `loss`, for a trainer has its own; moving averages of weights (`use_ema`)
            where the optimiser trains only some of them; under a strategy, what
            `igam_tf.training.distribution` does not support.
        """
        if loss is not None:
            raise InputError(f"compile: {self.name} has its own loss; leave out loss={loss!r}")
        kwargs.setdefault("jit_compile", False)
        # Keras' callbacks know its own metric's direction without `mode="max"`.
        accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
        # Past Keras, which lists the metrics of `compile` once the first step has built them.
        object.__setattr__(self, "_accuracy", accuracy)
        extra = [metric for metric in metrics or [] if metric != "accuracy"]
        super().compile(optimizer=optimizer or Momentum(), metrics=[accuracy, *extra], **kwargs)
        if self.optimizer.use_ema and len(self.trained_variables) != len(self.trainable_variables):
            raise InputError(
                f"use_ema: Keras averages all trainable weights, of which {self.name} trains a "
                "part by this optimiser"
            )
        self._sync_batchnorm = sync_batchnorm and self.distribute_strategy.num_replicas_in_sync > 1
        self._require_scope()
        # The optimiser's variables must exist before the branches of a conditional are traced.
        self.optimizer.build(self.trained_variables)

    def _models(self) -> list[keras.Model]:
        return [self.model]

    def _optimizers(self) -> list[keras.optimizers.Optimizer]:
        return [self.optimizer]

    def _train_replicas(self, data: Any) -> None:
        self.distribute_strategy.run(functools.partial(self._measured, self._train), (data,))

    def _check_batch(self, data: Any) -> None:
        checks.require_batch(self.model, checks.bounds_or_all(self.model), data)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        results = self._measured(self._train, data)
        self._count_iteration()
        return results

    def _count_iteration(self) -> None:
        self.iteration.assign_add(1)
        if self.weight_average is not None:
            self.weight_average.update()

    def _measured(self, update: Any, data: Any) -> dict[str, tf.Tensor]:
        """Runs an update of the form of `_train`; adds its numbers to the metrics."""
        x, y, weights = self._tensors(data)
        # A random pad has one place in a whole step, by its seed and the iteration.
        mode = modes.in_mode(step=self.iteration, synchronized=self._sync_batchnorm)
        with mode, batch_norm.one_exchange():
            parts, logits = update(x, y, weights)
        return self._report(parts, self._counts(parts), x, y, logits, weights)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, weights = self._tensors(data)
        with modes.in_mode(synchronized=self._sync_batchnorm):
            parts, logits = self._validate(x, y, weights)
        # The last batch may be smaller.
        images = tf.shape(x)[0]
        if self._strategy is not None:  # a replica without images has no means
            parts = {name: tf.where(images > 0, value, 0.0) for name, value in parts.items()}
        return self._report(parts, dict.fromkeys(parts, images), x, y, logits, weights)

    def _tensors(self, data: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        return (
            tf.cast(x, self.compute_dtype),
            tf.cast(y, tf.int32),
            None if weights is None else tf.cast(weights, self.compute_dtype),
        )

    def _report(
        self,
        parts: Parts,
        counts: Mapping[str, tf.Tensor],
        x: tf.Tensor,
        y: tf.Tensor,
        logits: tf.Tensor,
        weights: tf.Tensor | None,
    ) -> dict[str, tf.Tensor]:
        for name, value in parts.items():
            self._trackers[name].update_state(value, sample_weight=counts.get(name))
        results = self.compute_metrics(x, y, logits, weights)
        return {
            name: value
            for name, value in results.items()
            if name in parts or name not in self._trackers
        }

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises an InputError: a trainer is not saved."""
        self.get_config()

    def get_config(self) -> NoReturn:
        """Raises an InputError: a trainer is not saved."""
        raise InputError(
            f"{self.name}: a trainer is not saved; save what it trains: "
            f"{self.name}.{self._product}.save(path), or its weights: save_weights"
        )


def regularized(loss: tf.Tensor, *layers: keras.layers.Layer) -> tf.Tensor:
    """The loss plus the regularisation losses of the layers' last call."""
    for layer in layers:
        for penalty in layer.losses:
            loss += tf.cast(tf.reduce_sum(penalty), loss.dtype)
    return loss

"""Training on the replicas of a `tf.distribute` strategy, equal to training on one device.

A trainer that is built and compiled in the scope of a `tf.distribute.MirroredStrategy`, together
with its models and optimisers, trains on all replicas. Each takes an equal, contiguous part of
every batch, and does its share of one device's update (`igam_tf.training.replicas`)::

    with tf.distribute.MirroredStrategy().scope():
        trainer = AdversarialTrainer(models.wide_resnet(...), epsilon="8/255")
        trainer.compile(Momentum(0.1), sync_batchnorm=True)
    trainer.fit(stream)

By default `BatchNorm` uses the statistics of each replica's part, which is another algorithm than
that of one device; its moving averages receive the mean over replicas. With `sync_batchnorm=True`
it uses those of the whole batch.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf.adapters import Pad
from igam_tf.core.errors import InputError
from igam_tf.core.structure import walk
from igam_tf.training.strategies import agree

StepFn = Callable[[Any], dict[str, tf.Tensor]]


class ReplicatedStep:
    """Keras' step function on several replicas; takes an iterator of batches.

    Each batch is divided into contiguous parts, or was divided with its dataset.

    Args:
      strategy: whose replicas take the parts of a batch.
      step: a batch in parts to the results, in cross-replica context.
      batches: taken in one call (Keras' `steps_per_execution`).
      eager: whether the step is not compiled.
      equal: whether the step needs parts of equal size; otherwise some may even be empty.

    Raises:
      InputError: in a call, a batch that the replicas do not divide into equal parts.
      StopIteration: in a call, an iterator without a batch.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, step: StepFn, batches: int, eager: bool, equal: bool
    ) -> None:
        self._strategy, self._batches, self._equal = strategy, batches, equal
        self._worker_size: int | None = None  # of this worker's part, where there are several
        self._step = step if eager else tf.function(step, autograph=False, reduce_retracing=True)

    def __call__(self, iterator: Iterator[Any]) -> dict[str, tf.Tensor]:
        is_divided = isinstance(iterator, (tf.distribute.DistributedIterator, DividedBatches))
        if isinstance(iterator, DividedBatches):  # the first ones of a `fit`
            self._worker_size = None
        results = None
        for batch in itertools.islice(iterator, self._batches):
            results = self._step(self._in_parts(batch, is_divided))
        if results is None:
            raise StopIteration
        return results

    def _in_parts(self, batch: Any, is_divided: bool) -> Any:
        """The batch as a tuple of per-replica values, without the elements that are absent."""
        values = [value for value in batch if value is not None and not _is_optional(value)]
        sizes = [len(part) for part in self._strategy.experimental_local_results(values[0])]
        replicas = self._strategy.num_replicas_in_sync
        is_equal = len(set(sizes)) == 1 if is_divided else sizes[0] % replicas == 0
        if self._equal and is_divided and self._is_multi_worker:
            self._require_one_size(sum(sizes))
        if self._equal and not is_equal:
            raise InputError(
                f"batch: {replicas} replicas do not divide a batch of {sum(sizes)} images into "
                "equal parts"
            )
        return tuple(values if is_divided else map(self._split, values))

    @property
    def _is_multi_worker(self) -> bool:
        return isinstance(self._strategy, tf.distribute.MultiWorkerMirroredStrategy)

    def _require_one_size(self, size: int) -> None:
        """Checks this worker's part of a batch: workers compare the sizes of the first one only."""
        is_first, self._worker_size = self._worker_size is None, self._worker_size or size
        if (is_first and not agree(self._strategy, size)) or size != self._worker_size:
            raise InputError(
                f"batch: this worker has {size} images, and other workers or batches another "
                "number; several workers train on batches of one size, which they divide"
            )

    def _split(self, value: Any) -> Any:
        """The contiguous parts of a whole batch; their sizes differ by one image at most."""
        value = tf.convert_to_tensor(value)

        def of_replica(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
            place, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
            begin, end = (len(value) * each // replicas for each in (place, place + 1))
            return value[begin:end]

        return self._strategy.experimental_distribute_values_from_function(of_replica)


class DividedBatches(Iterator[Any]):
    """Batches whose parts the replicas have already, as those of a `DistributedIterator`.

    A worker with one device has its part as a plain tensor, like a whole batch.
    """

    def __init__(self, batches: Sequence[Any]) -> None:
        self._batches = iter(batches)

    def __next__(self) -> Any:
        return next(self._batches)


def _is_optional(part: Any) -> bool:
    """Whether it is the empty `Optional` that Keras puts in place of absent weights."""
    first = part.values[0] if isinstance(part, tf.distribute.DistributedValues) else part
    return isinstance(first, tf.experimental.Optional)


def first_part(strategy: tf.distribute.Strategy, iterator: Any) -> Any:
    """The first replica's part of the first batch of Keras' iterator over steps."""
    _, _, batches = next(iter(iterator))
    batch = next(batches)
    return tuple(
        strategy.experimental_local_results(part)[0] for part in batch if not _is_optional(part)
    )


def whole(batch: Any) -> Any:
    """The batch in NumPy arrays, its parts joined."""

    def joined(part: Any) -> Any:
        if not isinstance(part, tf.distribute.DistributedValues):
            return part
        return np.concatenate([np.asarray(each) for each in part.values])

    return tuple(joined(part) for part in batch if not _is_optional(part))


def require_scope(
    name: str, strategy: tf.distribute.Strategy | None, variables: Sequence[keras.Variable]
) -> None:
    """Checks that trainer, models and optimisers belong to one scope, or to none.

    Args:
      name: of the trainer.
      strategy: in whose scope the trainer was built; None outside.
      variables: all that a step reads or writes.

    Raises:
      InputError: a variable of another scope.
    """
    if tf.distribute.has_strategy() and strategy is not tf.distribute.get_strategy():
        raise InputError(f"compile: {name} was built outside this strategy.scope()")
    if strategy is not None and not tf.distribute.has_strategy():
        raise InputError(f"compile: {name} was built in a strategy.scope(): compile it there too")
    for variable in variables:
        value = variable.value
        if strategy is None:
            is_outside = isinstance(value, tf.distribute.DistributedValues)
        else:
            is_outside = not strategy.extended.variable_created_in_scope(value)
        if is_outside:
            raise InputError(
                f"compile: {variable.path} was created outside the strategy.scope() of {name}; "
                "build models, optimisers and trainer in one scope"
            )


# Keras updates inside a conditional, where replicas cannot sum gradients.
_UNSUPPORTED = ("gradient_accumulation_steps", "ema_overwrite_frequency")

_STRATEGIES = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)


def require_support(
    name: str,
    strategy: tf.distribute.Strategy,
    trained_layers: Sequence[keras.layers.Layer],
    optimizers: Sequence[keras.optimizers.Optimizer],
    jit_compile: bool,
) -> None:
    """Refuses what would not train as on one device.

    Args:
      trained_layers: models or layers that are called in training mode, or whose penalties count.

    Raises:
      InputError: another strategy; XLA; optimisers that accumulate gradients or overwrite weights
        by their averages; in `trained_layers` stock BatchNormalization, layers that draw random
        numbers, and regularisers of activations, which are sums over images.
    """
    if not isinstance(strategy, _STRATEGIES):
        kind = type(strategy).__name__
        raise InputError(
            f"compile: {name} trains under MirroredStrategy or MultiWorkerMirroredStrategy, got "
            f"{kind}"
        )
    reason = "is not supported under a tf.distribute strategy"
    if jit_compile:
        raise InputError(f"jit_compile: XLA {reason}")
    for optimizer in optimizers:
        for setting in _UNSUPPORTED:
            if getattr(optimizer, setting, None):
                raise InputError(f"compile: {setting} of {optimizer.name} {reason}")
    for model in trained_layers:
        for layer in (model, *walk(model)):
            if isinstance(layer, keras.layers.BatchNormalization):
                raise InputError(
                    f"{model.name}: stock BatchNormalization ({layer.name}) {reason}; "
                    "igam_tf.layers.exact_batchnorm converts a model"
                )
            is_random = getattr(layer, "seed_generator", None) is not None
            # A pad draws by its seed and the iteration, the same on every replica.
            if is_random and not isinstance(layer, Pad):
                raise InputError(
                    f"{model.name}: a layer that draws random numbers ({layer.name}) {reason}"
                )
            if getattr(layer, "activity_regularizer", None) is not None:
                raise InputError(f"{model.name}: activity_regularizer of {layer.name} {reason}")

"""Checks of trainers: of models at construction, of the first batch of each `fit` or `evaluate`."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf.attacks import inputs
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.structure import walk
from igam_tf.layers import bounds_of
from igam_tf.training import distribution


def require_trainable(model: keras.Model) -> None:
    """Raises an InputError for a model that ends in a softmax or computes in float16."""
    inputs.require_logits(model)
    if any(layer.compute_dtype == "float16" for layer in (model, *walk(model))):
        raise InputError(
            f"{model.name}: it computes in float16, which needs loss scaling that trainers lack; "
            "build it under the policy mixed_bfloat16 or float32"
        )


def bounds_or_all(model: keras.Model) -> Bounds:
    """The model's pixel range; all finite numbers where it carries none."""
    try:
        return bounds_of(model)
    except InputError:
        return Bounds(-math.inf, math.inf)


def require_batch(model: keras.Model, bounds: Bounds, data: Any) -> None:
    """Checks a batch as attacks check theirs.

    Args:
      data: images [B, H, W, C], integer labels [B], and weights [B] or None.

    Raises:
      InputError: shapes, types or values that do not fit each other or the model.
    """
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    inputs.checked(model, x, y, bounds)
    if weights is not None and np.shape(weights) != np.shape(y):
        raise InputError(
            f"sample_weight: expected one number per image, shape {np.shape(y)}, "
            f"got {np.shape(weights)}"
        )


class FirstBatchChecked:
    """Keras' step function, with a check of the first batch of each `fit` or `evaluate`.

    Keras passes an iterator to its step function, and a compiled step takes the batches from it
    inside its graph. Here the first batches are taken, checked as NumPy arrays, and passed on in an
    iterator of the same type. Later calls cost nothing, and nothing is traced twice.

    Attributes:
      due: whether the next call checks.
    """

    def __init__(
        self, step: Callable[[Any], Any], check: Callable[[Any], None], batches: int
    ) -> None:
        self.due = True
        self._step, self._check, self._batches = step, check, batches

    def __call__(self, iterator: Any) -> Any:
        if self.due:
            iterator = self._checked(iterator)
        self.due = False
        return self._step(iterator)

    def _checked(self, iterator: Any) -> Iterator[Any]:
        if isinstance(iterator, tf.distribute.DistributedIterator):
            batches = list(itertools.islice(iterator, self._batches))
            for batch in batches:
                self._check(distribution.whole(batch))
            return distribution.DividedBatches(batches)
        first = [_present(batch) for batch in itertools.islice(iterator, self._batches)]
        for batch in first:
            self._check(batch)
        if not isinstance(iterator, tf.data.Iterator):
            return iter(first)
        return iter(
            tf.data.Dataset.from_generator(
                lambda: first, output_signature=_present(iterator.element_spec)
            )
        )


def _present(parts: Any) -> Any:
    """The batch without the empty `Optional` that Keras puts in place of absent weights."""
    if not isinstance(parts, tuple):
        return parts
    return tuple(
        part for part in parts if not isinstance(part, (tf.experimental.Optional, tf.OptionalSpec))
    )

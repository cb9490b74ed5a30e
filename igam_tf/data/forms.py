"""Labelled images in any form as a `Split`, for `evaluate`, `RobustValidation` and `finetune`."""

from typing import Any, Literal

import numpy as np
import tensorflow as tf

from igam_tf.core.errors import InputError
from igam_tf.data.splits import Dataset, Split


def split_of(
    data: Any,
    num_examples: int | None = None,
    part: Literal["train", "validation", "test"] = "test",
) -> Split:
    """Labelled images in one form.

    Args:
      data: a `Dataset`, a `Split`, images [N, H, W, C] and integer labels [N] as a pair of arrays
        or tensors, or a finite `tf.data.Dataset` of (images, labels), batched or not.
      num_examples: the first so many; None for all.
      part: the split of a `Dataset`; the test split stands in for a missing validation split.

    Raises:
      InputError: another form, or a pair of different lengths.
    """
    if isinstance(data, Dataset):
        split = getattr(data, part)
        data = data.test if split is None else split
    if isinstance(data, tf.data.Dataset):
        data = _gathered(data, num_examples)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        data = Split(np.asarray(data[0]), np.asarray(data[1]))
    if not isinstance(data, Split):
        raise InputError(
            "dataset: expected a Dataset, a Split, (images, labels) or a tf.data.Dataset, "
            f"got {type(data).__name__}"
        )
    return data.first(num_examples)


def _gathered(dataset: tf.data.Dataset, count: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` examples of a `tf.data` set as arrays."""
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) < 2:
        raise InputError(f"dataset: expected (images, labels) elements, got {spec}")
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY and count is None:
        raise InputError("dataset: an endless tf.data set needs num_examples, or take(n)")
    if spec[0].shape.rank == 4:
        dataset = dataset.unbatch()
    if count is not None:
        dataset = dataset.take(count)
    examples = list(dataset.as_numpy_iterator())
    if not examples:
        raise InputError("dataset: the tf.data set is empty")
    return np.stack([x for x, *_ in examples]), np.stack([y for _, y, *_ in examples])

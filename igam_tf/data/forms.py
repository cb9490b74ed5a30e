"""Labelled images in any form as a `Split`, and `tf.data` sets as arrays."""

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
        data = gather("dataset", data, num_examples)
    if isinstance(data, (tuple, list)) and len(data) == 2:
        data = Split(np.asarray(data[0]), np.asarray(data[1]))
    if not isinstance(data, Split):
        raise InputError(
            "dataset: expected a Dataset, a Split, (images, labels) or a tf.data.Dataset, "
            f"got {type(data).__name__}"
        )
    return data.first(num_examples)


def gather(
    name: str, stream: tf.data.Dataset, count: int | None = None, memory_limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` examples of a `tf.data` set, batched or not, as arrays.

    Args:
      name: of the data, for messages.
      count: None for all.
      memory_limit: bytes of images that may be read; None for any number.

    Raises:
      InputError: elements of another form, no end, no example, images of several shapes, or more
        bytes than the limit.
    """
    spec = stream.element_spec
    if not isinstance(spec, (tuple, list)) or len(spec) < 2:
        raise InputError(f"{name}: expected (images, labels) elements, got {spec}")
    if int(stream.cardinality()) == tf.data.INFINITE_CARDINALITY and count is None:
        raise InputError(f"{name}: an endless tf.data set needs num_examples, or take(n)")
    if spec[0].shape.rank == 4:
        stream = stream.unbatch()
    images: list[np.ndarray] = []
    labels = []
    size = 0
    for image, label, *_ in stream.take(-1 if count is None else count).as_numpy_iterator():
        if images and image.shape != images[0].shape:
            raise InputError(
                f"{name}: image {len(images)} is {image.shape}, image 0 is {images[0].shape}; all "
                "must be of one size"
            )
        images.append(image)
        labels.append(label)
        size += image.nbytes
        if memory_limit is not None and size > memory_limit:
            raise InputError(
                f"{name}: more than --memory_limit of {memory_limit:,} bytes, and a tf.data set "
                "cannot be read by place; use folder:PATH, npz:PATH or tfds:NAME"
            )
    if not images:
        raise InputError(f"{name}: the tf.data set is empty")
    return np.stack(images), np.stack(labels)

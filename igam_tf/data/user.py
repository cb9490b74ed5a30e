"""`package.module:function`: a user's own data set, as ours or as two tf.data sets."""

from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf.core import imports
from igam_tf.core.errors import InputError
from igam_tf.data.npz import from_arrays
from igam_tf.data.splits import Dataset
from igam_tf.data.stored import Reading


def load_user(path: str, reading: Reading) -> Dataset:
    """What a function without arguments returns, by its import path.

    That is an `igam_tf.data.Dataset`, or a pair of tf.data sets of (image, label): training and
    test, batched or not. Those are read into memory, up to the memory limit each; they are
    uint8, or floats in [0, 1] or [0, 255].

    Raises:
      InputError: it cannot be imported, raises, or returns something else; arrays as in `npz`.
    """
    function = imports.load(path, "dataset")
    value = imports.call(function, path, "dataset") if callable(function) else function
    if isinstance(value, Dataset):
        return value.first(reading.train_size, reading.test_size)
    if (
        not isinstance(value, (tuple, list))
        or len(value) != 2
        or not all(isinstance(each, tf.data.Dataset) for each in value)
    ):
        raise InputError(
            f"dataset: {path} returned {type(value).__name__}, expected an igam_tf.data.Dataset or "
            "a pair of tf.data sets of (image, label), training and test"
        )
    arrays = [_arrays(path, stream, reading.memory_limit) for stream in value]
    return from_arrays(f"dataset {path}", arrays[0], arrays[1], reading)


def _arrays(path: str, stream: tf.data.Dataset, memory_limit: int) -> tuple[np.ndarray, np.ndarray]:
    spec = stream.element_spec
    if not isinstance(spec, (tuple, list)) or len(spec) != 2:
        raise InputError(f"dataset: {path}: elements are {spec}, expected (image, label)")
    if spec[0].shape.rank == 4:
        stream = stream.unbatch()
    if stream.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise InputError(
            f"dataset: {path}: an endless tf.data set, expected one pass over the data"
        )
    images: list[Any] = []
    labels: list[Any] = []
    read = 0
    for image, label in stream.as_numpy_iterator():
        if images and image.shape != images[0].shape:
            raise InputError(
                f"dataset: {path}: image {len(images)} is {image.shape}, image 0 is "
                f"{images[0].shape}; all must be of one size"
            )
        images.append(image)
        labels.append(label)
        read += image.nbytes
        if read > memory_limit:
            raise InputError(
                f"dataset: {path}: more than --memory_limit of {memory_limit:,} bytes, and a "
                "tf.data set cannot be read by place; use folder:PATH, npz:PATH or tfds:NAME"
            )
    if not images:
        raise InputError(f"dataset: {path}: an empty tf.data set")
    return np.stack(images), np.asarray(labels)

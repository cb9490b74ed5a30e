"""`package.module:function`: a user's own data set, as ours or as two tf.data sets."""

import tensorflow as tf

from igam_tf.core import imports
from igam_tf.core.errors import InputError
from igam_tf.data.forms import gather
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
    train, test = (
        gather(f"dataset: {path}", stream, memory_limit=reading.memory_limit) for stream in value
    )
    return from_arrays(f"dataset {path}", train, test, reading)

"""Tasks made of another data set: some of its classes, renumbered from 0, at another size.

The halves of CIFAR-10 stand where a transfer downwards needs real images and Tiny-ImageNet is out
of reach: the first five classes upsized to 64 x 64 as the source task, the other five as the
target.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from igam_tf.data.splits import Dataset, Split

_AT_A_TIME = 1000  # resized as float32


@dataclasses.dataclass(frozen=True)
class Derived:
    """Which classes of `source`, in the order of their new numbers, in images of `side` x `side`."""

    source: str
    classes: tuple[int, ...]
    side: int


DERIVED: Mapping[str, Derived] = {
    "cifar10_first5_64": Derived("cifar10", (0, 1, 2, 3, 4), 64),
    "cifar10_last5": Derived("cifar10", (5, 6, 7, 8, 9), 32),
}


def derive(name: str, source: Dataset, train_size: int | None, test_size: int | None) -> Dataset:
    """The task `name`, of the whole `source`; sizes count its own examples, the first ones in
    stored order.
    """
    asked = DERIVED[name]
    train = _split(source.train, asked, train_size)
    return Dataset(
        name, train, _split(source.test, asked, test_size), len(asked.classes), source.bounds
    )


def _split(split: Split, asked: Derived, size: int | None) -> Split:
    kept = np.flatnonzero(np.isin(split.labels, asked.classes))[:size]
    numbers = {label: number for number, label in enumerate(asked.classes)}
    labels = np.array([numbers[label] for label in split.labels[kept].tolist()], np.int64)
    return dataclasses.replace(
        split, images=_resized(split.images[kept], asked.side), labels=labels
    )


def _resized(images: np.ndarray, side: int) -> np.ndarray:
    """Bilinear, stored as the images are: rounded where they are integers."""
    if images.shape[1:3] == (side, side):
        return images
    import tensorflow as tf

    resized = np.empty((len(images), side, side, images.shape[-1]), images.dtype)
    for start in range(0, len(images), _AT_A_TIME):
        part = tf.image.resize(images[start : start + _AT_A_TIME], (side, side), "bilinear").numpy()
        resized[start : start + _AT_A_TIME] = np.rint(part) if images.dtype.kind in "iu" else part
    return resized

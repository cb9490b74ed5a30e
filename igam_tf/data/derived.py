"""Tasks derived from another data set: some of its classes, renumbered from 0, at another size.

The halves of CIFAR-10 replace Tiny-ImageNet where it is not available: the source task is the first
five classes at 64 x 64, the target task the other five at 32 x 32.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from igam_tf.data.splits import Dataset, Split

_RESIZE_BATCH = 1000  # images held as float32 at once


@dataclasses.dataclass(frozen=True)
class Derived:
    """Classes of `source`, in the order of their new labels, as images of `side` x `side`."""

    source: str
    classes: tuple[int, ...]
    side: int


DERIVED: Mapping[str, Derived] = {
    "cifar10_first5_64": Derived("cifar10", (0, 1, 2, 3, 4), 64),
    "cifar10_last5": Derived("cifar10", (5, 6, 7, 8, 9), 32),
}


def derive(name: str, source: Dataset, train_size: int | None, test_size: int | None) -> Dataset:
    """The task `name`, made from the whole `source`; sizes are numbers of its own examples."""
    task = DERIVED[name]
    train, test = _split(source.train, task, train_size), _split(source.test, task, test_size)
    return Dataset(name, train, test, len(task.classes), source.bounds)


def _split(split: Split, task: Derived, size: int | None) -> Split:
    indices = np.flatnonzero(np.isin(split.labels, task.classes))[:size]
    new_labels = {label: number for number, label in enumerate(task.classes)}
    labels = np.array([new_labels[label] for label in split.labels[indices].tolist()], np.int64)
    images = _resize(split.images[indices], task.side)
    return dataclasses.replace(split, images=images, labels=labels)


def _resize(images: np.ndarray, side: int) -> np.ndarray:
    """Bilinear resizing in the images' dtype, rounded if that is an integer type."""
    if images.shape[1:3] == (side, side):
        return images
    import tensorflow as tf

    resized = np.empty((len(images), side, side, images.shape[-1]), images.dtype)
    for start in range(0, len(images), _RESIZE_BATCH):
        batch = slice(start, start + _RESIZE_BATCH)
        pixels = tf.image.resize(images[batch], (side, side), "bilinear").numpy()
        resized[batch] = np.rint(pixels) if images.dtype.kind in "iu" else pixels
    return resized

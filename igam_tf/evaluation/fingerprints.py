"""Sixteen hexadecimal digits of a model's or data set's contents, to tell evaluations apart."""

import hashlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from igam_tf.data.splits import Split
from igam_tf.data.stored import StoredImages


def of_model(model: Any, split: Split) -> str:
    """Digits of a Keras model's weights; of any other callable's outputs on the first images."""
    if isinstance(model, keras.Model):
        return _of(np.asarray(weight) for weight in model.weights)
    return _of([np.asarray(model(split.pixels(0, 4)))])


def of_data(split: Split) -> str:
    images = split.images
    if isinstance(images, StoredImages):
        images = np.frombuffer(f"{images.digest} {images.places.tolist()}".encode(), np.uint8)
    return _of([images, split.labels, np.asarray(split.scale)])


def _of(arrays: Iterable[np.ndarray]) -> str:
    content = hashlib.sha256()
    for array in arrays:
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]

"""Adapters against NumPy, their gradients against the transposed map, and in tf.data."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf.adapters import CenterCrop, ChannelMean, Resize, Scale
from igam_tf.errors import InputError

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 6, 6, 3)).astype(np.float32)


def legacy_doubled(x: np.ndarray) -> np.ndarray:
    """Pixels copied to the even places, means between them, the last row and column repeated."""
    for axis in (1, 2):
        after = np.concatenate([np.delete(x, 0, axis), np.take(x, [-1], axis)], axis)
        x = np.stack([x, (x + after) / 2], axis + 1).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return x


ADAPTERS = [
    (ChannelMean(), lambda x: x.mean(-1, keepdims=True)),
    (CenterCrop(4), lambda x: x[:, 1:5, 1:5]),
    (CenterCrop(3), lambda x: x[:, 1:4, 1:4]),
    (Scale(1 / 255), lambda x: x / 255),
    (Resize(12, "legacy"), legacy_doubled),
    (Resize(12, "tf2"), lambda x: tf.image.resize(x, (12, 12)).numpy()),
    (Resize(4), lambda x: tf.image.resize(x, (4, 4)).numpy()),
    (Resize(3, "mean"), lambda x: x.reshape(2, 3, 2, 3, 2, 3).mean((2, 4))),
]


NAMES = [type(adapter).__name__ for adapter, _ in ADAPTERS]


@pytest.mark.parametrize(("adapter", "expected"), ADAPTERS, ids=NAMES)
def test_maps(adapter: keras.layers.Layer, expected: object) -> None:
    np.testing.assert_allclose(adapter(IMAGES), expected(IMAGES), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("adapter", "expected"), ADAPTERS, ids=NAMES)
def test_gradients_are_those_of_an_affine_map(adapter: keras.layers.Layer, expected: object) -> None:
    rng = np.random.default_rng(1)
    direction = rng.normal(size=IMAGES.shape).astype(np.float32)
    weights = rng.normal(size=adapter(IMAGES).shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(images := tf.constant(IMAGES))
        value = tf.reduce_sum(weights * adapter(images))
    along = np.sum(tape.gradient(value, images) * direction)
    assert along == pytest.approx(np.sum(weights * expected(direction)), rel=1e-4, abs=1e-4)


def test_adapters_compose_and_work_in_data_pipelines() -> None:
    adapter = keras.Sequential([ChannelMean(), CenterCrop(4), Scale(0.5)])
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(2).map(adapter)
    expected = 0.5 * IMAGES.mean(-1, keepdims=True)[:, 1:5, 1:5]
    np.testing.assert_allclose(next(iter(dataset)), expected, rtol=1e-6)


@pytest.mark.parametrize("sampling", ["tf2", "legacy", "mean"])
def test_resize_keeps_the_type(sampling: str) -> None:
    assert Resize(3, sampling, dtype="float64")(IMAGES).dtype == "float64"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CenterCrop(7)(IMAGES), "center crop: a 7x7 window does not fit into 6x6 images"),
        (lambda: keras.Sequential([CenterCrop(7)])(IMAGES), "center crop: a 7x7 window does not fit into 6x6 images"),
        (lambda: Resize(4, "mean")(IMAGES), "resize: 6x6 images do not divide into 4x4 blocks"),
        (lambda: Resize(4, "cubic"), "sampling: expected one of tf2, legacy, mean, got 'cubic'"),
    ],
)
def test_errors_are_one_line(make: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value) == message

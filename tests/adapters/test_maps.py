"""Adapters against NumPy, as matrices, in models, in tf.data and saved."""

import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients
from igam_tf.adapters import (
    SAMPLINGS,
    CenterCrop,
    ChannelMean,
    Pad,
    Resize,
    Scale,
    TransposedConv,
    parse,
)
from igam_tf.core.errors import InputError
from igam_tf.core.modes import in_mode

from .. import tiny

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 6, 6, 3)).astype(np.float32)


def legacy_doubled(x: np.ndarray) -> np.ndarray:
    """Pixels at the even places, means between them, last row and column repeated."""
    for axis in (1, 2):
        after = np.concatenate([np.delete(x, 0, axis), np.take(x, [-1], axis)], axis)
        x = np.stack([x, (x + after) / 2], axis + 1).reshape(
            *x.shape[:axis], -1, *x.shape[axis + 1 :]
        )
    return x


def interpolated(x: np.ndarray) -> np.ndarray:
    """Pixels at the odd places, means between them, zeros beyond the first row and column."""
    for axis in (1, 2):
        before = np.concatenate([0 * np.take(x, [0], axis), np.delete(x, -1, axis)], axis)
        x = np.stack([(x + before) / 2, x], axis + 1).reshape(
            *x.shape[:axis], -1, *x.shape[axis + 1 :]
        )
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
    (Pad(10), lambda x: np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))),
    (Pad(9), lambda x: np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))),
    (Pad(6), lambda x: x),
    (Pad(10, "random"), lambda x: np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))),
    (TransposedConv(12), interpolated),
]


NAMES = [type(adapter).__name__ for adapter, _ in ADAPTERS]


@pytest.mark.parametrize(("adapter", "expected"), ADAPTERS, ids=NAMES)
def test_maps(adapter: keras.layers.Layer, expected: object) -> None:
    np.testing.assert_allclose(adapter(IMAGES), expected(IMAGES), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("adapter", "expected"), ADAPTERS, ids=NAMES)
def test_gradients_of_maps(adapter: keras.layers.Layer, expected: object) -> None:
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


KINDS: dict[str, Callable[[], keras.layers.Layer]] = {
    "mean": ChannelMean,
    "crop": lambda: CenterCrop(3),
    "scale": lambda: Scale(1 / 255),
    **{
        f"resize {sampling}": lambda sampling=sampling: Resize(2, sampling)
        for sampling in SAMPLINGS
    },
    "pad": lambda: Pad(7),
    "pad random": lambda: Pad(7, "random", seed=1),
    "transposed": lambda: TransposedConv(8),
    "all of Table 1": lambda: parse(("mean", "crop:2", "scale:1/255")),
}
kinds = pytest.mark.parametrize("kind", KINDS)
SHAPE = (4, 4, 2)


def matrix(adapter: Callable[[Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    """A and b of Eq. 15, from the images of zero and of the basis."""
    basis = np.eye(np.prod(SHAPE), dtype=np.float32).reshape(-1, *SHAPE)
    images = np.asarray(adapter(np.concatenate([0 * basis[:1], basis]))).reshape(1 + len(basis), -1)
    return (images[1:] - images[0]).T, images[0]


@kinds
@pytest.mark.parametrize("step", [None, 2])
def test_adapters_are_affine_and_gradients_pass_through_the_transpose(
    kind: str, step: int | None
) -> None:
    layer, rng = KINDS[kind](), np.random.default_rng(0)
    layer(np.zeros((1, *SHAPE), np.float32))
    tiny.shaken(layer)

    def adapter(images: Any) -> tf.Tensor:
        if step is None:
            return layer(images)
        with in_mode(step=step):
            return layer(images)

    a, b = matrix(adapter)
    x, y = rng.normal(size=(5, *SHAPE)).astype(np.float32), rng.integers(0, 3, 5)
    adapted = adapter(x)
    np.testing.assert_allclose(
        np.reshape(adapted, (5, -1)), x.reshape(5, -1) @ a.T + b, rtol=1e-4, atol=1e-6
    )
    assert not b.any()
    weights = rng.normal(size=(a.shape[0], 3)).astype(np.float32)

    def teacher(images: tf.Tensor) -> tf.Tensor:
        return tf.tanh(tf.reshape(images, [5, -1]) @ weights)

    whole = gradients.input_gradient(teacher, x, y, adapter=adapter)
    inner = np.reshape(gradients.input_gradient(teacher, adapted, y), (5, -1))
    np.testing.assert_allclose(np.reshape(whole, (5, -1)), inner @ a, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("size", [4, 5, 6, 9])
def test_padding_is_an_identity_among_rows_of_zeros(size: int) -> None:
    for step in (None, *range(5)):
        with in_mode(step=0 if step is None else step):
            a, _ = matrix(Pad(size, "center" if step is None else "random", seed=3))
        rows = a.any(1)
        np.testing.assert_array_equal(a[rows], np.eye(np.prod(SHAPE)))
        assert rows.sum() == np.prod(SHAPE)


@kinds
def test_adapters_do_the_same_in_models_in_pipelines_and_loaded_from_files(
    kind: str, tmp_path: pathlib.Path
) -> None:
    inputs = keras.Input(SHAPE)
    layer = KINDS[kind]()
    model = tiny.shaken(keras.Model(inputs, layer(inputs)))
    x = np.random.default_rng(0).uniform(0, 255, (6, *SHAPE)).astype(np.float32)
    expected = layer(x).numpy()
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    piped = tf.data.Dataset.from_tensor_slices(x).batch(4).map(layer)
    np.testing.assert_allclose(np.concatenate(list(piped)), expected, rtol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(x), expected)
    for step in range(3):
        with in_mode(step=step):
            np.testing.assert_array_equal(loaded(x), model(x))
    learned = kind == "transposed"
    assert len(model.weights) == len(model.trainable_weights) == learned


@kinds
def test_float64_stays_float64(kind: str) -> None:
    if kind != "all of Table 1":
        layer = type(KINDS[kind]()).from_config({**KINDS[kind]().get_config(), "dtype": "float64"})
        with in_mode(step=1):
            assert layer(np.zeros((1, *SHAPE))).dtype == "float64"


def test_a_transposed_convolution_learns_every_weight() -> None:
    layer = TransposedConv(8)
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    layer(x)
    assert tuple(layer.kernel.shape) == (3, 3, 2, 2)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(layer(x) - 1))
    assert np.all(tape.gradient(value, layer.kernel) != 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CenterCrop(7)(IMAGES), "center crop: a 7x7 window does not fit into 6x6 images"),
        (
            lambda: keras.Sequential([CenterCrop(7)])(IMAGES),
            "center crop: a 7x7 window does not fit into 6x6 images",
        ),
        (lambda: Resize(4, "mean")(IMAGES), "resize: 6x6 images do not divide into 4x4 blocks"),
        (lambda: Resize(4, "cubic"), "sampling: expected one of tf2, legacy, mean, got 'cubic'"),
        (lambda: Pad(8, "corner"), "place: expected one of center, random, got 'corner'"),
        (lambda: Pad(5)(IMAGES), "pad: 6x6 images do not fit into 5x5"),
        (lambda: Pad(7)(IMAGES[:, :, :5].repeat(2, 2)), "pad: 6x10 images do not fit into 7x7"),
        (
            lambda: keras.Sequential([Pad(5, "random")])(IMAGES),
            "pad: 6x6 images do not fit into 5x5",
        ),
        (lambda: TransposedConv(13)(IMAGES), "transposed: 6x6 images do not double to 13x13"),
        (
            lambda: TransposedConv(12)(IMAGES[:, 1:]),
            "transposed: 5x6 images do not double to 12x12",
        ),
    ],
)
def test_errors_are_one_line(make: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value) == message

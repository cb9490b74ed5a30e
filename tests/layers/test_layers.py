"""Layers against NumPy, BatchNorm in every mode, and second derivatives through BatchNorm."""

import contextlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import layers, losses
from igam_tf.core import modes
from igam_tf.core.bounds import UNIT, Bounds
from igam_tf.core.errors import InputError

from .. import tiny

IMAGES = np.random.default_rng(0).uniform(0, 255, (3, 4, 4, 2)).astype(np.float32)
CENTRED = IMAGES - IMAGES.mean((1, 2, 3), keepdims=True)


def length(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x**2).sum((1, 2, 3), keepdims=True))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("per_image", CENTRED / IMAGES.std((1, 2, 3), keepdims=True)),
        ("unit_norm", CENTRED / length(CENTRED)),
        ("l2", IMAGES / length(IMAGES)),
    ],
)
def test_normalizations(kind: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(layers.normalization(kind)(IMAGES), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "x", "expected"),
    [
        (
            "per_image",
            7.0 + 1e-3 * CENTRED / CENTRED.std(),
            1e-3 * CENTRED / CENTRED.std() * np.sqrt(32),
        ),
        ("unit_norm", np.full_like(IMAGES, 7.0), np.zeros_like(IMAGES)),
        ("l2", np.full_like(IMAGES, 1e-8), np.full_like(IMAGES, 1e-2)),
    ],
    ids=["per_image", "unit_norm", "l2"],
)
def test_normalizations_divide_by_no_less_than_their_floor(
    kind: str, x: np.ndarray, expected: np.ndarray
) -> None:
    np.testing.assert_allclose(layers.normalization(kind)(x), expected, rtol=1e-2, atol=1e-5)


def test_unknown_normalization() -> None:
    with pytest.raises(
        InputError, match=r"^normalization: expected one of per_image, unit_norm, l2, got 'zca'$"
    ):
        layers.normalization("zca")


def test_bounds_are_found_at_any_depth() -> None:
    inner = keras.Sequential([keras.Input((2,)), layers.PixelRange(0, 1)])
    outer = keras.Sequential([keras.Input((2,)), keras.Sequential([keras.Input((2,)), inner])])
    assert layers.bounds_of(inner) == UNIT
    assert layers.bounds_of(outer) == UNIT
    wrapped = keras.Sequential([keras.Input((2,)), layers.PixelRange(-1, 1), outer])
    # A caller passes images in the outermost range.
    assert layers.bounds_of(wrapped) == Bounds(-1, 1)
    np.testing.assert_array_equal(wrapped(np.ones((1, 2))), np.ones((1, 2)))


@pytest.mark.parametrize(
    "model", [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), lambda x: x]
)
def test_the_error_of_a_model_without_bounds_says_how_to_add_them(model: object) -> None:
    with pytest.raises(
        InputError, match=r"pass bounds=\(low, high\), or put an igam_tf.layers.PixelRange layer"
    ):
        layers.bounds_of(model)


# BatchNorm


def normalized(
    x: np.ndarray, mean: np.ndarray, variance: np.ndarray, layer: layers.BatchNorm
) -> np.ndarray:
    return (x - mean) / np.sqrt(variance + layer.epsilon) * layer.gamma.numpy() + layer.beta.numpy()


@pytest.mark.parametrize("shape", [(6, 4), (3, 5, 5, 4)], ids=["own kernel", "fused kernel"])
@pytest.mark.parametrize(
    ("training", "within", "trainable"), list(itertools.product([False, True], repeat=3))
)
def test_statistics_depend_on_the_mode_alone(
    training: bool, within: bool, trainable: bool, shape: tuple[int, ...]
) -> None:
    layer = layers.BatchNorm()
    layer.build(shape)
    tiny.shaken(layer)
    layer.trainable = trainable
    x = np.random.default_rng(1).normal(3, 2, shape).astype(np.float32)
    axes = tuple(range(len(shape) - 1))
    of_batch = x.mean(axes), x.var(axes)
    moving = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    expected = normalized(x, *(of_batch if training or within else moving), layer)
    with modes.in_mode(batch_statistics=within):
        outputs = layer(x, training=training)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    count = x.size // shape[-1]
    unbiased = of_batch[0], of_batch[1] * count / (count - 1)
    after = (
        [0.9 * old + 0.1 * new for old, new in zip(moving, unbiased, strict=True)]
        if training
        else moving
    )
    np.testing.assert_allclose(layer.moving_mean, after[0], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, after[1], rtol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("shape", [(50, 4), (6, 3, 3, 4)])
def test_epsilon_is_the_same_in_both_modes(epsilon: float, shape: tuple[int, ...]) -> None:
    """The fused kernel supports none below 1e-5; the variances here are of that order."""
    layer = layers.BatchNorm(epsilon=epsilon)
    x = np.random.default_rng(1).normal(0, 1e-3, shape).astype(np.float32)
    layer.build(shape)
    axes = tuple(range(len(shape) - 1))
    layer.moving_mean.assign(x.mean(axes))
    layer.moving_variance.assign(x.var(axes))
    expected = normalized(x.astype(np.float64), x.mean(axes), x.var(axes), layer)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-5)
    with modes.in_mode(batch_statistics=True):
        np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-3, atol=1e-5)


def test_a_batch_of_one_value_leaves_a_finite_variance() -> None:
    layer = layers.BatchNorm()
    layer(np.ones((1, 4), np.float32), training=True)
    np.testing.assert_allclose(layer.moving_variance, 0.9)


def test_batch_statistics_nest_and_end_with_an_error() -> None:
    layer = layers.BatchNorm()
    x = np.random.default_rng(1).normal(3, 2, (6, 4)).astype(np.float32)
    moving = layer(x).numpy()
    with contextlib.suppress(RuntimeError), modes.in_mode(batch_statistics=True):
        assert np.abs(layer(x) - moving).max() > 1
        with modes.in_mode(batch_statistics=False):
            np.testing.assert_array_equal(layer(x), moving)
        assert np.abs(layer(x) - moving).max() > 1
        raise RuntimeError
    np.testing.assert_array_equal(layer(x), moving)


def test_without_moving_averages_a_moving_call_says_so() -> None:
    layer = layers.BatchNorm(moving_averages=False, name="bn7")
    x = np.random.default_rng(1).normal(3, 2, (6, 4)).astype(np.float32)
    with modes.in_mode(batch_statistics=True):
        expected = layer(x)
    np.testing.assert_array_equal(layer(x, training=True), expected)
    assert [w.name for w in layer.weights] == ["gamma", "beta"]
    with pytest.raises(
        InputError, match=r'bn7: this model has no moving averages .* statistics="batch"'
    ):
        layer(x)


@pytest.mark.parametrize("training", [False, True])
def test_mixed_precision_keeps_the_statistics_in_float32(training: bool) -> None:
    x = np.random.default_rng(1).normal(3, 2, (3, 5, 5, 4)).astype(np.float32)
    exact, mixed = layers.BatchNorm(), layers.BatchNorm(dtype="mixed_bfloat16")
    expected, outputs = exact(x, training=training), mixed(x, training=training)
    assert outputs.dtype == "bfloat16"
    assert {w.dtype for w in mixed.weights} == {"float32"}
    assert tiny.relative(outputs, expected) < 1e-2
    np.testing.assert_allclose(mixed.moving_variance, exact.moving_variance, rtol=1e-2)


@pytest.mark.parametrize(
    ("kind", "exact"), [(layers.BatchNorm, True), (keras.layers.BatchNormalization, False)]
)
def test_second_derivatives_through_batch_statistics(kind: type, exact: bool) -> None:
    """`BatchNorm` agrees with central differences; the stock layer errs by some percent."""
    with tiny.precision("float64"):
        first = keras.layers.Conv2D(3, 3, activation="tanh")
        model = keras.Sequential(
            [keras.Input((4, 4, 2)), first, kind(), keras.layers.Flatten(), keras.layers.Dense(3)]
        )
        tiny.shaken(model)
    rng = np.random.default_rng(2)
    x, y = tf.constant(rng.normal(1, 1, (4, 4, 4, 2))), np.array([0, 1, 2, 0])

    def squared_input_gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            target = tf.reduce_sum(losses.true_class_probability(y, model(x, training=True)))
        return tf.reduce_sum(tf.square(tape.gradient(target, x)))

    with tf.GradientTape() as tape:
        value = squared_input_gradient()
    gradient = tape.gradient(value, first.kernel.value).numpy()
    direction, at, step = rng.normal(size=gradient.shape), first.kernel.numpy(), 1e-5
    first.kernel.assign(at + step * direction)
    above = squared_input_gradient()
    first.kernel.assign(at - step * direction)
    difference = float(above - squared_input_gradient()) / (2 * step)
    error = abs(difference - np.sum(gradient * direction)) / abs(difference)
    assert error < 1e-7 if exact else error > 1e-2


# Activation and shortcut


@pytest.mark.parametrize(
    ("x", "value", "slope"), [(-2.0, -0.2, 0.1), (0.0, 0.0, 1.0), (-0.0, 0.0, 1.0), (3.0, 3.0, 1.0)]
)
def test_leaky_relu(x: float, value: float, slope: float) -> None:
    with tf.GradientTape() as outer:
        outer.watch(at := tf.constant(x))
        with tf.GradientTape() as tape:
            tape.watch(at)
            outputs = layers.LeakyReLU(0.1)(at)
        derivative = tape.gradient(outputs, at)
        scaled = derivative * at
    assert float(outputs) == pytest.approx(value)
    assert float(derivative) == pytest.approx(slope)
    assert float(outer.gradient(scaled, at)) == pytest.approx(slope)


@pytest.mark.parametrize("stride", [1, 2])
def test_padded_shortcut(stride: int) -> None:
    outputs = layers.PaddedShortcut(7, stride)(IMAGES).numpy()
    pooled = IMAGES.reshape(3, 4 // stride, stride, 4 // stride, stride, 2).mean((2, 4))
    np.testing.assert_allclose(outputs[..., 2:4], pooled, rtol=1e-6)
    assert not outputs[..., :2].any()
    assert not outputs[..., 4:].any()
    assert outputs.shape[-1] == 7


def test_exact_batchnorm_keeps_the_function_and_the_weights() -> None:
    inner = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.BatchNormalization(momentum=0.7, epsilon=0.02)]
    )
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Conv2D(3, 1), inner, keras.layers.Flatten()]
    )
    model.set_weights(
        [np.random.default_rng(0).uniform(0.5, 1.5, w.shape) for w in model.get_weights()]
    )
    converted = layers.exact_batchnorm(model)
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(converted(x), model(x), rtol=1e-5, atol=1e-6)
    assert layers.stock_batchnorms(model)
    assert not layers.stock_batchnorms(converted)
    norm = converted.layers[1].layers[0]
    assert (norm.momentum, norm.epsilon) == (0.7, 0.02)


def test_exact_batchnorm_refuses_another_axis_than_the_last() -> None:
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.BatchNormalization(axis=1)])
    with pytest.raises(InputError, match="only BatchNormalization of the last axis"):
        layers.exact_batchnorm(model)


def test_padded_max_pooling_ignores_pixels_outside() -> None:
    """As PyTorch's MaxPool2d(3, 2, 1): negative values stay, and windows start outside."""
    images = -np.arange(1.0, 37, dtype=np.float32).reshape(1, 6, 6, 1)
    outputs = layers.PaddedMaxPool(3, 2, 1)(images)
    # The largest value of a window is its first pixel inside.
    assert np.array_equal(outputs[0, ..., 0], images[0, [[0], [1], [3]], [0, 1, 3], 0])

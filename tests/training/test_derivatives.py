"""Networks whose second derivatives are right pass, others are refused by name."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.training.derivatives import check_derivatives

from .. import tiny

RNG = np.random.default_rng(0)
APPLICATIONS = {
    "MobileNetV2:alpha=0.35": pytest.mark.slow,
    "MobileNetV3Small": pytest.mark.slow,
    "EfficientNetB0": pytest.mark.slow,
    "DenseNet121": tiny.LONG,
    "ResNet50": tiny.LONG,
}


def network(middle: keras.layers.Layer) -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 3, activation="swish")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(middle(x))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def check(model: keras.Model, side: int = 8) -> str:
    x = RNG.uniform(0, 255, (4, side, side, 3)).astype(np.float32)
    return check_derivatives(model, x / 255, np.arange(4) % 3).status


@pytest.mark.parametrize(
    "middle",
    [
        keras.layers.DepthwiseConv2D(3, activation="relu6"),
        keras.layers.SeparableConv2D(4, 3),
        keras.layers.GroupNormalization(3),
        keras.layers.LayerNormalization(),
        keras.layers.Dropout(0.5),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(4, 3, kernel_regularizer="l2"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_common_layers_pass(middle: keras.layers.Layer) -> None:
    assert check(network(middle)) == "PASS"


class WrongSecondDerivative(keras.layers.Layer):
    """The square, whose gradient hides how it depends on the input."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def square(x: tf.Tensor) -> tuple[tf.Tensor, object]:
            return x * x, lambda upstream: 2 * tf.stop_gradient(x) * upstream

        return square(inputs)


class NoSecondDerivative(keras.layers.Layer):
    """Nearest neighbours: TensorFlow has no gradient of their gradient."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.nn.erosion2d(
            inputs, tf.zeros((2, 2, 6), inputs.dtype), (1, 1, 1, 1), "VALID", "NHWC", (1, 1, 1, 1)
        )


class FloatOnly(keras.layers.Layer):
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs + tf.constant(1.0, tf.float32)


def test_a_wrong_second_derivative_is_refused() -> None:
    with pytest.raises(InputError, match="a layer's second derivative is wrong"):
        check(network(WrongSecondDerivative()))


def test_an_operation_without_one_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="the operation Dilation2DBackpropInput has no second"):
        check(network(NoSecondDerivative()))


def test_a_layer_of_float32_alone_is_a_warning() -> None:
    assert check(network(FloatOnly())) == "WARN"


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=marks) for name, marks in APPLICATIONS.items()],
)
def test_applications_agree_with_finite_differences(name: str) -> None:
    model = models.user_network(f"keras:{name}", (48, 48, 3), 3, PIXELS, say=lambda _: None)
    assert check(model, 48) == "PASS"

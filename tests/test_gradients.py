"""Input gradients against formulas, in both BatchNorm modes, and their errors."""

import keras
import numpy as np
import pytest

from igam_tf import adapters, gradients
from igam_tf.core.errors import InputError

from . import tiny

X, Y = tiny.batch(4, (2, 2, 1), 1.0)
WEIGHTS = np.random.default_rng(3).normal(size=(4, tiny.CLASSES)).astype(np.float32)
linear = tiny.linear(WEIGHTS)


def expected(of: str, x: np.ndarray = X) -> np.ndarray:
    logits = x.reshape(-1, 4) @ WEIGHTS
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    residual = np.eye(tiny.CLASSES)[Y] - p
    if of == "xent":
        return -(residual @ WEIGHTS.T).reshape(x.shape)
    return (p[np.arange(len(Y)), Y][:, None] * (residual @ WEIGHTS.T)).reshape(x.shape)


@pytest.mark.parametrize("of", ["softmax", "xent"])
@pytest.mark.parametrize(
    "labels", [Y, Y.astype(np.uint8), list(map(int, Y))], ids=["int64", "uint8", "list"]
)
def test_gradients_of_a_linear_classifier(of: str, labels: object) -> None:
    gradient = gradients.input_gradient(linear, X, labels, of)
    np.testing.assert_allclose(gradient, expected(of), rtol=1e-5, atol=1e-6)


def test_gradients_are_through_the_adapter_to_the_original_image() -> None:
    gradient = gradients.input_gradient(linear, 255 * X, Y, adapter=adapters.Scale(1 / 255))
    np.testing.assert_allclose(gradient, expected("softmax") / 255, rtol=1e-4, atol=1e-8)


def test_only_batch_statistics_let_one_image_act_on_another() -> None:
    model = tiny.classifier()
    x, y = tiny.batch()
    other = np.concatenate([x[:1], x[1:] / 2])
    errors = {}
    for mode in ("moving", "batch"):
        first, then = (
            gradients.input_gradient(model, images, y, statistics=mode)[0] for images in (x, other)
        )
        errors[mode] = tiny.relative(then, first)
    assert errors["moving"] < 1e-6
    assert errors["batch"] > 1e-2


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_nothing_is_updated(statistics: str) -> None:
    model = tiny.classifier()
    before = tiny.values(model)
    gradients.input_gradient(model, *tiny.batch(), statistics=statistics)
    assert tiny.equal(tiny.values(model), before)


def stock() -> keras.Model:
    normalization = keras.layers.BatchNormalization(name="bn3")
    return keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.Sequential([keras.Input((2, 2, 1)), normalization]),
            keras.layers.Flatten(),
        ],
        name="mine",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"of": "logit"}, "of: expected one of softmax, xent, got 'logit'"),
        ({"statistics": "train"}, "statistics: expected one of moving, batch, got 'train'"),
        (
            {"statistics": "batch"},
            'statistics="batch" needs a Keras model; the BatchNorm mode of a plain callable',
        ),
        (
            {"model": stock(), "statistics": "batch"},
            "mine: .* stock BatchNormalization: bn3 .*exact_batchnorm",
        ),
        (
            {"model": lambda x: keras.ops.stop_gradient(linear(x))},
            "does not depend on the images differentiably",
        ),
        (
            {"x": np.zeros((4, 2, 2, 1), np.uint8)},
            "images: expected floating-point pixels, got uint8",
        ),
    ],
)
def test_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gradients.input_gradient(**{"model": linear, "x": X, "y": Y, **arguments})

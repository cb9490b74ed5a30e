"""Recalibration: a copy whose moving averages are the means over clean batches."""

import itertools
from collections.abc import Callable

import keras
import numpy as np
import pytest

from igam_tf import adapters, gradients, layers, models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data import Split
from igam_tf.evaluation import evaluate
from igam_tf.evaluation.calibration import recalibrated
from igam_tf.layers import batch_norms

from .. import tiny

X, Y = tiny.batch(20)
CLEAN = Split(X, Y)


def nested() -> keras.Model:
    """A classifier behind an adapter, as fine-tuned teachers are."""
    return models.adapted(tiny.classifier(), adapters.parse(("crop:8",)), (10, 10, 3), PIXELS)


def wide() -> keras.Model:
    return tiny.shaken(models.wide_resnet(tiny.CLASSES, 1, 1, tiny.SHAPE))


def without_averages() -> keras.Model:
    return tiny.shaken(models.wide_resnet(tiny.CLASSES, 1, 1, tiny.SHAPE, moving_averages=False))


def twins() -> keras.Model:
    """Two nested models whose weights have the same paths: only their places tell these apart."""

    def block() -> keras.Model:
        inputs = keras.Input((4, 4, 3))
        x = keras.layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
        return keras.Model(inputs, layers.BatchNorm(name="bn")(x), name=f"block{next(number)}")

    number = itertools.count()
    inputs = keras.Input((4, 4, 3))
    x = block()(block()(layers.PixelRange(0.0, 255.0)(inputs)))
    x = keras.layers.Flatten()(x)
    return tiny.shaken(keras.Model(inputs, keras.layers.Dense(tiny.CLASSES)(x)))


def test_weights_of_equal_paths_are_copied_each_to_its_own() -> None:
    model = twins()
    paths = [weight.path for weight in model.weights]
    assert len(set(paths)) < len(paths)  # or this test would tell little
    copy = recalibrated(model, Split(tiny.batch(20, (4, 4, 3))[0], Y), 20)
    for old, new in zip(model.weights, copy.weights, strict=True):
        assert np.array_equal(old, new) == ("moving" not in old.name)


def own_weight() -> keras.Model:
    """A functional model with a weight that belongs to no layer."""
    model = tiny.classifier()
    model.extra = model.add_weight(shape=(2,), name="extra")
    return model


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(tiny.CLASSES)

    def call(self, x: object) -> object:
        return self.dense(keras.ops.reshape(x, (-1, 192)))


def stock() -> keras.Model:
    norm = keras.layers.BatchNormalization(name="bn")
    return keras.Sequential(
        [keras.Input(tiny.SHAPE), norm, keras.layers.Flatten(), keras.layers.Dense(3)]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (own_weight, r"^recalibrated: weights of no layer are not copied: .*extra$"),
        (Subclassed, "^recalibrated: need a functional or sequential model, got Subclassed$"),
        (stock, r"^recalibrated: sequential.* has stock BatchNormalization \(bn\); "),
    ],
)
def test_models_that_cannot_be_copied(make: Callable[[], keras.Model], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recalibrated(make(), CLEAN, 10)


@pytest.mark.parametrize("make", [tiny.classifier, nested, wide, without_averages, twins])
def test_one_batch_makes_moving_statistics_those_of_the_batch(make: object) -> None:
    """Up to the unbiased variance, which at these sizes changes the last digits."""
    model = make()
    side = model.input_shape[1]
    x = tiny.batch(20, (side, side, 3))[0]
    before = tiny.values(model)
    copy = recalibrated(model, Split(x, Y), batch_size=20)
    expected = gradients.logits_of(model, x, "batch").numpy()
    logits = gradients.logits_of(copy, x, "moving").numpy()
    np.testing.assert_allclose(logits, expected, rtol=0.05, atol=0.05 * np.ptp(expected))
    assert tiny.equal(tiny.values(model), before)
    np.testing.assert_allclose(
        gradients.logits_of(copy, x, "batch"), expected, rtol=1e-5, atol=1e-5
    )  # same weights
    assert len(batch_norms(copy)) == len(batch_norms(model)) > 0


def test_many_batches_are_averaged() -> None:
    """The first normalisation sees the same images whatever the others do."""
    model = tiny.classifier()
    first = recalibrated(model, CLEAN, 10)
    halves = [
        recalibrated(model, Split(X[part], Y[part]), 10) for part in (slice(10), slice(10, 20))
    ]
    for name in ("moving_mean", "moving_variance"):
        parts = [getattr(batch_norms(half)[0], name).numpy() for half in halves]
        assert np.abs(parts[0] - parts[1]).max() > 1e-4
        np.testing.assert_allclose(
            getattr(batch_norms(first)[0], name), np.mean(parts, 0), rtol=1e-5, atol=1e-6
        )
    left_out = recalibrated(model, CLEAN, 15)
    np.testing.assert_array_equal(
        batch_norms(left_out)[0].moving_mean,
        batch_norms(recalibrated(model, CLEAN.first(15), 15))[0].moving_mean,
    )


def test_evaluation_in_that_mode() -> None:
    model = tiny.classifier()
    settings = {"attacks": ("fgsm", "pgd2"), "epsilon": 4, "batch_size": 10}
    record = evaluate(
        model, (X, Y), statistics=("moving", "recalibrated"), calibration=(X, Y), **settings
    )
    copy = evaluate(recalibrated(model, CLEAN, 10), (X, Y), **settings)
    assert record.results["recalibrated"] == copy.results["moving"]
    assert record.results["moving"] == evaluate(model, (X, Y), **settings).results["moving"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"^statistics: recalibrated needs clean training data \(calibration\)$"),
        (
            {"calibration": (X[:9], Y[:9])},
            "^recalibrated: need a Keras model and 10 images or more, got 9$",
        ),
    ],
)
def test_mistakes(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(tiny.classifier(), (X, Y), statistics=("recalibrated",), batch_size=10, **settings)

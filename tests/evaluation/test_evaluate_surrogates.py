"""Attacks computed on one model and judged on another: surrogates and source heads."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, attacks, layers, models
from igam_tf.data import Split
from igam_tf.evaluation import calibration, evaluate

from .. import tiny
from .samples import FIVE, RANGE, SMALL, X, Y, five, predictions, related


def test_a_transfer_attack_is_computed_on_one_model_and_judged_on_another() -> None:
    settings = {"seed": 3, **SMALL}
    expected = {
        "transfer-fgsm": attacks.fgsm(related, X, FIVE, epsilon=0.5, **RANGE),
        "transfer-pgd4": attacks.pgd(related, X, FIVE, steps=4, **settings),
        "pgd4": attacks.pgd(five, X, FIVE, steps=4, **settings),
        "transfer-pgd2": attacks.pgd(related, X, FIVE, steps=2, **settings),
    }
    images: dict[str, np.ndarray] = {}
    arguments = {"attacks": tuple(expected), "surrogate": related, "images": images, **settings}
    record = evaluate(five, (X, FIVE), **arguments)
    for name, x_adv in expected.items():
        np.testing.assert_array_equal(images[f"moving/{name}"], x_adv)
        np.testing.assert_array_equal(record.right(name), predictions(five, x_adv) == FIVE)
        assert (record.count(name).never_fooled is None) is ("transfer" in name)
    own, transfer, clean = (record.count(name) for name in ("pgd4", "transfer-pgd4", "clean"))
    assert own.correct < transfer.correct < clean.correct
    assert record.attacks["transfer-pgd4"]["through"] == "surrogate"


@pytest.mark.parametrize("adapter", [None, adapters.ChannelMean])
def test_attacks_on_the_source_head_are_judged_by_the_target_head(
    adapter: Callable[[], Any] | None,
) -> None:
    shape = tiny.SHAPE if adapter is None else (8, 8, 1)
    teacher = tiny.shaken(models.with_new_head(tiny.classifier(2, shape), tiny.CLASSES), 5, 0.3)
    source = keras.Model(teacher.input, teacher.get_layer("source_logits").output)
    adapt = adapter() if adapter else tf.identity
    bounds = layers.bounds_of(teacher)
    subject = models.adapted(teacher, adapter() if adapter else None, tiny.SHAPE, bounds)
    y = predictions(subject, X)
    images: dict[str, np.ndarray] = {}
    settings = {"attacks": ("fgsm",), "attack_head": "source", "epsilon": 20, "images": images}
    record = evaluate(subject, (X, y), **settings)
    by_source, by_target = (
        attacks.fgsm(lambda x, head=head: head(adapt(x)), X, y, epsilon=20, **RANGE)
        for head in (source, teacher)
    )
    np.testing.assert_allclose(images["moving/fgsm"], by_source, atol=1e-3)
    assert np.abs(by_source - by_target).max() == pytest.approx(40)  # or either head would pass
    np.testing.assert_array_equal(record.right("fgsm"), predictions(subject, by_source) == y)
    assert record.attacks["fgsm"]["through"] == "source head"
    assert record.attacks["fgsm"]["shown"].endswith("computed on the source head")


def test_the_source_head_of_a_recalibrated_teacher_is_recalibrated_too() -> None:
    """A teacher without moving averages, like the release's, can run in no other mode."""
    inputs = keras.Input(tiny.SHAPE)
    x = layers.BatchNorm(moving_averages=False)(layers.PixelRange(0.0, 255.0)(inputs))
    body = keras.Model(inputs, keras.layers.Dense(tiny.CLASSES)(keras.layers.Flatten()(x)))
    teacher = models.with_new_head(body, tiny.CLASSES)
    images: dict[str, np.ndarray] = {}
    settings = {"attacks": ("fgsm",), "epsilon": 20, "attack_head": "source", "batch_size": 10}
    recalibration = {"statistics": ("recalibrated",), "calibration": (X[::-1], Y)}
    evaluate(teacher, (X, Y), images=images, **recalibration, **settings)
    copy = calibration.recalibrated(teacher, Split(X[::-1], Y), 10)
    source = keras.Model(copy.input, copy.get_layer("source_logits").output)
    expected = attacks.fgsm(source, X, Y, epsilon=20, **RANGE)
    np.testing.assert_array_equal(images["recalibrated/fgsm"], expected)

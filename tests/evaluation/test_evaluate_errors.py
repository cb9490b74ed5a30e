"""Mistakes in `evaluate`'s arguments: one line each, before any work."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import layers, models
from igam_tf.attacks import PGD
from igam_tf.core.errors import InputError
from igam_tf.evaluation import evaluate

from .. import tiny
from .samples import FIVE, RANGE, SIZE, X, Y, five, model

SHAPES = r"expected images \[B, H, W, C\] and labels \[B\]"
UNKNOWN_ATTACK = "attacks: expected fgsm.*; got 'pgd'"
NO_OBJECT = "attacks: expected a name, or an object with name, describe and run, got PGD"
NO_DATA = r"dataset: expected a Dataset, a Split, \(images, labels\) or a tf.data.Dataset, got int"
WIDTH = r"epsilon: expected 0 to 255, the width of the pixel range \[0, 255\], got 256"
NO_AMOUNT = "epsilon: expected a number or a fraction such as 8/255, got 'eight'"
NO_SURROGATE = "surrogate: transfer-pgd2 needs a model to compute its images on$"
NO_SOURCE = ".*: no fine-tuned teacher, it has no source head$"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": (X[:0], Y[:0])}, "evaluate: need examples, a mode and a positive batch"),
        ({"num_examples": 0}, "evaluate: need examples"),
        ({"num_examples": -2}, "evaluate: need examples"),
        ({"statistics": ()}, "evaluate: need examples, a mode"),
        ({"batch_size": 0}, "evaluate: need examples"),
        ({"attacks": ("fgsm", "pgd")}, UNKNOWN_ATTACK),
        ({"attacks": ("pgd2", "pgd2")}, "attacks: every name needs to differ, got pgd2, pgd2"),
        ({"attacks": (PGD(label="clean"),)}, "attacks: expected a name of letters, digits"),
        ({"attacks": (PGD,)}, NO_OBJECT),
        ({"dataset": 7}, NO_DATA),
        ({"statistics": ("moving", "train")}, "statistics: expected .*moving, batch.*, got train"),
        ({"epsilon": 256}, WIDTH),
        ({"epsilon": "eight"}, NO_AMOUNT),
        ({"step_size": -1}, "step_size: expected 0 to 255"),
        ({"dataset": (X - 1, Y)}, r"images: expected pixels within \[0, 255\]"),
        ({"dataset": (X, Y), "bounds": (0, 1)}, r"images: expected pixels within \[0, 1\]"),
        ({"bounds": (1, 0)}, "bounds: low must be below high"),
        ({"dataset": (X, Y.astype(np.float32))}, "labels: expected integers, got float32"),
        ({"dataset": (X, np.eye(3, dtype=int)[Y])}, SHAPES),
        ({"dataset": (X[..., 0], Y)}, SHAPES),
        ({"dataset": (X, Y[:-1])}, "expected a label for each image, got 23 images, 22 labels"),
        ({"dataset": (X[:, 1:], Y)}, r"images: the model takes \(8, 8, 3\), got \(7, 8, 3\)$"),
        ({"dataset": (X[..., :1], Y)}, r"images: the model takes \(8, 8, 3\), got \(8, 8, 1\)$"),
        ({"dataset": (X, Y + 1)}, "labels: the model has 3 classes, got labels 1 to 3$"),
        ({"dataset": (X, Y - 1)}, "labels: the model has 3 classes, got labels -1 to 1$"),
        ({"attacks": ("transfer-pgd2",)}, NO_SURROGATE),
        ({"attack_head": "teacher"}, "attack_head: expected one of target, source, got 'teacher'$"),
        ({"attack_head": "source"}, NO_SOURCE),
    ],
)
def test_mistakes(arguments: dict[str, object], message: str) -> None:
    reports: list[object] = []
    fixed = {"model": model(), "dataset": (X, Y), "progress": lambda *news: reports.append(news)}
    with pytest.raises(InputError, match=f"^{message}") as error:
        evaluate(**{**fixed, **arguments})
    assert "\n" not in str(error.value)
    assert not reports


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda x: tf.nn.softmax(five(x)), "the model gives probabilities, attacks need logits"),
        (lambda x: five(x) + np.nan, "its logits are not all finite$"),
        (lambda x: tf.where(five(x) > 0, np.inf, five(x)), "its logits are not all finite$"),
        (lambda x: five(x)[:, :, None], r"its logits have the shape \(23, 5, 1\), expected \[B"),
        (lambda x: five(x)[:, 0], r"its logits have the shape \(23,\), expected \[B, classes\]$"),
        (lambda x: five(x)[:, :4], "labels: the model has 4 classes, got labels up to 4$"),
    ],
)
def test_outputs_that_are_not_logits(
    outputs: Callable[[tf.Tensor], tf.Tensor], message: str
) -> None:
    """With and without attacks."""
    reports: list[object] = []
    settings: dict[str, Any] = {"progress": lambda *report: reports.append(report), **RANGE}
    for names in ((), ("fgsm",)):
        with pytest.raises(InputError, match=message) as error:
            evaluate(outputs, (X, FIVE), attacks=names, **settings)
        assert "\n" not in str(error.value)
    assert not reports


def test_log_probabilities_are_logits() -> None:
    record = evaluate(lambda x: tf.nn.log_softmax(five(x)), (X, FIVE), attacks=(), **RANGE)
    assert record.n == SIZE


def test_models_that_end_in_a_softmax() -> None:
    """The last layer says so; inside another model, the outputs do."""
    ending = keras.Model(model().input, keras.layers.Softmax()(model().output), name="shares")
    message = "shares: the model gives probabilities, attacks need logits"
    for subject in (ending, models.adapted(ending, None, tiny.SHAPE, layers.bounds_of(model()))):
        with pytest.raises(InputError, match=message):
            evaluate(subject, (X, Y))


def test_a_model_without_moving_averages_is_refused_in_that_mode() -> None:
    inputs = keras.Input(tiny.SHAPE)
    x = layers.BatchNorm(moving_averages=False)(layers.PixelRange(0.0, 255.0)(inputs))
    subject = keras.Model(inputs, keras.layers.Dense(tiny.CLASSES)(keras.layers.Flatten()(x)))
    with pytest.raises(InputError, match="no moving averages"):
        evaluate(subject, (X, Y), attacks=("fgsm",))
    assert evaluate(subject, (X, Y), attacks=("fgsm",), statistics=("batch",)).n == SIZE

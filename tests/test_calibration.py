"""Recalibration: moving averages become the means over clean batches, in a copy; all else is copied."""

import keras
import numpy as np
import pytest

from igam_tf import adapters, gradients, models
from igam_tf.bounds import PIXELS
from igam_tf.calibration import recalibrated
from igam_tf.data import Split
from igam_tf.errors import InputError
from igam_tf.evaluation import evaluate
from igam_tf.layers import BatchNorm

from . import tiny

X, Y = tiny.batch(20)
CLEAN = Split(X, Y)


def norms(model: keras.Model) -> list[BatchNorm]:
    found = []
    for layer in model.layers:
        found += [layer] if isinstance(layer, BatchNorm) else norms(layer) if getattr(layer, "layers", None) else []
    return found


def nested() -> keras.Model:
    """A classifier behind an adapter, as fine-tuned teachers are."""
    return models.adapted(tiny.classifier(), adapters.parse(("crop:8",)), (10, 10, 3), PIXELS)


def wide() -> keras.Model:
    return tiny.shaken(models.wide_resnet(tiny.CLASSES, 1, 1, tiny.SHAPE))


def without_averages() -> keras.Model:
    return tiny.shaken(models.wide_resnet(tiny.CLASSES, 1, 1, tiny.SHAPE, moving_averages=False))


@pytest.mark.parametrize("make", [tiny.classifier, nested, wide, without_averages])
def test_one_batch_makes_moving_statistics_those_of_the_batch(make: object) -> None:
    """But for the unbiased variance, which at these sizes is seen in the last digits."""
    model = make()
    side = model.input_shape[1]
    x = tiny.batch(20, (side, side, 3))[0]
    before = tiny.values(model)
    copy = recalibrated(model, Split(x, Y), batch_size=20)
    expected = gradients.logits_of(model, x, "batch").numpy()
    found = gradients.logits_of(copy, x, "moving").numpy()
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.05 * np.ptp(expected))
    assert tiny.equal(tiny.values(model), before)
    np.testing.assert_allclose(gradients.logits_of(copy, x, "batch"), expected, rtol=1e-5, atol=1e-5)  # same weights
    assert len(norms(copy)) == len(norms(model)) > 0


def test_many_batches_are_averaged() -> None:
    """The first normalisation sees the same images whatever the others do."""
    model = tiny.classifier()
    first = recalibrated(model, CLEAN, 10)
    halves = [recalibrated(model, Split(X[part], Y[part]), 10) for part in (slice(10), slice(10, 20))]
    for name in ("moving_mean", "moving_variance"):
        parts = [getattr(norms(half)[0], name).numpy() for half in halves]
        assert np.abs(parts[0] - parts[1]).max() > 1e-4
        np.testing.assert_allclose(getattr(norms(first)[0], name), np.mean(parts, 0), rtol=1e-5, atol=1e-6)
    left_out = recalibrated(model, CLEAN, 15)
    np.testing.assert_array_equal(
        norms(left_out)[0].moving_mean, norms(recalibrated(model, CLEAN.first(15), 15))[0].moving_mean
    )


def test_evaluation_in_that_mode() -> None:
    model = tiny.classifier()
    settings = {"attacks": ("fgsm", "pgd2"), "epsilon": 4, "batch_size": 10}
    record = evaluate(model, (X, Y), statistics=("moving", "recalibrated"), calibration=(X, Y), **settings)
    copy = evaluate(recalibrated(model, CLEAN, 10), (X, Y), **settings)
    assert record.results["recalibrated"] == copy.results["moving"]
    assert record.results["moving"] == evaluate(model, (X, Y), **settings).results["moving"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"^statistics: recalibrated needs clean training data \(calibration\)$"),
        ({"calibration": (X[:9], Y[:9])}, "^recalibrated: need a Keras model and 10 images or more, got 9$"),
    ],
)
def test_mistakes(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(tiny.classifier(), (X, Y), statistics=("recalibrated",), batch_size=10, **settings)

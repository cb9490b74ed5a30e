"""Alignment and linearised robustness: by definition on linear logits, else by differences."""

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients
from igam_tf.evaluation import diagnostics
from igam_tf.layers import UnitNorm

from ... import tiny

RNG = np.random.default_rng(0)
SHAPE = (2, 2, 1)
X = RNG.uniform(0, 255, (9, *SHAPE)).astype(np.float32)
WEIGHTS = RNG.normal(size=(4, 3)).astype(np.float32)
BIAS = np.array([30, -20, 5], np.float32)
linear = tiny.linear(WEIGHTS)


def test_of_linear_logits_both_are_the_distance_to_the_boundary() -> None:
    measured = diagnostics.alignment(linear, X)
    flat = X.reshape(-1, 4).astype(np.float64)
    logits = flat @ WEIGHTS
    for index, order in enumerate(np.argsort(-logits, 1)):
        normal = WEIGHTS[:, order[0]] - WEIGHTS[:, order[1]].astype(np.float64)
        distance = (logits[index, order[0]] - logits[index, order[1]]) / np.linalg.norm(normal)
        assert measured.linearised_robustness[index] == pytest.approx(distance, rel=1e-5)
        assert measured.alignment[index] == pytest.approx(distance, rel=1e-5)
        at_boundary = flat[index] - distance * normal / np.linalg.norm(normal)
        assert np.ptp((at_boundary @ WEIGHTS)[order[:2]]) < 1e-3
    assert measured.alignment.dtype == np.float64


def test_a_bias_moves_the_boundary_and_not_the_alignment() -> None:
    """So that they differ by C / |g|, as in Eq. 18."""
    weights = WEIGHTS[:, :2]
    measured = diagnostics.alignment(lambda x: tf.reshape(x, (-1, 4)) @ weights + BIAS[:2], X)
    normal = weights[:, 0] - weights[:, 1].astype(np.float64)
    norm = np.linalg.norm(normal)
    scores = X.reshape(-1, 4).astype(np.float64) @ normal
    np.testing.assert_allclose(measured.alignment, np.abs(scores) / norm, rtol=1e-5)
    np.testing.assert_allclose(
        measured.linearised_robustness, np.abs(scores + BIAS[0] - BIAS[1]) / norm, rtol=1e-5
    )
    np.testing.assert_allclose(measured.gradient_norm, norm, rtol=1e-5)
    assert np.all(
        measured.linearised_robustness
        <= measured.alignment + np.abs(BIAS[0] - BIAS[1]) / norm * (1 + 1e-5)
    )


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_by_differences(statistics: str) -> None:
    """A network with BatchNorm, one pixel at a time; in batch mode the other images' gaps move as
    well.
    """
    with tiny.precision("float64"):
        model = tiny.classifier(shape=(3, 3, 1))
        x, _ = tiny.batch(3, (3, 3, 1))
        logits_fn = tf.function(
            lambda images: gradients.logits_of(model, images, statistics), autograph=False
        )

        def gaps(images: np.ndarray) -> np.ndarray:
            ordered = np.sort(logits_fn(tf.constant(images)).numpy(), 1)
            return ordered[:, -1] - ordered[:, -2]

        gradient = np.zeros(x.shape)
        for place in np.ndindex(*x.shape):
            step = np.zeros(x.shape)
            step[place] = 1e-4
            moved = gaps(x + step) - gaps(x - step)
            gradient[place] = (moved.sum() if statistics == "batch" else moved[place[0]]) / 2e-4
        measured = diagnostics.alignment(model, x, statistics)
    norm = np.linalg.norm(gradient.reshape(3, -1), axis=1)
    np.testing.assert_allclose(measured.gradient_norm, norm, rtol=1e-3)
    np.testing.assert_allclose(
        measured.alignment, np.abs((x * gradient).sum((1, 2, 3))) / norm, rtol=1e-3, atol=1e-3
    )
    np.testing.assert_allclose(
        measured.linearised_robustness, gaps(x.astype(np.float64)) / norm, rtol=1e-3
    )


def test_a_network_that_normalises_each_image_has_no_alignment() -> None:
    """Its gradient is at right angles to the image."""
    unit = UnitNorm(zero_mean=False)
    measured = diagnostics.alignment(lambda x: linear(unit(x)), X)
    np.testing.assert_allclose(measured.alignment, 0, atol=1e-3)
    assert measured.linearised_robustness.min() > 0.1


def test_without_a_gradient_neither_is_defined() -> None:
    measured = diagnostics.alignment(lambda x: tf.round(linear(x)), X)
    assert np.isnan(measured.alignment).all()
    assert np.isnan(measured.linearised_robustness).all()
    assert not measured.gradient_norm.any()

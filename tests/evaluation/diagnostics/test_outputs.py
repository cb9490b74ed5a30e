"""Verdicts on the gradients of clean images."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.evaluation.diagnostics import outputs
from igam_tf.evaluation.diagnostics.clean_statistics import CleanStatistics
from igam_tf.evaluation.diagnostics.inference import takes_gradients

from ... import tiny


def clean_statistics(zero_share: np.ndarray, classes: int = 10) -> CleanStatistics:
    """A faultless model on every image, but for the share of zeros in the gradients."""
    n = len(zero_share)
    yes, no = np.ones(n, bool), np.zeros(n, bool)
    return CleanStatistics(
        yes, zero_share, yes, np.ones(n), no, classes, False, True, 0.0, 0, False, None
    )


@pytest.mark.parametrize(
    ("n", "zeros", "share", "evidence", "p_value", "verdict"),
    [
        (170, 6, 1.0, "all_zero_chance", 0.0076, "PASS"),
        (145, 6, 1.0, "all_zero_chance", 0.0036, "WARN"),
        (97, 18, 0.97, "mostly_zero_chance", 0.0073, "PASS"),
        (100, 19, 0.97, "mostly_zero_chance", 0.0046, "WARN"),
    ],
)
def test_zero_gradients(
    n: int, zeros: int, share: float, evidence: str, p_value: float, verdict: str
) -> None:
    """The smaller of two p-values has to be below 0.5 % to count at 1 %."""
    shares = np.where(np.arange(n) < zeros, share, 0.0)
    check = outputs.zero_gradients(clean_statistics(shares))
    assert check.evidence[evidence] == pytest.approx(p_value, abs=5e-5)
    assert check.verdict == verdict


@pytest.mark.parametrize(("classes", "verdict"), [(2, "WARN"), (3, "WARN"), (4, "PASS")])
def test_targeted_dlr_needs_four_classes(classes: int, verdict: str) -> None:
    check = outputs.few_classes(clean_statistics(np.zeros(3), classes))
    assert (check.verdict, check.evidence["targets"]) == (verdict, classes - 1)


network = tiny.SineNetwork((4, 4, 1), 6, 3)


def purified(x: tf.Tensor) -> tf.Tensor:
    """A step up the network's own confidence before it classifies."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        confidence = tf.reduce_max(network(x), -1)
    return network(x + tape.gradient(confidence, x))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (network, False),
        (purified, True),
        (tf.function(purified), True),
        (lambda x: tf.map_fn(lambda image: purified(image[None])[0], x), True),
        (tiny.classifier(shape=(4, 4, 1)), False),
    ],
    ids=["network", "purified", "function", "loop", "keras"],
)
def test_gradients_in_a_forward_pass_are_seen(model: Any, expected: bool) -> None:
    assert takes_gradients(model, (4, 4, 1), "moving") is expected

"""Moments over the parts of two replicas against those of the whole batch on one device."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.layers import moments
from igam_tf.training import strategies

from .. import tiny

SHAPE = (6, 3, 2, 5)
RNG = np.random.default_rng(0)
X, ALONG = RNG.normal(1.0, 2.0, SHAPE), RNG.normal(size=SHAPE)
WEIGHTS = np.linspace(0.5, 2.0, SHAPE[0])[:, None, None, None]  # of the images


def on_replicas(
    first: int, function: Callable[..., list[tf.Tensor]], *arrays: np.ndarray
) -> list[Any]:
    """The parts of each result, of a function of the arrays' first `first` rows and of the rest."""
    strategy = strategies.strategy_of(DistributionSettings(strategy="mirrored", replicas=2))
    assert strategy is not None

    def parts(array: np.ndarray) -> Any:
        halves = [tf.constant(half) for half in np.split(array, [first])]
        return strategy.experimental_distribute_values_from_function(
            lambda context: halves[context.replica_id_in_sync_group]
        )

    run = tf.function(lambda *values: strategy.run(function, values), autograph=False)
    results = run(*map(parts, arrays))
    return [[part.numpy() for part in result.values] for result in results]


def derivatives(of: Callable[[tf.Tensor], moments.Moments]) -> Callable[..., list[tf.Tensor]]:
    """First and second derivatives for the images of a weighted sum over normalised images."""

    def function(x: tf.Tensor, weights: tf.Tensor, along: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                mean, variance, _ = of(x)
                value = tf.reduce_sum(weights * tf.sin((x - mean) * tf.math.rsqrt(variance + 0.1)))
            first = inner.gradient(value, x)
            slope = tf.reduce_sum(along * first)
        return [first, outer.gradient(slope, x)]

    return function


@pytest.mark.parametrize("first", [3, 4, 6], ids=["equal", "unequal", "one empty"])
def test_values_and_derivatives(first: int) -> None:
    arrays = X, WEIGHTS, ALONG

    def on_part(*parts: tf.Tensor) -> list[tf.Tensor]:
        return [*moments.of_replicas(parts[0]), *derivatives(moments.of_replicas)(*parts)]

    *results, slopes, curvatures = on_replicas(first, on_part, *arrays)
    expected = X.mean((0, 1, 2)), X.var((0, 1, 2)), X.size / SHAPE[-1]
    for parts, value in zip(results, expected, strict=True):
        assert tiny.relative(parts, [value, value]) < 1e-14
    of_one_device = derivatives(moments.of_batch)(*map(tf.constant, arrays))
    for parts, value in zip([slopes, curvatures], of_one_device, strict=True):
        assert tiny.relative(np.concatenate(parts), value) < 1e-14


def test_digits_beside_a_large_mean() -> None:
    """In float32 E[x^2] - E[x]^2 has deviations of 2e-7, 8e-4 and 10 at these means."""
    means, limits = np.array([0.0, 1e2, 1e4]), [1e-6, 1e-5, 1e-3]
    x = (means + X[..., :3]).astype(np.float32)
    expected = np.var(x.astype(np.float64), (0, 1, 2))
    _, (variance, _), _ = on_replicas(3, lambda part: list(moments.of_replicas(part)), x)
    assert (np.abs(variance / expected - 1) < limits).all()

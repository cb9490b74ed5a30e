"""Moving averages on two replicas: equal on both, and exchanged at once."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core import modes
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.layers import BatchNorm, batch_norm, moments
from igam_tf.training import strategies

X = np.random.default_rng(0).normal(1.0, 2.0, (6, 4, 4, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("merged", "synchronized", "exchanges"),
    [(True, False, [4, 4]), (False, False, [2, 2, 2, 2]), (True, True, [])],
)
def test_replicas_move_their_averages_to_the_mean_of_their_values(
    merged: bool, synchronized: bool, exchanges: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    exchange = moments.means_over_replicas

    def counting(values: list[tf.Tensor]) -> list[tf.Tensor]:
        sizes.append(len(values))
        return exchange(values)

    monkeypatch.setattr(moments, "means_over_replicas", counting)
    strategy = strategies.strategy_of(DistributionSettings(strategy="mirrored", replicas=2))
    assert strategy is not None
    with strategy.scope():
        norms = [BatchNorm(momentum=0.75), BatchNorm(momentum=0.5)]
        model = keras.Sequential([keras.Input(X.shape[1:]), *norms])

    def step(x: tf.Tensor) -> None:
        with modes.in_mode(synchronized=synchronized):
            if not merged:
                model(x, training=True)
                return
            with batch_norm.one_exchange():
                model(x, training=True)

    def part(context: Any) -> tf.Tensor:
        return tf.constant(np.split(X, 2)[context.replica_id_in_sync_group])

    parts = strategy.experimental_distribute_values_from_function(part)
    tf.function(lambda: strategy.run(step, (parts,)))()
    assert sizes == exchanges

    batches = [X] if synchronized else np.split(X, 2)
    count = batches[0].size // 3
    variance = np.mean([batch.var((0, 1, 2)) for batch in batches], 0) * count / (count - 1)
    average, moving = norms[0].moving_mean.value, norms[0].moving_variance.value
    for mine, own in zip(average.values, moving.values, strict=True):  # of each replica
        np.testing.assert_allclose(mine, 0.25 * X.mean((0, 1, 2)), rtol=1e-4)
        np.testing.assert_allclose(own, 0.75 + 0.25 * variance, rtol=1e-4)
    for variable in (norms[1].moving_mean.value, norms[1].moving_variance.value):
        first, second = variable.values
        np.testing.assert_array_equal(first, second)

"""Curves: one trajectory read at several numbers of steps; restarts for survivors alone."""

from typing import Any

import keras
import numpy as np
import pytest

from igam_tf import attacks, gradients, layers
from igam_tf.attacks import programs
from igam_tf.core import randomness
from igam_tf.core.errors import InputError

from .. import tiny
from .pgd_reference import HIDDEN, OUT, SETTINGS, SHAPE, X, Y, correct, linf_trajectory, network


def test_curves_read_one_trajectory_at_several_steps() -> None:
    record_at = (0, 1, 2, 5, 9)
    curve = attacks.pgd_curve(network, X, Y, record_at=record_at, **SETTINGS)
    start = attacks.pgd(network, X, Y, steps=0, **SETTINGS)
    judged = np.stack([correct(x) for x in linf_trajectory(start, 60, 25, 9)])
    np.testing.assert_array_equal(curve.clean, correct(X))
    assert curve.any is curve.never_fooled  # the alias
    for k in record_at:
        never_fooled = correct(X) & judged[: k + 1].all(0)
        np.testing.assert_array_equal(curve.last[k], judged[k])
        np.testing.assert_array_equal(curve.never_fooled[k], never_fooled)
        x_adv = attacks.pgd(network, X, Y, steps=k, **SETTINGS)
        np.testing.assert_array_equal(curve.last[k], correct(x_adv))
    # Or this test would tell nothing:
    assert any((curve.last[k] != curve.never_fooled[k]).any() for k in record_at)
    np.testing.assert_array_equal(curve.last[9], correct(curve.x_adv))


def test_a_curve_may_run_longer_than_it_is_read() -> None:
    curve = attacks.pgd_curve(network, X, Y, record_at=[1, 2], steps=5, **SETTINGS)
    assert list(curve.last) == [1, 2]
    np.testing.assert_array_equal(curve.x_adv, attacks.pgd(network, X, Y, steps=5, **SETTINGS))


@pytest.mark.parametrize(
    "arguments", [{"record_at": ()}, {"record_at": (5,), "steps": 4}, {"record_at": (-1, 3)}]
)
def test_steps_that_cannot_be_read(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected 0 <= record_at <= steps"):
        attacks.pgd_curve(network, X, Y, **SETTINGS, **arguments)


def test_the_first_restart_that_fools_decides_the_image() -> None:
    settings = {**SETTINGS, "epsilon": 18, "record_at": (3,)}
    one, two, ten = (attacks.pgd_curve(network, X, Y, restarts=n, **settings) for n in (1, 2, 10))
    fooled = ~one.last[3]
    assert fooled.any()
    np.testing.assert_array_equal(two.x_adv[fooled], one.x_adv[fooled])
    assert np.all((two.x_adv[~fooled] != one.x_adv[~fooled]).any((1, 2, 3)))
    for fewer, more in ((one, two), (two, ten)):
        assert not np.any(more.last[3] & ~fewer.last[3])
        assert not np.any(more.never_fooled[3] & ~fewer.never_fooled[3])
    assert ten.last[3].sum() < one.last[3].sum()
    np.testing.assert_array_equal(correct(ten.x_adv), ten.last[3])


def with_batchnorm() -> keras.Model:
    """The network as a Keras model with BatchNorm."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Flatten()(layers.PixelRange(0.0, 255.0)(inputs))
    x = layers.BatchNorm()(keras.layers.Dense(6, keras.ops.sin, use_bias=False)(x))
    model = keras.Model(inputs, keras.layers.Dense(tiny.CLASSES, use_bias=False)(x))
    model.layers[3].kernel.assign(HIDDEN)
    model.layers[-1].kernel.assign(OUT)
    return model


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_restarts_attack_those_that_they_can_change(
    monkeypatch: pytest.MonkeyPatch, statistics: str
) -> None:
    """Against each restart alone, on all examples. Batch statistics need all examples."""
    compiled, sizes = programs.compiled, []

    def counting(*arguments: Any) -> Any:
        run = compiled(*arguments)
        return lambda images, *rest: (sizes.append(len(images)), run(images, *rest))[1]

    monkeypatch.setattr(programs, "compiled", counting)
    model = with_batchnorm()
    x, _ = tiny.batch(120, SHAPE)
    y = gradients.logits_of(model, x, statistics).numpy().argmax(1)
    y[:3] = (y[:3] + 1) % tiny.CLASSES
    record_at, restarts = (1, 3), 4
    settings = {"epsilon": 6, "step_size": 6, "record_at": record_at, "statistics": statistics}
    curve = attacks.pgd_curve(model, x, y, restarts=restarts, seed=3, **settings)
    sizes_of_restarts = list(sizes)
    seeds = [randomness.restart_seed(3, restart) for restart in range(restarts)]
    alone = [attacks.pgd_curve(model, x, y, seed=seed, **settings) for seed in seeds]
    for k in record_at:
        last, never_fooled = curve.last[k], curve.never_fooled[k]
        np.testing.assert_array_equal(last, np.all([one.last[k] for one in alone], 0))
        expected = np.all([one.never_fooled[k] for one in alone], 0)
        np.testing.assert_array_equal(never_fooled, expected)
    np.testing.assert_array_equal(curve.clean, alone[0].clean)
    ends = np.array([one.last[3] for one in alone])
    first = np.where(ends.all(0), restarts - 1, ends.argmin(0))
    expected = np.stack([alone[restart].x_adv[i] for i, restart in enumerate(first)])
    np.testing.assert_allclose(curve.x_adv, expected, atol=1e-3)
    assert len(set(first)) > 2  # or this test would tell little
    if statistics == "batch":
        assert sizes_of_restarts == [len(x)] * restarts
        return
    survivors = [
        np.any([np.all([one.last[k] for one in alone[:count]], 0) for k in record_at], 0)
        for count in range(1, restarts)
    ]
    assert sizes_of_restarts == [len(x), *(int(flags.sum()) for flags in survivors)]
    assert 0 < sizes_of_restarts[-1] < sizes_of_restarts[1] < len(x)

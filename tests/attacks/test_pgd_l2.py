"""PGD in the l2 ball: the loop, the length of steps, the start, the radius."""

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks
from igam_tf.core.errors import InputError

from .pgd_reference import RANGE, SETTINGS, SHAPE, X, Y, l2_trajectory, network


def lengths(offsets: np.ndarray) -> np.ndarray:
    return np.linalg.norm(offsets.reshape(len(offsets), -1), axis=1)


@pytest.mark.parametrize("loss", ["xent", "margin"])
@pytest.mark.parametrize("random_start", [False, True])
def test_the_loop(random_start: bool, loss: str) -> None:
    settings = {**SETTINGS, "epsilon": 35, "random_start": random_start, "loss": loss, "norm": "l2"}
    start = attacks.pgd(network, X, Y, steps=0, **settings)
    assert np.any(start != X) == random_start
    x_adv = attacks.pgd(network, X, Y, steps=4, **settings)
    expected = l2_trajectory(start, 35, 25, 4, loss)[-1]
    # Rounding of four float32 steps: up to 1.4e-3 with TensorFlow 2.20.
    np.testing.assert_allclose(x_adv, expected, rtol=1e-4, atol=1e-2)
    # Or this test would tell little: steps were cut at the ball and at the range.
    assert lengths(x_adv - X).max() == pytest.approx(35, abs=1e-3)
    assert x_adv.min() == 0


def test_steps_have_their_length_whatever_the_gradients() -> None:
    """Gradients whose squares vanish in float32, and one that is 0."""

    def faint(x: tf.Tensor) -> tf.Tensor:
        return 1e-24 * network(x) * tf.cast(tf.range(len(X))[:, None] > 0, tf.float32)

    settings = {**SETTINGS, "bounds": (-300, 600), "norm": "l2", "random_start": False}
    x_adv = attacks.pgd(faint, X, Y, steps=1, **settings)
    np.testing.assert_allclose(lengths(x_adv - X), [0, *[25] * (len(X) - 1)], rtol=1e-4)


def test_starts_are_uniform_in_the_ball() -> None:
    count, pixel = 1500, 100.0
    x, y = np.full((count, *SHAPE), pixel), np.zeros(count, int)
    settings = {"epsilon": 10, "step_size": 1, "norm": "l2", "seed": 0, **RANGE}
    noise = (attacks.pgd(network, x, y, steps=0, **settings) - pixel).reshape(count, 9) / 10
    length = lengths(noise)
    assert length.max() <= 1 + 1e-5
    volumes = np.sort(length**9)  # of the ball inside: uniform
    assert np.abs(volumes - (np.arange(count) + 0.5) / count).max() < 0.04
    # No direction is preferred.
    towards = noise / length[:, None]
    np.testing.assert_allclose(towards.T @ towards / count, np.eye(9) / 9, atol=0.02)
    assert np.abs(towards.mean(0)).max() < 0.03


def test_a_radius_may_exceed_the_range() -> None:
    settings = {"step_size": 300, "steps": 3, "norm": "l2", "random_start": False, **RANGE}
    x_adv = attacks.pgd(network, X, Y, epsilon=500, **settings)
    assert 255 < lengths(x_adv - X).max() <= 500 + 1e-3
    with pytest.raises(InputError, match="epsilon: expected 0 to 765, the diagonal"):
        attacks.pgd(network, X, Y, epsilon=766, **settings)

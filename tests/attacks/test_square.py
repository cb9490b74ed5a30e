"""Square Attack against a loop in NumPy; its schedule, draws, queries and errors."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients
from igam_tf.attacks import LINF
from igam_tf.attacks.balls import LinfBall
from igam_tf.attacks.square_moves import MOVES, pixels
from igam_tf.attacks.square_program import BLOCK
from igam_tf.core import randomness
from igam_tf.core.errors import InputError

from .. import tiny

SHAPE = (6, 5, 2)
CLASSES = 4
network = tiny.SineNetwork(SHAPE, 8, CLASSES, 0.01)
X = tiny.batch(24, SHAPE)[0]
Y = network(X).numpy().argmax(1)
Y[:3] = (Y[:3] + 1) % CLASSES  # misclassified from the start
SETTINGS: dict[str, Any] = {"epsilon": 1.5, "bounds": (0, 255), "seed": 3, "queries": 230}


def correct(x: np.ndarray) -> np.ndarray:
    return network(x).numpy().argmax(1) == Y


def share_by_query(query: int, queries: int, p_init: float) -> float:
    """As the paper's appendix lists it for 10,000 queries."""
    at = query * 10_000 // queries
    for last, divisor in (
        (10, 1),
        (50, 2),
        (200, 4),
        (500, 8),
        (1000, 16),
        (2000, 32),
        (4000, 64),
        (6000, 128),
    ):
        if at <= last:
            return p_init / divisor
    return p_init / (256 if at <= 8000 else 512)


def uniform(purpose: str, block: int, index: int, *shape: int) -> np.ndarray:
    """The documented draws of one example: in [-1, 1), by (seed, block of queries, index)."""
    key = randomness.key(randomness.restart_seed(SETTINGS["seed"], block), purpose, index)
    return tf.random.stateless_uniform(shape, key, -1.0, 1.0).numpy()


def random_search(i: int, epsilon: float, queries: int) -> np.ndarray:
    """One image by a plain loop."""

    def margin(at: np.ndarray) -> float:
        logits = network(at[None]).numpy()[0]
        return np.delete(logits, Y[i]).max() - logits[Y[i]]

    def project(at: np.ndarray) -> np.ndarray:
        return np.clip(np.clip(at, X[i] - epsilon, X[i] + epsilon), 0, 255).astype(np.float32)

    (height, width, channels), draws = SHAPE, {}
    best = project(
        X[i] + epsilon * np.where(uniform("stripes", 0, i, 1, width, channels) < 0, -1, 1)
    )
    highest = margin(best)
    for query in range(1, queries):
        if highest > 0:
            break
        block = query // BLOCK
        if block not in draws:
            draws[block] = uniform("square", block, i, BLOCK, 2 + channels)
        top, left, *signs = draws[block][query % BLOCK]
        area = share_by_query(query - 1, queries, 0.8) * height * width
        side = min(max(round(np.sqrt(area)), 1), height, width)
        top = int((top + 1) / 2 * (height - side + 1))
        left = int((left + 1) / 2 * (width - side + 1))
        candidate, window = best.copy(), np.s_[top : top + side, left : left + side]
        candidate[window] = project(X[i] + epsilon * np.where(np.array(signs) < 0, -1, 1))[window]
        if margin(candidate) > highest:
            best, highest = candidate, margin(candidate)
    return best


def test_the_loop_is_that_of_the_paper() -> None:
    x_adv = attacks.square(network, X, Y, **SETTINGS)
    np.testing.assert_array_equal(x_adv[~correct(X)], X[~correct(X)])
    for i in np.flatnonzero(correct(X)):
        np.testing.assert_array_equal(
            x_adv[i], random_search(i, SETTINGS["epsilon"], SETTINGS["queries"])
        )
    assert 3 < correct(x_adv).sum() < correct(X).sum() - 3  # or this test would tell little


@pytest.mark.parametrize("queries", [1, 2, 100, 5000, 10_000])
@pytest.mark.parametrize("p_init", [0.8, 0.05])
def test_squares_shrink_on_the_papers_schedule(queries: int, p_init: float) -> None:
    shares = [share_by_query(query, queries, p_init) for query in range(queries - 1)]
    expected = [0, *(min(max(round(np.sqrt(share * 28 * 32)), 1), 28) for share in shares)]
    np.testing.assert_array_equal(MOVES[LINF].sides(queries, p_init, (28, 32)), expected)


def test_squares_lie_anywhere_inside_the_image() -> None:
    draws = np.random.default_rng(0).uniform(-1, 1, (2000, 2)).astype(np.float32)
    draws[:2] = [[-1, -1], [1 - 2**-22] * 2]  # the least and the largest that are drawn
    for side in (1, 3, 4):
        places = pixels(draws, tf.constant(side), tf.zeros([2000, 4, 6, 1])).numpy()
        assert places.shape == (2000, side, side, 3)
        steps = np.stack([np.zeros((side, side), int), *np.indices((side, side))], -1)
        np.testing.assert_array_equal(
            places - places[:, :1, :1], np.broadcast_to(steps, places.shape)
        )
        np.testing.assert_array_equal(places[:, 0, 0, 0], np.arange(2000))
        assert {tuple(corner) for corner in places[:, 0, 0, 1:]} == {
            (top, left) for top in range(4 - side + 1) for left in range(6 - side + 1)
        }


def test_the_first_query_is_of_stripes() -> None:
    x = np.full((8, *SHAPE), 100, np.float32)
    x_adv = attacks.square(
        network, x, network(x).numpy().argmax(1), **{**SETTINGS, "queries": 1, "epsilon": 1e-3}
    )
    noise = x_adv - x
    np.testing.assert_array_equal(noise, np.broadcast_to(noise[:, :1], noise.shape))
    np.testing.assert_allclose(np.abs(noise), 1e-3, atol=1e-5)
    assert len({column.tobytes() for column in np.sign(noise[:, 0])}) == 8


def test_models_without_gradients_are_attacked() -> None:
    def rounded(x: tf.Tensor) -> tf.Tensor:
        return tf.round(10 * network(tf.round(x)))

    y = rounded(X).numpy().argmax(1)
    x_adv = attacks.square(rounded, X, y, **SETTINGS)
    assert np.mean(rounded(x_adv).numpy().argmax(1) == y) < 0.7


def test_more_queries_fool_more() -> None:
    counts = [
        correct(attacks.square(network, X, Y, **{**SETTINGS, "queries": n})).sum()
        for n in (1, 30, 1000)
    ]
    assert correct(X).sum() > counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_only_correct_examples_move_and_all_of_them_by_epsilon(statistics: str) -> None:
    model = tiny.classifier()
    x, _ = tiny.batch(32)
    clean = np.arange(32) % 4 > 0
    predictions = gradients.logits_of(model, x, statistics).numpy().argmax(1)
    y = np.where(clean, predictions, (predictions + 1) % tiny.CLASSES)
    settings = {"epsilon": "8/255", "queries": 150, "statistics": statistics, "seed": 0}
    change = np.abs(attacks.square(model, x, y, **settings) - x).max((1, 2, 3))
    assert not change[~clean].any()
    assert change[clean].min() > 7.9


@dataclasses.dataclass(frozen=True)
class SmallBall(LinfBall):
    """A ball of a user's own."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queries": 0}, r"square: need queries >= 1 and p_init in \(0, 1\], got 0 and 0.8"),
        ({"p_init": 0}, r"square: need queries >= 1 and p_init in \(0, 1\], got 230 and 0"),
        ({"norm": SmallBall()}, r"norm: square has candidates for linf and l2, got SmallBall"),
        ({"norm": "l1"}, "norm: expected one of linf, l2 or a Ball, got 'l1'"),
        ({"p_init": 1.1}, r"square: need queries >= 1 and p_init in \(0, 1\], got 230 and 1.1"),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        attacks.square(**{"model": network, "x": X, "y": Y, **SETTINGS, **arguments})
    assert "\n" not in str(error.value)


def test_images_of_one_channel() -> None:
    x, y = tiny.batch(4, (8, 8, 1), 1.0)
    x_adv = attacks.square(
        tiny.classifier(shape=(8, 8, 1), high=1.0), x, y, epsilon=0.3, queries=20, seed=0
    )
    assert x_adv.shape == x.shape
    assert np.abs(x_adv - x).max() <= 0.3 + 1e-6

"""Square in the l2 ball: its pattern, first image and candidates against loops in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks
from igam_tf.attacks import L2
from igam_tf.attacks.square_moves import MOVES, pattern

from .. import tiny

SHAPE, COUNT = (13, 11, 2), 40
LIMITS = (60.0, 0.0, 255.0)  # radius and pixel range
MOVES_L2 = MOVES[L2]
network = tiny.SineNetwork(SHAPE, 8, 4, 0.01)
X = tiny.batch(COUNT, SHAPE)[0]


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, (COUNT, *shape)).astype(np.float32)


def lengths(offsets: np.ndarray) -> np.ndarray:
    return np.linalg.norm(offsets.astype(np.float64).reshape(len(offsets), -1), axis=1)


def paper_pattern(side: int) -> np.ndarray:
    """Two rectangles of concentric squares, as the paper's Eq. 2 adds them."""

    def rectangle(height: int, width: int) -> np.ndarray:
        values = np.zeros((height, width))
        for ring in range(width // 2 + 1):
            top, left = height // 2 - ring, width // 2 - ring
            rows, columns = (slice(max(first, 0), first + 2 * ring + 1) for first in (top, left))
            values[rows, columns] += 1 / (ring + 1) ** 2
        return values / max(np.linalg.norm(values), 1e-12)

    values = np.concatenate([rectangle(side // 2, side), -rectangle(side - side // 2, side)])
    return values / np.linalg.norm(values)


@pytest.mark.parametrize("side", [1, 2, 3, 6, 13, 29])
def test_the_pattern_is_that_of_the_paper(side: int) -> None:
    np.testing.assert_allclose(pattern(tf.constant(side)), paper_pattern(side), atol=1e-6)


def first_image(x: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Two-pixel patterns, in rows and columns that begin after the margins."""
    side, offset = 2, np.zeros(SHAPE)
    for row, column in np.ndindex(6, 5):
        turned, *signs = draws[row, column]
        values = paper_pattern(side)
        values = values.T if turned < 0 else values
        top, left = side * row, side * column
        offset[top : top + side, left : left + side] = values[..., None] * np.where(
            np.array(signs) < 0, -1, 1
        )
    return np.clip(x + LIMITS[0] * offset / np.linalg.norm(offset), *LIMITS[1:])


def test_the_first_image_has_a_pattern_on_every_tile() -> None:
    shape = MOVES_L2.first_draws(SHAPE)
    assert shape == (6, 5, 3)
    draws = uniform(*shape)
    expected = [first_image(x, draw) for x, draw in zip(X, draws, strict=True)]
    np.testing.assert_allclose(MOVES_L2.first(tf.constant(X), draws, *LIMITS), expected, atol=1e-3)


def next_image(x: np.ndarray, best: np.ndarray, side: int, draws: np.ndarray) -> np.ndarray:
    """One candidate of one image, channel by channel."""
    epsilon, low, high = LIMITS
    places = (draws[:4] + 1) / 2 * (np.array(2 * SHAPE[:2]) - side + 1)
    top, left, other_top, other_left = places.astype(int)
    window = np.s_[top : top + side, left : left + side]
    other = np.s_[other_top : other_top + side, other_left : other_left + side]
    values = paper_pattern(side)
    values = values.T if draws[4] < 0 else values
    offset = (best - x).astype(np.float64)
    spare = max(epsilon**2 - (offset**2).sum(), 0) / SHAPE[2]
    for channel in range(SHAPE[2]):
        pixels = offset[..., channel]  # a view
        windows = np.zeros(SHAPE[:2], bool)
        windows[window] = windows[other] = True
        length = np.sqrt(spare + (pixels[windows] ** 2).sum())
        added = values * (-1 if draws[5 + channel] < 0 else 1)
        added = added + pixels[window] / np.linalg.norm(pixels[window])
        pixels[other] = 0
        pixels[window] = added / np.linalg.norm(added) * length
    return np.clip(x + epsilon * offset / np.linalg.norm(offset), low, high)


@pytest.mark.parametrize("side", [3, 5, 11])
def test_candidates_are_those_of_the_paper(side: int) -> None:
    rng = np.random.default_rng(side)
    best = X + rng.normal(0, 4, X.shape)
    best = np.clip(X + (best - X) * (50 / lengths(best - X))[:, None, None, None], 0, 255)
    best, draws = best.astype(np.float32), uniform(MOVES_L2.num_draws(SHAPE[2]))
    expected = [next_image(x, at, side, draw) for x, at, draw in zip(X, best, draws, strict=True)]
    arguments = (tf.constant(X), tf.constant(best), tf.constant(side), draws)
    np.testing.assert_allclose(MOVES_L2.candidate(*arguments, *LIMITS), expected, atol=1e-3)


def test_a_query_without_a_square_keeps_the_image() -> None:
    draws = uniform(MOVES_L2.num_draws(SHAPE[2]))
    arguments = (tf.constant(X), tf.constant(X[::-1].copy()), tf.constant(0), draws)
    np.testing.assert_array_equal(MOVES_L2.candidate(*arguments, *LIMITS), X[::-1])


def test_sides_are_odd_and_fit() -> None:
    linf, l2 = (MOVES[ball].sides(1000, 0.8, (28, 32)) for ball in (attacks.LINF, L2))
    odd = np.maximum(linf[1:], 3) // 2 * 2 + 1
    np.testing.assert_array_equal(l2[1:], np.minimum(odd, 28))
    assert l2[0] == 0


def test_more_queries_fool_more_within_the_radius() -> None:
    y = network(X).numpy().argmax(1)
    counts = []
    for queries in (1, 30, 600):
        x_adv = attacks.square(
            network, X, y, epsilon=6, norm="l2", queries=queries, bounds=(0, 255), seed=0
        )
        assert 5.9 < lengths(x_adv - X).max() < 6 + 1e-4
        counts.append(np.sum(network(x_adv).numpy().argmax(1) == y))
    assert COUNT > counts[0] > counts[1] > counts[2] > 0

"""Square Attack against a loop in NumPy; its schedule and promises on ball, seeds, queries,
batches, traces and memory.
"""

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients
from igam_tf.attacks.square import BLOCK, _sides, _squares
from igam_tf.core import randomness
from igam_tf.core.errors import InputError

from .. import tiny

SHAPE = (6, 5, 2)
CLASSES = 4
HIDDEN = np.random.default_rng(4).normal(0, 0.01, (60, 8)).astype(np.float32)
OUT = np.random.default_rng(5).normal(size=(8, CLASSES)).astype(np.float32)


def network(x: tf.Tensor) -> tf.Tensor:
    return tf.sin(tf.reshape(x, (-1, 60)) @ HIDDEN) @ OUT


X = tiny.batch(24, SHAPE)[0]
Y = network(X).numpy().argmax(1)
Y[:3] = (Y[:3] + 1) % CLASSES  # misclassified from the start
SETTINGS: dict[str, Any] = {"epsilon": 1.5, "bounds": (0, 255), "seed": 3, "queries": 230}


def right(x: np.ndarray) -> np.ndarray:
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
        top, left = (
            int((top + 1) / 2 * (height - side + 1)),
            int((left + 1) / 2 * (width - side + 1)),
        )
        tried, window = best.copy(), np.s_[top : top + side, left : left + side]
        tried[window] = project(X[i] + epsilon * np.where(np.array(signs) < 0, -1, 1))[window]
        if margin(tried) > highest:
            best, highest = tried, margin(tried)
    return best


def test_the_loop_is_that_of_the_paper() -> None:
    found = attacks.square(network, X, Y, **SETTINGS)
    np.testing.assert_array_equal(found[~right(X)], X[~right(X)])
    for i in np.flatnonzero(right(X)):
        np.testing.assert_array_equal(
            found[i], random_search(i, SETTINGS["epsilon"], SETTINGS["queries"])
        )
    assert 3 < right(found).sum() < right(X).sum() - 3  # or this test would tell little


@pytest.mark.parametrize("queries", [1, 2, 100, 5000, 10_000])
@pytest.mark.parametrize("p_init", [0.8, 0.05])
def test_squares_shrink_on_the_papers_schedule(queries: int, p_init: float) -> None:
    shares = [share_by_query(query, queries, p_init) for query in range(queries - 1)]
    expected = [0, *(min(max(round(np.sqrt(share * 28 * 32)), 1), 28) for share in shares)]
    np.testing.assert_array_equal(_sides(queries, p_init, (28, 32)), expected)


def test_squares_lie_anywhere_inside_the_image() -> None:
    draws = np.random.default_rng(0).uniform(-1, 1, (2000, 2)).astype(np.float32)
    draws[:2] = [[-1, -1], [1 - 2**-22] * 2]  # the least and the largest that are drawn
    for side in (1, 3, 4):
        masks = _squares(draws, tf.constant(side), 4, 6).numpy()[..., 0]
        np.testing.assert_array_equal(masks.sum((1, 2)), side**2)
        places = {tuple(np.argwhere(mask)[0]) for mask in masks}
        assert places == {
            (top, left) for top in range(4 - side + 1) for left in range(6 - side + 1)
        }


def test_the_first_query_is_of_stripes() -> None:
    x = np.full((8, *SHAPE), 100, np.float32)
    found = attacks.square(
        network, x, network(x).numpy().argmax(1), **{**SETTINGS, "queries": 1, "epsilon": 1e-3}
    )
    noise = found - x
    np.testing.assert_array_equal(noise, np.broadcast_to(noise[:, :1], noise.shape))
    np.testing.assert_allclose(np.abs(noise), 1e-3, atol=1e-5)
    assert len({column.tobytes() for column in np.sign(noise[:, 0])}) == 8


def test_models_without_gradients_are_attacked() -> None:
    def rounded(x: tf.Tensor) -> tf.Tensor:
        return tf.round(10 * network(tf.round(x)))

    y = rounded(X).numpy().argmax(1)
    found = attacks.square(rounded, X, y, **SETTINGS)
    assert np.mean(rounded(found).numpy().argmax(1) == y) < 0.7


def test_more_queries_fool_more() -> None:
    rights = [
        right(attacks.square(network, X, Y, **{**SETTINGS, "queries": n})).sum()
        for n in (1, 30, 1000)
    ]
    assert right(X).sum() > rights[0] > rights[1] > rights[2]


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_keras_models_are_attacked_in_ball_and_range_and_left_alone(statistics: str) -> None:
    model = tiny.classifier()
    x, _ = tiny.batch(32)
    x[:8] = 255 * (x[:8] > 128)
    before = tiny.values(model)
    clean = np.arange(32) % 4 > 0
    y = (np.asarray(gradients.logits_of(model, x, statistics)).argmax(1) + ~clean) % tiny.CLASSES
    found = attacks.square(model, x, y, epsilon="8/255", queries=150, statistics=statistics, seed=0)
    assert tiny.equal(tiny.values(model), before)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[~clean], x[~clean])
    assert np.abs(found - x)[clean].max((1, 2, 3)).min() > 7.9
    assert np.abs(found - x).max() <= 8 + 2.55e-4
    assert found.min() >= 0
    assert found.max() <= 255
    assert (
        np.mean(np.asarray(gradients.logits_of(model, found, statistics)).argmax(1) == y)
        < clean.mean() - 0.1
    )


def test_batches_make_no_difference_and_no_second_trace() -> None:
    calls = []

    def counted(x: tf.Tensor) -> tf.Tensor:
        calls.append(x.shape)
        return network(x)

    def attacked(order: np.ndarray, size: int) -> np.ndarray:
        found = np.empty_like(X)
        for i in range(0, len(X), size):
            some = order[i : i + size]
            found[some] = attacks.square(counted, X[some], Y[some], indices=100 + some, **SETTINGS)
        return found

    places = np.arange(len(X))
    whole = attacked(places, len(X))
    traced = len(calls)
    np.testing.assert_array_equal(attacked(places, 7), whole)
    np.testing.assert_array_equal(attacked(places[::-1], 1), whole)
    attacks.square(counted, X, Y, queries=7, epsilon=1, bounds=(-1, 256), seed=9, p_init=0.1)
    assert len(calls) == traced
    assert all(shape == (None, *SHAPE) for shape in calls)


def test_the_seed_decides() -> None:
    def attacked(seed: int | None) -> np.ndarray:
        return attacks.square(network, X, Y, **{**SETTINGS, "queries": 1, "seed": seed})

    np.testing.assert_array_equal(attacked(1), attacked(1))
    assert np.abs(attacked(1) - attacked(2)).max() > 1
    assert np.abs(attacked(None) - attacked(None)).max() > 1


def test_an_attacked_model_can_be_freed() -> None:
    model = tiny.classifier()
    attacks.square(model, *tiny.batch(), epsilon=8, queries=3)
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 256}, r"epsilon: expected 0 to 255, .* \[0, 255\], got 256"),
        ({"queries": 0}, r"square: need queries >= 1 and p_init in \(0, 1\], got 0 and 0.8"),
        ({"p_init": 0}, r"square: need queries >= 1 and p_init in \(0, 1\], got 230 and 0"),
        ({"p_init": 1.1}, r"square: need queries >= 1 and p_init in \(0, 1\], got 230 and 1.1"),
        ({"statistics": "train"}, "statistics: expected one of moving, batch, got 'train'"),
        ({"statistics": "batch"}, 'statistics="batch" needs a Keras model'),
        ({"bounds": None}, "does not say its pixel range"),
        ({"y": Y[:-1]}, r"expected images \[B, H, W, C\] and labels \[B\]"),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        attacks.square(**{"model": network, "x": X, "y": Y, **SETTINGS, **arguments})
    assert "\n" not in str(error.value)


def test_images_of_one_channel() -> None:
    x, y = tiny.batch(4, (8, 8, 1), 1.0)
    found = attacks.square(
        tiny.classifier(shape=(8, 8, 1), high=1.0), x, y, epsilon=0.3, queries=20, seed=0
    )
    assert found.shape == x.shape
    assert np.abs(found - x).max() <= 0.3 + 1e-6

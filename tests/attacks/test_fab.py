"""FAB against Algorithm 1 in NumPy; runs in turn, targets, costs, strength, errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, data, gradients, pretrained
from igam_tf.attacks import FAB
from igam_tf.attacks.balls import BALLS
from igam_tf.core import randomness
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError

from .. import tiny
from .test_apgd import CLASSES, HIDDEN, OUT, X, Y, correct, network

ORDERS = {"linf": np.inf, "l2": 2}
EPSILON = {"linf": 4.0, "l2": 12.0}
SETTINGS: dict[str, Any] = {"bounds": (0, 255), "seed": 7, "steps": 12}
by_norm = pytest.mark.parametrize("norm", ORDERS)


def lengths(offset: np.ndarray, norm: str) -> np.ndarray:
    """Of images [B, H, W, C]."""
    return np.linalg.norm(offset.reshape(len(offset), -1).astype(np.float64), ORDERS[norm], 1)


def sorted_projection(z: np.ndarray, w: np.ndarray, excess: float, norm: str) -> np.ndarray:
    """The projection in [0, 255] by the paper's sort, for one point [D]."""
    way, weight = -np.sign(excess) * np.sign(w), np.abs(w)
    room, speed = np.where(way > 0, 255 - z, z), weight if norm == "l2" else np.ones_like(w)
    limit = np.where(weight > 0, room / np.maximum(speed, 1e-30), 0)
    order = np.argsort(limit)
    at_bounds = np.r_[0, np.cumsum((weight * room)[order])]
    slope = np.r_[np.cumsum((weight * speed)[order][::-1])[::-1], 0]
    reached = at_bounds[:-1] + slope[:-1] * limit[order]  # when each pixel in turn meets its bound
    piece = np.searchsorted(reached, abs(excess))
    if piece == len(z):  # out of reach
        return way * room
    return way * np.minimum((abs(excess) - at_bounds[piece]) / slope[piece] * speed, room)


def closest(
    x: np.ndarray, label: int, target: int, start: np.ndarray, steps: int, norm: str
) -> tuple[np.ndarray, float]:
    """Algorithm 1 for one image: the closest misclassified iterate, and its distance."""
    shape, x = x.shape, x.ravel().astype(np.float64)
    at, best, distance = np.clip(start.ravel(), 0, 255), x, np.inf
    for _ in range(steps):
        direction = OUT[:, target] - OUT[:, label]
        margin, w = np.sin(at @ HIDDEN) @ direction, HIDDEN @ (np.cos(at @ HIDDEN) * direction)
        offsets = [sorted_projection(z, w, margin + w @ (z - at), norm) for z in (at, x)]
        from_at, from_x = (np.linalg.norm(offset, ORDERS[norm]) for offset in offsets)
        bias = min(from_at / (from_at + from_x), 0.1)
        moved = (1 - bias) * (at + 1.05 * offsets[0]) + bias * (x + 1.05 * offsets[1])
        moved = at = np.clip(moved, 0, 255)
        if np.argmax(np.sin(moved @ HIDDEN) @ OUT) != label:
            if np.linalg.norm(moved - x, ORDERS[norm]) < distance:
                best, distance = moved, np.linalg.norm(moved - x, ORDERS[norm])
            at = x + 0.9 * (moved - x)
    return best.reshape(shape), distance


@pytest.mark.parametrize(
    ("norm", "epsilon", "steps", "restarts"),
    [("linf", 4.0, 12, 1), ("l2", 12.0, 12, 1), ("linf", 20.0, 1, 3), ("l2", 20.0, 1, 3)],
)
def test_the_loop_is_that_of_the_paper(
    norm: str, epsilon: float, steps: int, restarts: int
) -> None:
    """Two targets in turn from x, then both from random starts halfway to the ball's boundary."""
    settings = {**SETTINGS, "norm": norm, "steps": steps, "restarts": restarts}
    x_adv = attacks.fab(network, X, Y, epsilon=epsilon, num_targets=2, **settings)
    ranked = np.argsort(-network(X).numpy(), 1)
    expected, survives, fooled = X.copy(), correct(X), np.zeros(2 * restarts, int)
    for run in range(2 * restarts):
        key = tf.constant(randomness.restart_seed(SETTINGS["seed"], run))
        radius = tf.constant(epsilon / 2 if run >= 2 else 0.0)
        start = X + BALLS[norm].boundary_offset(X, radius, key, tf.range(len(X))).numpy()
        for i in np.flatnonzero(survives):
            target = ranked[i, 1 + run % 2]
            image, distance = closest(X[i], Y[i], target, start[i], steps, norm)
            if distance <= epsilon:
                expected[i], survives[i] = image, False
                fooled[run] += 1
    np.testing.assert_array_equal(correct(x_adv), survives)
    np.testing.assert_allclose(x_adv, expected, atol=0.02)
    # Or this test would tell little:
    assert fooled[:2].min() > 0
    assert survives.sum() + fooled[2:].sum() > 1


@by_norm
def test_what_moves_is_misclassified_within_the_ball(norm: str) -> None:
    epsilon = EPSILON[norm]
    x_adv = attacks.fab(network, X, Y, epsilon=epsilon, norm=norm, **SETTINGS)
    distance, moves = lengths(x_adv - X, norm), correct(X) & ~correct(x_adv)
    np.testing.assert_array_equal(distance > 0, moves)
    assert distance.max() <= epsilon * (1 + 1e-6)
    assert 0 < moves.sum() < correct(X).sum()
    larger = attacks.fab(network, X, Y, epsilon=2 * epsilon, norm=norm, **SETTINGS)
    # An example fooled towards one target is not attacked towards the next: the image is the same
    # unless an earlier target fools it within the larger radius.
    assert not np.any(correct(larger) & moves)
    assert correct(larger).sum() < correct(x_adv).sum()


@pytest.mark.parametrize(
    ("more", "steps", "epsilon"), [({"num_targets": 4}, 12, 4), ({"restarts": 4}, 1, 20)]
)
def test_later_runs_take_what_the_earlier_left(
    more: dict[str, int], steps: int, epsilon: float
) -> None:
    few, many = (
        attacks.fab(
            network, X, Y, epsilon=epsilon, **{**SETTINGS, "num_targets": 1, "steps": steps, **runs}
        )
        for runs in ({}, more)
    )
    fooled = ~correct(few)
    np.testing.assert_array_equal(many[fooled], few[fooled])
    assert correct(many).sum() < correct(few).sum()


def test_the_seed_decides_the_restarts_alone() -> None:
    def perturbed(seed: int, restarts: int) -> np.ndarray:
        settings = {"bounds": (0, 255), "steps": 1, "restarts": restarts}
        return attacks.fab(network, X, Y, epsilon=20, num_targets=1, seed=seed, **settings)

    np.testing.assert_array_equal(perturbed(1, 1), perturbed(2, 1))
    np.testing.assert_array_equal(perturbed(1, 4), perturbed(1, 4))
    assert np.abs(perturbed(1, 4) - perturbed(2, 4)).max() > 1


def test_a_step_costs_one_gradient_and_one_forward_pass_of_each_survivor() -> None:
    """Beside them, the clean images are passed once; the verdict of `run` takes another pass."""
    rows = {"forward": 0, "backward": 0}

    def count(kind: str, x: tf.Tensor) -> tf.Tensor:
        def add(size: int) -> None:
            rows[kind] += int(size)

        with tf.control_dependencies([tf.numpy_function(add, [tf.shape(x)[0]], [])]):
            return tf.identity(x)

    @tf.custom_gradient
    def counted(x: tf.Tensor) -> Any:
        return count("forward", x), lambda upstream: count("backward", upstream)

    def model(x: tf.Tensor) -> tf.Tensor:
        return network(counted(x))

    one = correct(attacks.fab(network, X, Y, epsilon=4, num_targets=1, **SETTINGS))
    attacks.fab(model, X, Y, epsilon=4, num_targets=2, **SETTINGS)
    steps = SETTINGS["steps"] * (correct(X).sum() + one.sum())
    assert one.sum() < correct(X).sum()
    assert rows == {"forward": len(X) + 2 * steps, "backward": steps}


def first(classes: int) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda x: network(x)[:, :classes]


def test_fewer_classes_than_targets() -> None:
    model = first(3)
    y = model(X).numpy().argmax(1)
    nine, two = (attacks.fab(model, X, y, epsilon=12, num_targets=n, **SETTINGS) for n in (9, 2))
    np.testing.assert_array_equal(nine, two)
    assert "towards up to 9 classes" in FAB().describe(PIXELS)
    with pytest.raises(InputError, match=r"^fab: needs 2 classes or more, the model has 1$"):
        attacks.fab(first(1), X, 0 * y, epsilon=12, **SETTINGS)


def constant(x: tf.Tensor) -> tf.Tensor:
    return 0 * network(x) + tf.one_hot(0, CLASSES)


def without_finite_gradient(x: tf.Tensor) -> tf.Tensor:
    return constant(x) * (1 + tf.sqrt(0 * x[:, :1, 0, 0]))


@pytest.mark.parametrize(("model", "norm"), [(constant, "l2"), (without_finite_gradient, "linf")])
def test_without_a_gradient_nothing_moves(model: Callable[..., tf.Tensor], norm: str) -> None:
    x_adv = attacks.fab(model, X, 0 * Y, epsilon=12, norm=norm, restarts=2, **SETTINGS)
    np.testing.assert_array_equal(x_adv, X)


def test_batch_statistics_keep_the_batch_together() -> None:
    """Fooled and misclassified examples stay in, since the others' outputs depend on them."""
    model = tiny.classifier()
    x, y = tiny.batch(24)
    x_adv = attacks.fab(model, x, y, epsilon=16, steps=5, statistics="batch", seed=0)
    wrong = np.asarray(gradients.logits_of(model, x, "batch")).argmax(1) != y
    assert 0 < wrong.sum() < len(y)
    np.testing.assert_array_equal(x_adv[wrong], x[wrong])
    assert np.abs(x_adv[~wrong] - x[~wrong]).max() > 0
    assert lengths(x_adv - x, "linf").max() <= 16


@pytest.mark.parametrize(
    ("name", "official"),
    [
        pytest.param("igam", 41, marks=tiny.LONG),
        pytest.param("pgd7", 85, marks=tiny.LONG),
        pytest.param("standard", 1, marks=pytest.mark.slow),
    ],
)
def test_it_is_as_strong_as_the_official_code(name: str, official: int) -> None:
    """docs/evaluation.md quotes the survivors."""
    test = data.load("shapes32").test
    model, x = pretrained.load(name), test.pixels(0, 100)
    result = attacks.FAB(epsilon="8/255").run(model, x, np.asarray(test.labels[:100]), seed=0)
    assert result.correct.sum() <= official + 1
    assert np.abs(result.x_adv - x).max() <= 8 + 1e-4

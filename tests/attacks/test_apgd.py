"""Auto-PGD against a loop in NumPy; runs in turn, targets, batch statistics, errors."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients
from igam_tf.attacks import LINF
from igam_tf.core import randomness
from igam_tf.core.errors import InputError

from .. import tiny

SHAPE = (3, 3, 1)
CLASSES = 5
# Curved so strongly that the loss falls between checkpoints and steps are halved.
network = tiny.SineNetwork(SHAPE, 8, CLASSES, 0.02)
HIDDEN, OUT = network.hidden, network.out
LOSSES = ("xent", "dlr", "targeted_dlr")


X = tiny.batch(40, SHAPE)[0]
Y = network(X).numpy().argmax(1)
Y[:3] = (Y[:3] + 1) % CLASSES  # misclassified from the start
SETTINGS: dict[str, Any] = {"epsilon": 4, "bounds": (0, 255), "seed": 7, "steps": 25}


def correct(x: np.ndarray) -> np.ndarray:
    return network(x).numpy().argmax(1) == Y


def value_and_gradient(
    x: np.ndarray, label: int, target: int, loss: str
) -> tuple[float, np.ndarray, bool]:
    """Of one image, by hand; and whether it is correct."""
    inner = x.ravel() @ HIDDEN
    z = np.sin(inner) @ OUT
    unit, order = np.eye(CLASSES, dtype=np.float32), np.argsort(-z)
    if loss == "xent":
        shares = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        value, residual = -np.log(shares[label]), shares - unit[label]
    else:
        rival = target if loss == "targeted_dlr" else order[0] if order[0] != label else order[1]
        low = (order[2], order[3]) if loss == "targeted_dlr" else (order[2], order[2])
        margin, spread = z[rival] - z[label], z[order[0]] - (z[low[0]] + z[low[1]]) / 2
        value = margin / spread
        spreading = unit[order[0]] - (unit[low[0]] + unit[low[1]]) / 2
        residual = (unit[rival] - unit[label]) / spread - margin / spread**2 * spreading
    return (
        value,
        (residual @ OUT.T * np.cos(inner) @ HIDDEN.T).reshape(x.shape),
        z.argmax() == label,
    )


def auto_pgd(
    x: np.ndarray, label: int, target: int, start: np.ndarray, epsilon: float, steps: int, loss: str
) -> tuple[np.ndarray, bool, int]:
    """Algorithm 1 for one image: the image to return, whether correct, the number of halvings."""

    def project(at: np.ndarray) -> np.ndarray:
        return np.clip(np.clip(at, x - epsilon, x + epsilon), 0, 255).astype(np.float32)

    shares = [0.0, 0.22]
    while shares[-1] <= 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    checkpoints = sorted({math.ceil(share * steps - 1e-9) for share in shares})
    at = before = project(start)
    value, gradient, ok = value_and_gradient(at, label, target, loss)
    if not ok:
        return at, False, 0
    best, best_value, best_gradient = at, value, gradient
    eta, rises, halvings, last, halved, best_checked = 2.0 * epsilon, 0, 0, 0, False, -np.inf
    for k in range(1, steps + 1):
        z = project(at + eta * np.sign(gradient))
        moved = z if k == 1 else project(at + 0.75 * (z - at) + 0.25 * (at - before))
        before, at, value_before = at, moved, value
        value, gradient, ok = value_and_gradient(at, label, target, loss)
        if not ok:
            return at, False, halvings
        rises += value > value_before
        if value > best_value:
            best, best_value, best_gradient = at, value, gradient
        if k in checkpoints:
            halved = rises < 0.75 * (k - last) or (not halved and best_value <= best_checked)
            if halved:
                eta, at, value, gradient = eta / 2, best, best_value, best_gradient
                halvings += 1
            rises, last, best_checked = 0, k, best_value
    return best, True, halvings


def start(run: int = 0) -> np.ndarray:
    """The documented start: noise by (seed, run, index), stretched to the ball's faces."""
    indices, key = tf.range(len(X)), tf.constant(randomness.restart_seed(SETTINGS["seed"], run))
    noise = LINF.noise(tf.zeros_like(X), key, indices).numpy()
    return X + SETTINGS["epsilon"] * noise / np.abs(noise).max((1, 2, 3), keepdims=True)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loop_is_that_of_the_paper(loss: str) -> None:
    x_adv = attacks.apgd(network, X, Y, loss=loss, num_targets=1, **SETTINGS)
    targets = np.argsort(-network(X).numpy(), 1)[:, 1]
    expected = [
        auto_pgd(x, label, target, at, SETTINGS["epsilon"], SETTINGS["steps"], loss)
        for x, label, target, at in zip(X, Y, targets, start(), strict=True)
    ]
    clean, survives = correct(X), np.array([ok for _, ok, _ in expected])
    np.testing.assert_array_equal(x_adv[~clean], X[~clean])
    np.testing.assert_array_equal(correct(x_adv), clean & survives)
    # Within three of the last steps (2 epsilon / 2^8): at a maximum the gradient's sign is a matter
    # of rounding.
    np.testing.assert_allclose(
        x_adv[clean], np.stack([at for at, _, _ in expected])[clean], atol=0.1
    )
    # Or this test would tell little:
    assert 5 < np.sum(clean & survives) < np.sum(clean) - 5
    assert len({halvings for _, ok, halvings in expected if ok}) > 1


def test_later_runs_take_what_the_earlier_left() -> None:
    few, many = (attacks.apgd(network, X, Y, restarts=n, **SETTINGS) for n in (1, 4))
    fooled = ~correct(few)
    np.testing.assert_array_equal(many[fooled], few[fooled])
    assert not np.any(correct(many) & fooled)
    one, all_ = (
        attacks.apgd(network, X, Y, loss="targeted_dlr", num_targets=n, **SETTINGS) for n in (1, 9)
    )
    fooled = ~correct(one)
    np.testing.assert_array_equal(all_[fooled], one[fooled])
    assert correct(all_).sum() < correct(one).sum()


def test_targets_are_the_likeliest_classes_in_turn() -> None:
    """Every target and restart by the loop in NumPy, each from a start of its own."""
    x_adv = attacks.apgd(network, X, Y, loss="targeted_dlr", num_targets=2, restarts=2, **SETTINGS)
    ranked = np.argsort(-network(X).numpy(), 1)
    survives = correct(X)
    for run in range(4):
        settings = (SETTINGS["epsilon"], SETTINGS["steps"], "targeted_dlr")
        at = start(run)
        for i in np.flatnonzero(survives):
            image, survives[i], _ = auto_pgd(X[i], Y[i], ranked[i, 1 + run % 2], at[i], *settings)
            if not survives[i]:
                np.testing.assert_allclose(x_adv[i], image, atol=0.1)
    np.testing.assert_array_equal(correct(x_adv), survives)


@pytest.mark.parametrize("loss", ["xent", "dlr"])
def test_it_is_as_strong_as_pgd(loss: str) -> None:
    model = tiny.classifier()
    x, _ = tiny.batch(64)
    y = np.asarray(gradients.logits_of(model, x)).argmax(1)
    for epsilon in (2, 4, 8):
        auto = attacks.apgd(model, x, y, epsilon=epsilon, steps=20, loss=loss, seed=0)
        plain = attacks.pgd(
            model, x, y, epsilon=epsilon, step_size=epsilon / 4, steps=20, loss=loss, seed=0
        )
        counts = [
            np.sum(np.asarray(gradients.logits_of(model, at)).argmax(1) == y)
            for at in (auto, plain)
        ]
        assert counts[0] <= counts[1] < len(y)


@pytest.mark.parametrize(("norm", "order"), [("linf", np.inf), ("l2", 2)])
def test_no_gradient_no_movement(norm: str, order: float) -> None:
    """A constant network: the start is returned, and lies on the boundary of every ball."""

    def constant(x: tf.Tensor) -> tf.Tensor:
        return 0 * network(x) + tf.one_hot(0, CLASSES)

    x = np.full((4, *SHAPE), 100)
    offsets = attacks.apgd(constant, x, np.zeros(4, int), norm=norm, **SETTINGS) - x
    lengths = np.linalg.norm(offsets.reshape(4, -1), order, axis=1)
    np.testing.assert_allclose(lengths, SETTINGS["epsilon"], rtol=1e-5)
    assert len({np.sign(offset).tobytes() for offset in offsets}) == 4


def noisy(x: tf.Tensor) -> tf.Tensor:
    """The network's logits, with random numbers in every pass's gradient."""
    pixels = tf.reshape(x, [-1, 9])
    return network(x) + (pixels - tf.stop_gradient(pixels)) @ tf.random.normal([9, CLASSES])


def test_means_over_draws_see_through_random_numbers() -> None:
    tf.random.set_seed(0)
    one, mean = (attacks.apgd(noisy, X, Y, eot_samples=n, **SETTINGS) for n in (1, 20))
    assert correct(mean).sum() < correct(one).sum() - 3


def test_the_mean_of_equal_draws_is_the_draw() -> None:
    one, mean = (attacks.apgd(network, X, Y, eot_samples=n, restarts=2, **SETTINGS) for n in (1, 2))
    np.testing.assert_array_equal(mean, one)


def test_batch_statistics_keep_the_batch_together() -> None:
    """Fooled and misclassified examples stay in, since the others' outputs depend on them."""
    model = tiny.classifier()
    x, y = tiny.batch(24)
    x_adv = attacks.apgd(model, x, y, epsilon=8, steps=5, restarts=3, statistics="batch", seed=0)
    wrong = np.asarray(gradients.logits_of(model, x, "batch")).argmax(1) != y
    assert 0 < wrong.sum() < len(y)
    np.testing.assert_array_equal(x_adv[wrong], x[wrong])
    assert np.abs(x_adv[~wrong] - x[~wrong]).max((1, 2, 3)).min() > 0


def first(classes: int) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda x: network(x)[:, :classes]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 0}, "apgd: need steps, restarts, num_targets, eot_samples >= 1, got 0, 1, 9, 1"),
        (
            {"restarts": 0},
            "apgd: need steps, restarts, num_targets, eot_samples >= 1, got 25, 0, 9, 1",
        ),
        (
            {"num_targets": 0},
            "apgd: need steps, restarts, num_targets, eot_samples >= 1, got 25, 1, 0, 1",
        ),
        ({"eot_samples": 0}, "eot_samples >= 1, got 25, 1, 9, 0"),
        ({"loss": "margin"}, "loss: expected one of xent, dlr, targeted_dlr, or a callable"),
        ({"model": first(2), "loss": "dlr"}, "dlr needs 3 classes or more, the model has 2"),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        attacks.apgd(**{"model": network, "x": X, "y": Y, **SETTINGS, **arguments})
    assert "\n" not in str(error.value)

"""Promises of every attack function: seeds, batches, traces, memory, logs, ball and range."""

import gc
import logging
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients
from igam_tf.core.errors import InputError

from .. import tiny
from .test_apgd import CLASSES, SHAPE, X, Y, network

Attack = Callable[..., np.ndarray]
# By name: the function, its settings, and these settings at the least cost.
ATTACKS: dict[str, tuple[Attack, dict[str, Any], dict[str, Any]]] = {
    "pgd": (attacks.pgd, {"step_size": 2, "steps": 4}, {"step_size": 1, "steps": 1}),
    "apgd": (attacks.apgd, {"steps": 25, "restarts": 2}, {"steps": 1}),
    "fab": (
        attacks.fab,
        {"steps": 8, "restarts": 2},
        {"steps": 1, "restarts": 2, "num_targets": 1},
    ),
    "square": (attacks.square, {"queries": 230}, {"queries": 1}),
}
CALL: dict[str, Any] = {"epsilon": 4, "bounds": (0, 255), "seed": 7}
by_attack = pytest.mark.parametrize("name", ATTACKS)


@by_attack
def test_batches_make_no_difference_and_no_second_trace(name: str) -> None:
    attack, settings, cheapest = ATTACKS[name]
    shapes = []

    def counted(x: tf.Tensor) -> tf.Tensor:
        shapes.append(x.shape)
        return network(x)

    def perturbed(order: np.ndarray, size: int) -> np.ndarray:
        x_adv = np.empty_like(X)
        for start in range(0, len(X), size):
            part = order[start : start + size]
            x_adv[part] = attack(counted, X[part], Y[part], indices=100 + part, **settings, **CALL)
        return x_adv

    order = np.arange(len(X))
    whole = perturbed(order, len(X))
    traces = len(shapes)
    for batches in ((order, 7), (order[::-1], 1)):
        np.testing.assert_allclose(perturbed(*batches), whole, rtol=1e-5, atol=1e-3)
    other_amounts = {**cheapest, "epsilon": 1, "bounds": (-1, 256), "seed": 9}
    attack(counted, X, Y, **other_amounts)
    assert len(shapes) == traces
    assert all(shape == (None, *SHAPE) for shape in shapes)


# FAB draws for its restarts alone, whose seeds test_fab.py tests.
@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - {"fab"}))
def test_the_seed_decides(name: str) -> None:
    attack, _, cheapest = ATTACKS[name]

    def perturbed(seed: int | None) -> np.ndarray:
        return attack(network, X, Y, **cheapest, **{**CALL, "seed": seed})

    np.testing.assert_array_equal(perturbed(1), perturbed(1))
    assert np.abs(perturbed(1) - perturbed(2)).max() > 1
    assert np.abs(perturbed(None) - perturbed(None)).max() > 1


@by_attack
def test_an_attacked_model_can_be_freed(name: str) -> None:
    attack, _, cheapest = ATTACKS[name]
    model = tiny.classifier()
    attack(model, *tiny.batch(), epsilon=8, **cheapest)
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


@by_attack
def test_a_callable_without_weak_references_is_attacked_too(name: str) -> None:
    attack, _, cheapest = ATTACKS[name]

    class Slotted:
        __slots__ = ()

        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return network(x)

    expected = attack(network, X, Y, **cheapest, **CALL)
    np.testing.assert_array_equal(attack(Slotted(), X, Y, **cheapest, **CALL), expected)


@by_attack
@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_tracing_an_attack_logs_nothing(name: str, statistics: str) -> None:
    attack, _, cheapest = ATTACKS[name]
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    try:
        attack(tiny.classifier(), *tiny.batch(), epsilon=8, statistics=statistics, **cheapest)
    finally:
        tf.get_logger().removeHandler(handler)
    assert not messages


@by_attack
@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_keras_models_are_attacked_in_ball_and_range_and_not_changed(
    name: str, statistics: str
) -> None:
    attack, settings, _ = ATTACKS[name]
    model = tiny.classifier()
    x, _ = tiny.batch(32)
    x[:8] = 255 * (x[:8] > 128)
    y = gradients.logits_of(model, x, statistics).numpy().argmax(1)
    before = tiny.values(model)
    x_adv = attack(model, x, y, epsilon="8/255", statistics=statistics, seed=0, **settings)
    assert tiny.equal(tiny.values(model), before)
    assert x_adv.dtype == np.float32
    least = 0 if name == "fab" else 7.9  # FAB goes no further than it needs
    assert least < np.abs(x_adv - x).max() <= 8 + 2.55e-4
    assert x_adv.min() >= 0
    assert x_adv.max() <= 255
    predictions = gradients.logits_of(model, x_adv, statistics).numpy().argmax(1)
    assert np.mean(predictions != y) > 0.2


@by_attack
def test_integer_images_become_floats(name: str) -> None:
    """Nothing wraps around at 0 or 255."""
    attack, _, cheapest = ATTACKS[name]
    x = np.array(X // 64 * 85, np.uint8)
    expected = attack(network, x.astype(np.float32), Y, **cheapest, **CALL)
    np.testing.assert_array_equal(attack(network, x, Y, **cheapest, **CALL), expected)


@pytest.mark.parametrize("name", ["pgd", "apgd", "fab"])
def test_a_model_without_a_gradient_is_refused(name: str) -> None:
    attack, _, cheapest = ATTACKS[name]
    with pytest.raises(InputError, match="does not depend on the images differentiably"):
        attack(lambda x: network(tf.round(x)), X, Y, **cheapest, **CALL)


IMAGES = r"expected images \[B, H, W, C\] and labels \[B\]"
NOT_AN_AMOUNT = "epsilon: expected a number or a fraction such as 8/255, got 'eight'"


@by_attack
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 256}, r"epsilon: expected 0 to 255, .* \[0, 255\], got 256"),
        ({"epsilon": "eight"}, NOT_AN_AMOUNT),
        ({"statistics": "train"}, "statistics: expected one of moving, batch, got 'train'"),
        ({"statistics": "batch"}, 'statistics="batch" needs a Keras model'),
        ({"bounds": (255, 0)}, "bounds: low must be below high"),
        ({"bounds": None}, "does not say its pixel range"),
        ({"bounds": (0, 1)}, r"images: expected pixels within \[0, 1\]"),
        ({"x": np.full_like(X, np.nan)}, r"images: expected pixels within \[0, 255\]"),
        ({"x": X[0]}, IMAGES),
        ({"y": Y[:-1]}, IMAGES),
        ({"x": X[:0], "y": Y[:0]}, IMAGES),
        ({"y": np.eye(CLASSES, dtype=int)[Y]}, IMAGES),
        ({"y": Y.astype(np.float32)}, "labels: expected integers, got float32"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    ],
)
def test_common_errors(name: str, arguments: dict[str, Any], message: str) -> None:
    attack, _, cheapest = ATTACKS[name]
    data = {"model": network, "x": X, "y": Y}
    with pytest.raises(InputError, match=message) as error:
        attack(**{**data, **cheapest, **CALL, **arguments})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - {"fab"}))  # FAB has no loss
def test_an_unknown_loss(name: str) -> None:
    attack, _, cheapest = ATTACKS[name]
    with pytest.raises(InputError, match=r"^loss: expected one of xent, .*dlr, or a callable, got"):
        attack(network, X, Y, loss="cw", **cheapest, **CALL)

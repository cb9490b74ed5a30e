"""Every attack on every family of models: by name, as an object and as a function.

It lowers accuracy within its ball, and neither a second run nor other batches change the result.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, attacks, evaluation, models
from igam_tf.attacks import APGD, FAB, FGSM, PGD, Attack, Square
from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.layers import bounds_of

from .. import tiny

SIZE = 12
EPSILON = {UNIT: 0.3, PIXELS: 24.0}


def cnn() -> keras.Model:
    return tiny.shaken(models.mnist_cnn(channels=(2, 3), hidden=8), 1)


def residual() -> keras.Model:
    return tiny.shaken(models.wide_resnet(5, 1, 1, (8, 8, 3)), 2)


def fine_tuned() -> keras.Model:
    """A model with a new head and an adapter, as fine-tuning makes it."""
    body = models.with_new_head(tiny.classifier(3, (6, 6, 1), 1.0), 4)
    adapter = keras.Sequential(
        [adapters.ChannelMean(), adapters.CenterCrop(6), adapters.Scale(1 / 255)]
    )
    return models.adapted(body, adapter, (8, 8, 3), PIXELS)


def function() -> Callable[[tf.Tensor], tf.Tensor]:
    """A callable that is not a Keras model."""
    inner = residual()
    return lambda x: inner(x, training=False)


FAMILIES: dict[str, tuple[Callable[[], Any], tuple[int, int, int], Bounds]] = {
    "MNIST CNN": (cnn, (28, 28, 1), UNIT),
    "wide ResNet": (residual, (8, 8, 3), PIXELS),
    "fine-tuned, adapted": (fine_tuned, (8, 8, 3), PIXELS),
    "function": (function, (8, 8, 3), PIXELS),
}
# By name: the class, its settings beside the amounts, the function.
ATTACKS: dict[str, tuple[type[Attack], dict[str, Any], Callable[..., np.ndarray]]] = {
    "fgsm": (FGSM, {}, attacks.fgsm),
    "fgsm-margin": (FGSM, {"loss": "margin"}, attacks.fgsm),
    "pgd5": (PGD, {"steps": 5}, attacks.pgd),
    "pgd5-margin": (PGD, {"steps": 5, "loss": "margin"}, attacks.pgd),
    "pgd5-dlr": (PGD, {"steps": 5, "loss": "dlr"}, attacks.pgd),
    "pgd5-x2": (PGD, {"steps": 5, "restarts": 2}, attacks.pgd),
    "apgd10-ce": (APGD, {"steps": 10}, attacks.apgd),
    "apgd10-dlr": (APGD, {"steps": 10, "loss": "dlr"}, attacks.apgd),
    "apgd5-t": (APGD, {"steps": 5, "loss": "targeted_dlr"}, attacks.apgd),
    "fab2": (FAB, {"steps": 2}, attacks.fab),
    "fab2-l2": (FAB, {"steps": 2, "norm": "l2"}, attacks.fab),
    "square300": (Square, {"queries": 300}, attacks.square),
    "apgd10-ce-l2": (APGD, {"steps": 10, "norm": "l2"}, attacks.apgd),
    "apgd5-t-l2": (APGD, {"steps": 5, "loss": "targeted_dlr", "norm": "l2"}, attacks.apgd),
    "square300-l2": (Square, {"queries": 300, "norm": "l2"}, attacks.square),
}
# The slow ones: attacks in the l2 ball, and all but two on all families but one.
by_case = pytest.mark.parametrize(
    ("family", "attack"),
    [
        pytest.param(family, attack, marks=[pytest.mark.slow] * slow)
        for family in FAMILIES
        for attack in ATTACKS
        for slow in [
            attack.endswith("-l2")
            or (family != "wide ResNet" and attack not in ("pgd5", "apgd10-ce"))
        ]
    ],
)


@functools.cache
def subject(family: str) -> tuple[Any, np.ndarray, np.ndarray, Bounds]:
    """A model, images, and its predictions on them."""
    build, shape, bounds = FAMILIES[family]
    model = build()
    x = np.random.default_rng(0).uniform(bounds.low, bounds.high, (SIZE, *shape)).astype(np.float32)
    logits = model(x) if not isinstance(model, keras.Model) else model(x, training=False)
    return model, x, np.asarray(logits).argmax(1), bounds


def amounts(attack: str, epsilon: float) -> dict[str, float]:
    return {"epsilon": epsilon, **({"step_size": epsilon / 4} if attack.startswith("pgd") else {})}


@by_case
def test_accuracy_falls_within_the_ball_whatever_the_batches(family: str, attack: str) -> None:
    model, x, y, bounds = subject(family)
    epsilon = EPSILON[bounds] * (10 if attack.endswith("-l2") else 1)

    def run(batch_size: int) -> tuple[evaluation.EvalRecord, np.ndarray]:
        images: dict[str, np.ndarray] = {}
        record = evaluation.evaluate(
            model,
            (x, y),
            attacks=attack,
            epsilon=epsilon,
            step_size=epsilon / 4,
            bounds=bounds,
            batch_size=batch_size,
            seed=3,
            images=images,
        )
        return record, images[f"moving/{attack}"]

    record, x_adv = run(SIZE)
    assert record.count("clean").correct == SIZE
    assert record.count(attack).correct < SIZE
    slack = 1e-6 * bounds.range
    order = 2 if attack.endswith("-l2") else np.inf
    assert np.linalg.norm((x_adv - x).reshape(SIZE, -1), order, axis=1).max() <= epsilon + slack
    assert bounds.low <= x_adv.min()
    assert x_adv.max() <= bounds.high
    rerun, same = run(SIZE)
    np.testing.assert_array_equal(same, x_adv)
    assert rerun.flags == record.flags
    other, close = run(5)
    assert other.flags == record.flags
    # Rounding differs with the batch's size, and a sign of a gradient near 0 may turn with it.
    assert np.mean(np.abs(close - x_adv) < 1e-3 * bounds.range) > 0.99


@by_case
def test_a_name_an_object_and_a_function_agree_bit_for_bit(family: str, attack: str) -> None:
    model, x, y, bounds = subject(family)
    kind, settings, function = ATTACKS[attack]
    settings = {**settings, **amounts(attack, EPSILON[bounds])}
    by_name = attacks.resolve(attack, EPSILON[bounds], EPSILON[bounds] / 4)
    by_object = kind(**settings)
    assert by_name == by_object
    call: dict[str, Any] = {"bounds": bounds, "batch_size": 7}
    result = by_object.run(model, x, y, seed=3, **call)
    np.testing.assert_array_equal(by_name.run(model, x, y, seed=3, **call).x_adv, result.x_adv)
    np.testing.assert_array_equal(by_name.perturb(model, x, y, seed=3, **call), result.x_adv)
    np.testing.assert_array_equal(function(model, x, y, **settings, seed=3, **call), result.x_adv)
    images: dict[str, np.ndarray] = {}
    record = evaluation.evaluate(
        model, (x, y), attacks=[by_object], bounds=bounds, batch_size=7, seed=3, images=images
    )
    np.testing.assert_array_equal(images[f"moving/{attack}"], result.x_adv)
    np.testing.assert_array_equal(record.right(attack), result.correct)
    never_fooled = None if result.never_fooled is None else int(result.never_fooled.sum())
    assert record.count(attack).never_fooled == never_fooled


def test_bounds_are_the_models_own() -> None:
    assert [
        bounds_of(subject(name)[0]) for name in ("MNIST CNN", "wide ResNet", "fine-tuned, adapted")
    ] == [
        UNIT,
        PIXELS,
        PIXELS,
    ]

"""What attacks do to one batch: each the outcome of the attack itself, made on one model and judged on another."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks
from igam_tf.attacks.outcome import Target, attack, right
from igam_tf.attacks.spec import AttackSpec
from igam_tf.bounds import PIXELS

from .. import tiny

SHAPE = (3, 3, 1)
CLASSES = 5
HIDDEN = np.random.default_rng(4).normal(0, 0.02, (2, 9, 8)).astype(np.float32)
OUT = np.random.default_rng(5).normal(size=(8, CLASSES)).astype(np.float32)


def network(x: tf.Tensor) -> tf.Tensor:
    return tf.sin(tf.reshape(x, (-1, 9)) @ HIDDEN[0]) @ OUT


def relative(x: tf.Tensor) -> tf.Tensor:
    """Close enough to the network that attacks pass over."""
    return tf.sin(tf.reshape(x, (-1, 9)) @ (HIDDEN[0] + 0.3 * HIDDEN[1])) @ OUT


X = tiny.batch(40, SHAPE)[0]
Y = network(X).numpy().argmax(1)
Y[:3] = (Y[:3] + 1) % CLASSES  # misclassified from the start
INDICES = 100 + np.arange(len(X))[::-1]
TARGET = Target(network, "moving", PIXELS, 3, relative)
SETTINGS: dict[str, Any] = {"epsilon": 4, "bounds": PIXELS, "seed": 3, "indices": INDICES}


def says(x: np.ndarray) -> np.ndarray:
    return network(x).numpy().argmax(1) == Y


def run(*names: str, target: Target = TARGET) -> dict[str, Any]:
    return attack(target, [AttackSpec.named(name, 4, 1) for name in names], X, Y, INDICES)


def test_right_asks_the_model() -> None:
    np.testing.assert_array_equal(right(TARGET, X, Y), says(X))
    assert says(X).sum() == len(X) - 3


def test_pgds_are_read_off_one_trajectory() -> None:
    found = run("pgd2", "pgd20", "pgd5")
    assert set(found) == {"pgd2", "pgd5", "pgd20"}
    curve = attacks.pgd_curve(network, X, Y, step_size=1, record_at=(2, 5, 20), **SETTINGS)
    for name, outcome in found.items():
        np.testing.assert_array_equal(outcome.last, curve.last[int(name[3:])])
        np.testing.assert_array_equal(outcome.always, curve.any[int(name[3:])])
        np.testing.assert_array_equal(outcome.x_adv, curve.x_adv)
    assert found["pgd20"].last.sum() < found["pgd2"].last.sum()


@pytest.mark.parametrize(
    ("name", "function", "settings"),
    [
        ("pgd5-margin-l2-x3", "pgd", {"steps": 5, "step_size": 1, "loss": "margin", "norm": "l2", "restarts": 3}),
        ("fgsm", "fgsm", {}),
        ("fgsm-uint8", "fgsm", {"uint8_first_step": True}),
        ("apgd9-dlr-x2", "apgd", {"steps": 9, "loss": "dlr", "restarts": 2}),
        ("apgd9-t", "apgd", {"steps": 9, "loss": "targeted_dlr"}),
        ("square30", "square", {"queries": 30}),
    ],
)
@pytest.mark.parametrize("made_on", ["model", "surrogate"])
def test_every_setting_arrives(name: str, function: str, settings: dict[str, Any], made_on: str) -> None:
    """Against the attack's own call on the model that it is made on; always judged by the model attacked."""
    name = f"transfer-{name}" if made_on == "surrogate" else name
    given = {k: v for k, v in SETTINGS.items() if function != "fgsm" or k not in ("seed", "indices")}
    maker = relative if made_on == "surrogate" else network
    expected = getattr(attacks, function)(maker, X, Y, **given, **settings)
    outcome = run(name)[name]
    np.testing.assert_array_equal(outcome.x_adv, expected)
    np.testing.assert_array_equal(outcome.last, says(expected))
    if made_on == "surrogate" or function in ("apgd", "square"):
        assert outcome.always is None
    else:
        assert not np.any(outcome.always & ~outcome.last)
    if made_on == "model":
        assert outcome.last.sum() < says(X).sum()
    else:
        assert np.any(outcome.last != (relative(expected).numpy().argmax(1) == Y))  # or the judge might be either


def test_the_mode_and_the_seed_arrive() -> None:
    model = tiny.classifier()
    x, y = tiny.batch(12)
    specs = [AttackSpec.named("pgd3", 8, 2)]
    found = {
        (mode, seed): attack(Target(model, mode, PIXELS, seed), specs, x, y, np.arange(12))["pgd3"].x_adv
        for mode, seed in (("moving", 0), ("batch", 0), ("moving", 1))
    }
    for (mode, seed), x_adv in found.items():
        expected = attacks.pgd(model, x, y, epsilon=8, step_size=2, steps=3, statistics=mode, seed=seed)
        np.testing.assert_array_equal(x_adv, expected)
    assert np.abs(found["moving", 0] - found["batch", 0]).max() > 1
    assert np.abs(found["moving", 0] - found["moving", 1]).max() > 1

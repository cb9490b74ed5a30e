"""Chains, transfer attacks and targets: survivors, surrogates, batches."""

import re
from typing import Any

import keras
import numpy as np
import pytest

from igam_tf import attacks, evaluation
from igam_tf.attacks import APGD, FGSM, PGD, Attack, Chain, Square, Transfer, resolve
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.layers import PixelRange

from .. import tiny

X, _ = tiny.batch(20)
STAGES = (FGSM(epsilon=3), PGD(epsilon=4, steps=5), Square(epsilon=4, queries=40))


def labels(model: Any, statistics: str = "moving") -> np.ndarray:
    from igam_tf import gradients

    return gradients.logits_of(model, X, statistics).numpy().argmax(1)


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_chain_is_the_worst_of_its_stages(statistics: str) -> None:
    model, chain = tiny.classifier(), Chain(stages=STAGES)
    y = labels(model, statistics)
    y[:2] = (y[:2] + 1) % tiny.CLASSES
    result = chain.run(model, X, y, statistics=statistics, seed=2)
    alone = [stage.run(model, X, y, statistics=statistics, seed=2).correct for stage in STAGES]
    np.testing.assert_array_equal(result.x_adv[:2], X[:2])  # wrong from the start
    if statistics == "moving":
        np.testing.assert_array_equal(result.correct, np.all(alone, 0) & (np.arange(20) >= 2))
    assert 0 < result.correct.sum() < alone[0].sum()  # or this test would tell little
    assert result.never_fooled is None


def test_a_chain_in_evaluate_and_on_its_own() -> None:
    model = tiny.classifier()
    y = labels(model)
    images: dict[str, np.ndarray] = {}
    chain = Chain(stages=STAGES, label="mine")
    record = evaluation.evaluate(model, (X, y), attacks=chain, batch_size=7, seed=2, images=images)
    result = chain.run(model, X, y, batch_size=20, seed=2)
    np.testing.assert_array_equal(record.right("mine"), result.correct)
    assert np.mean(np.abs(images["moving/mine"] - result.x_adv) < 1e-3) > 0.99
    names = ["clean", "mine: fgsm", "mine: pgd5", "mine"]
    assert list(record.results["moving"]) == names


def test_a_chain_says_all_of_its_stages() -> None:
    chain = Chain(stages=STAGES)
    assert chain.name == "fgsm+pgd5+square40"
    assert chain.describe(PIXELS).count("; then ") == 2
    assert chain.cost(10) == (6, 40)
    transfers = Chain(stages=(Transfer(attack=FGSM()), APGD())).on_surrogate(labels)
    assert transfers.stages[0].surrogate is labels


def test_targets_reach_attacks_that_take_them() -> None:
    model = tiny.classifier()
    y = labels(model)
    call = {"targets": (y + 1) % tiny.CLASSES, "seed": 2}
    attack = PGD(epsilon=8, steps=5)
    settings = {"epsilon": 8, "step_size": "2/255", "steps": 5, **call}
    expected = attacks.pgd(model, X, y, **settings)
    assert np.any(expected != attack.perturb(model, X, y, seed=2))
    result = attack.run(model, X, y, **call)
    np.testing.assert_array_equal(result.x_adv, expected)
    np.testing.assert_array_equal(attack.perturb(model, X, y, **call), expected)
    # Correct is a prediction of y; every other prediction fools the model.
    judged = model(expected, training=False).numpy().argmax(1)
    np.testing.assert_array_equal(result.correct, judged == y)
    assert np.mean(judged == call["targets"]) > 0
    transfer = Transfer(attack=attack, surrogate=model)
    np.testing.assert_array_equal(transfer.run(model, X, y, **call).x_adv, expected)
    chain = Chain(stages=(attack, FGSM(epsilon=8)))
    assert np.any(chain.run(model, X, y, **call).x_adv != chain.perturb(model, X, y, seed=2))


@pytest.mark.parametrize(
    "attack", [APGD(), Square(), Chain(stages=STAGES), Transfer(attack=Square(label="far"))]
)
def test_other_attacks_refuse_targets(attack: Attack) -> None:
    for method in (attack.run, attack.perturb):
        with pytest.raises(InputError, match=rf"^targets: {re.escape(attack.name)} takes none$"):
            method(tiny.classifier(), X, np.zeros(20, int), targets=np.ones(20, int))


def test_transfer_of_the_strong_chain() -> None:
    """A radius that fools every example at once, so that its full length costs nothing."""
    model, surrogate = four_classes(0), four_classes(1)
    y = labels(model)
    arguments: dict[str, Any] = {"attacks": "transfer-strong", "epsilon": 100, "seed": 2}
    record = evaluation.evaluate(model, (X, y), surrogate=surrogate, **arguments)
    x_adv = resolve("strong", 100).perturb(surrogate, X, y, seed=2)
    judged = model(x_adv, training=False).numpy().argmax(1) == y
    np.testing.assert_array_equal(record.right("transfer-strong"), judged)
    assert judged.sum() < len(X)


def four_classes(seed: int) -> keras.Model:
    """Targeted DLR needs four classes."""
    inputs = keras.Input(tiny.SHAPE)
    x = keras.layers.Flatten()(PixelRange(0.0, 255.0)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Rescaling(1 / 255)(x)))
    return tiny.shaken(model, seed, 0.3)


def test_transfer() -> None:
    model, surrogate = tiny.classifier(), tiny.classifier(1)
    y = labels(model)
    attack = Transfer(attack=PGD(epsilon=8, steps=5))
    with pytest.raises(InputError, match=r"^surrogate: transfer-pgd5 needs a model"):
        attack.run(model, X, y)
    result = attack.on_surrogate(surrogate).run(model, X, y, seed=2)
    expected = PGD(epsilon=8, steps=5).perturb(surrogate, X, y, seed=2)
    np.testing.assert_array_equal(result.x_adv, expected)
    judged = model(expected, training=False).numpy().argmax(1) == y
    np.testing.assert_array_equal(result.correct, judged)
    own = Transfer(attack=FGSM(), surrogate=surrogate)
    assert own.on_surrogate(model) is own  # it has its own
    with pytest.raises(InputError, match=r"^images: the model takes"):
        Transfer(attack=FGSM(), surrogate=tiny.classifier(shape=(4, 4, 3))).run(model, X, y)

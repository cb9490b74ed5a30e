"""The moving average of weights: its formula, when the model holds it, and what stays as it was."""

from typing import Any

import keras
import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.training import BestWeights, RobustValidation, WeightAverage
from igam_tf.training.trainer import Trainer

from .. import tiny
from .trainers import BATCH, KINDS, X, Y, fit


def trained(trainer: Trainer) -> list[np.ndarray]:
    return [variable.numpy() for variable in trainer.trained_variables]


def recorded(trainer: Trainer, *callbacks: Any, epochs: int = 2, **settings: Any) -> list[Any]:
    """The trained weights after each iteration of a `fit`."""
    weights = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: weights.append(trained(trainer))
    )
    fit(trainer, epochs, callbacks=[*callbacks, record], **settings)
    return weights


def averaged(initial: list[np.ndarray], weights: list[Any], decay: float) -> list[np.ndarray]:
    average = [w.astype(np.float64) for w in initial]
    for t, current in enumerate(weights):
        share = min(decay, (1 + t) / (10 + t))
        average = [share * a + (1 - share) * w for a, w in zip(average, current, strict=True)]
    return average


@pytest.mark.parametrize(
    ("kind", "decay"),
    [
        *(("adversarial", 0.3), ("adversarial", 0.999), ("finetune", 0.3)),
        pytest.param("igam", 0.999, marks=pytest.mark.slow),
    ],
)
def test_after_fit_the_model_holds_the_average(kind: str, decay: float) -> None:
    """Six iterations: the decay of 0.999 is limited in all, that of 0.3 in the first three."""
    trainer, plain = KINDS[kind](), KINDS[kind]()
    initial = trained(trainer)
    weights = recorded(trainer, WeightAverage(decay))
    expected = recorded(plain)
    assert len(weights) == 6
    assert all(tiny.equal(*pair) for pair in zip(weights, expected, strict=True))
    assert tiny.relative(trained(trainer), averaged(initial, weights, decay)) < 1e-6
    assert tiny.relative(trained(trainer), weights[-1]) > 1e-4
    own = {id(variable) for variable in trainer.trained_variables}
    others = [
        [
            w.numpy()
            for w, mine in zip(t.weights, trainer.weights, strict=True)
            if id(mine) not in own
        ]
        for t in (trainer, plain)
    ]
    assert tiny.equal(*others)  # BatchNorm's averages, the discriminator, the iteration


@pytest.mark.slow
def test_several_steps_in_one_execution_are_averaged_one_by_one() -> None:
    averages = []
    for steps in (1, 2):
        trainer = KINDS["adversarial"](steps_per_execution=steps)
        trainer.fit(
            X[:8],
            Y[:8],
            batch_size=BATCH,
            epochs=2,
            shuffle=False,
            verbose=0,
            callbacks=[WeightAverage(0.5)],
        )
        averages.append(trained(trainer))
    assert tiny.relative(*averages) < 1e-6


def test_validation_and_later_callbacks_see_the_average() -> None:
    trainer, snapshots = KINDS["adversarial"](), []
    validation = RobustValidation((X, Y), "pgd2")
    snapshot = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: snapshots.append(tiny.values(trainer.model))
    )
    callbacks = [WeightAverage(0.9), validation, BestWeights("val_loss", "min"), snapshot]
    history = fit(trainer, 3, callbacks=callbacks, validation_data=(X, Y))
    accuracies, xents = [], []
    best = int(np.argmin(history["val_loss"]))
    assert tiny.equal(tiny.values(trainer.model), snapshots[best])
    for values in snapshots:
        trainer.model.set_weights(values)
        xents.append(trainer.evaluate(X, Y, verbose=0, batch_size=BATCH, return_dict=True)["xent"])
        logs: dict[str, float] = {}
        validation.on_epoch_end(0, logs)
        accuracies.append(logs["val_pgd2"])
    assert history["val_xent"] == pytest.approx(xents, rel=1e-6)
    assert history["val_pgd2"] == accuracies
    assert len(set(xents)) == 3


def test_training_continues_from_the_weights_themselves() -> None:
    """In a second `fit` with the same callback; in one without it the average stays as it is."""
    at_once, parts = KINDS["adversarial"](), KINDS["adversarial"]()
    fit(at_once, 2, callbacks=[WeightAverage(0.9)])
    average = WeightAverage(0.9)
    for _ in range(2):
        fit(parts, 1, callbacks=[average])
    assert tiny.equal(tiny.values(parts), tiny.values(at_once))
    before = [variable.numpy() for variable in average.state["averages"]]
    fit(parts, 1)
    assert tiny.equal([variable.numpy() for variable in average.state["averages"]], before)
    assert average.state["updates"].numpy() == 6


def test_a_trainer_whose_step_is_compiled_takes_the_callback_too() -> None:
    trainer = KINDS["finetune"]()
    fit(trainer)
    initial, weights = trained(trainer), recorded(trainer, WeightAverage(0.9))
    assert tiny.relative(trained(trainer), averaged(initial, weights, 0.9)) < 1e-6


@pytest.mark.parametrize("decay", [1, -0.1, 1.5])
def test_a_decay_out_of_range(decay: float) -> None:
    with pytest.raises(
        InputError, match=rf"^ema: expected a decay of at least 0 and below 1, got {decay}$"
    ):
        WeightAverage(decay)


def test_a_model_that_is_no_trainer() -> None:
    model = tiny.classifier()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with pytest.raises(InputError, match=r"^WeightAverage: expected a trainer of igam_tf, got "):
        model.fit(X, Y, verbose=0, callbacks=[WeightAverage()])

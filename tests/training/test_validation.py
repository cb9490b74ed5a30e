"""Validation under an attack at every epoch, and the weights that do best under it."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data import Dataset, Split
from igam_tf.training import BestWeights, RobustValidation

from .. import tiny
from .trainers import KINDS, X, Y, all_kinds_igam_slow, fit

HELD_OUT = tiny.batch(24, seed=5)
AMOUNTS: dict[str, Any] = {"epsilon": "2/255", "step_size": "1/255"}


def accuracy(model: keras.Model, count: int = 24) -> float:
    x, y = (part[:count] for part in HELD_OUT)
    attack = attacks.PGD(epsilon=2, step_size=1, steps=3)
    return float(np.mean(attack.run(model, x, y, seed=0).correct))


@all_kinds_igam_slow
def test_every_epoch_ends_with_an_attack(kind: str) -> None:
    trainer, after = KINDS[kind](run_eagerly=True), []
    validation = RobustValidation(HELD_OUT, "pgd3", batch_size=7, **AMOUNTS)
    snapshot = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: after.append(accuracy(trainer.model))
    )
    before = [v.dtype for v in trainer.variables]
    history = fit(trainer, 2, callbacks=[validation, snapshot])
    assert history["val_pgd3"] == after
    assert [v.dtype for v in trainer.variables] == before


def test_best_weights_need_a_direction() -> None:
    with pytest.raises(InputError, match=r"^mode: expected max or min, got 'auto'$"):
        BestWeights("val_pgd3", mode="auto")


@pytest.mark.parametrize("order", [1, -1])
def test_best_weights_need_what_they_monitor(order: int) -> None:
    callbacks = [RobustValidation(HELD_OUT, "pgd3", **AMOUNTS), BestWeights("val_pgd3")][::order]
    if order == 1:
        fit(KINDS["adversarial"](), 1, callbacks=callbacks)
        return
    with pytest.raises(
        InputError, match=r"^BestWeights: val_pgd3 is not in the logs of an epoch: .*loss"
    ):
        fit(KINDS["adversarial"](), 1, callbacks=callbacks)


@all_kinds_igam_slow
def test_the_best_weights_come_back(kind: str) -> None:
    trainer, after = KINDS[kind](rate=0.5, run_eagerly=True), []
    snapshot = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: after.append(tiny.values(trainer))
    )
    validation = RobustValidation(HELD_OUT, "pgd3", **AMOUNTS)
    history = fit(trainer, 4, callbacks=[validation, snapshot, BestWeights("val_pgd3")])["val_pgd3"]
    assert len(history) == 4
    best = int(np.argmax(history))
    assert tiny.equal(tiny.values(trainer), after[best])
    assert accuracy(trainer.model) == history[best]


def test_keras_own_callbacks_can_monitor_it(tmp_path: Any) -> None:
    trainer = KINDS["adversarial"](rate=0.0, run_eagerly=True)
    settings = {"monitor": "val_pgd3", "mode": "max"}
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True, **settings
    )
    stopping = keras.callbacks.EarlyStopping(patience=2, **settings)
    validation = RobustValidation(Split(*HELD_OUT), attacks.PGD(epsilon=2, step_size=1, steps=3))
    values = fit(trainer, 9, callbacks=[validation, checkpoint, stopping])["val_pgd3"]
    assert len(values) == min(9, np.argmax(values) + 3)
    assert (tmp_path / "best.weights.h5").exists()


@pytest.mark.parametrize(
    "data",
    [
        Split(*HELD_OUT),
        Dataset("task", Split(X, Y), Split(*HELD_OUT), tiny.CLASSES, PIXELS),
        Dataset(
            "task", Split(X, Y), Split(X, Y), tiny.CLASSES, PIXELS, validation=Split(*HELD_OUT)
        ),
        tf.data.Dataset.from_tensor_slices(HELD_OUT).batch(7),
    ],
    ids=["split", "test split", "validation split", "tf.data"],
)
def test_the_same_accuracy_from_every_form_of_data(data: Any) -> None:
    model, logs = tiny.classifier(), {}
    validation = RobustValidation(data, "pgd3", **AMOUNTS)
    validation.set_model(model)
    validation.on_epoch_end(0, logs)
    assert logs == {"val_pgd3": accuracy(model)}


def test_it_serves_a_users_own_model_and_takes_the_first_examples() -> None:
    model = tiny.classifier()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    validation = RobustValidation(HELD_OUT, "pgd3", num_examples=10, **AMOUNTS)
    history = model.fit(X, Y, verbose=0, callbacks=[validation]).history
    assert history["val_pgd3"] == [accuracy(model, 10)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"data": HELD_OUT[0]},
            "dataset: expected a Dataset, a Split, .* got ndarray",
        ),
        (
            {"data": (HELD_OUT[0], HELD_OUT[1][:3])},
            "expected a label for each image, got 24 images, 3 labels",
        ),
        ({"attack": "pdg3"}, "attacks: expected .*got 'pdg3'"),
        ({"statistics": "train"}, "statistics: expected one of moving, batch, got 'train'"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        RobustValidation(**{"data": HELD_OUT, **settings})

"""Keras' own callbacks on trainers: learning rates, early stopping, checkpoints, logs."""

import csv
import pathlib

import keras
import numpy as np
import pytest

from igam_tf.training import SteppedSchedule

from .. import tiny
from .trainers import KINDS, X, Y, all_kinds, all_kinds_igam_slow, fit


@all_kinds_igam_slow
def test_a_learning_rate_scheduler_reaches_the_model(kind: str) -> None:
    trainer, before = KINDS[kind](run_eagerly=True), []
    snapshot = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: before.append([v.numpy() for v in trainer.trained_variables])
    )
    rates = [0.0, 0.5, 0.0]
    fit(
        trainer,
        3,
        callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: rates[epoch]), snapshot],
    )
    assert tiny.equal(before[0], before[1])
    assert not tiny.equal(before[1], before[2])
    assert float(trainer.optimizer.learning_rate.numpy()) == 0
    if kind == "igam":
        assert trainer.student_optimizer is trainer.optimizer
        assert float(trainer.discriminator_optimizer.learning_rate.numpy()) == np.float32(0.3)


@all_kinds_igam_slow
def test_a_plateau_lowers_the_rate(kind: str) -> None:
    trainer = KINDS[kind](run_eagerly=True)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=1e9)
    data = {"validation_data": (X, Y), "batch_size": len(X)}
    history = fit(trainer, 3, callbacks=[plateau], **data)
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05])
    assert float(trainer.optimizer.learning_rate.numpy()) == pytest.approx(0.025)


@all_kinds_igam_slow
def test_keras_refuses_to_set_the_rate_of_a_schedule(kind: str) -> None:
    trainer = KINDS[kind](rate=SteppedSchedule([0.1]), run_eagerly=True)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        fit(trainer, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)])


@all_kinds_igam_slow
@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_early_stopping_brings_the_best_weights_back(kind: str, monitor: str) -> None:
    trainer, after = KINDS[kind](rate=0.5, run_eagerly=True), []
    snapshot = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: after.append(tiny.values(trainer))
    )
    stopping = keras.callbacks.EarlyStopping(monitor, patience=1, restore_best_weights=True)
    data = {"validation_data": (X, Y), "batch_size": len(X)}
    values = fit(trainer, 4, callbacks=[snapshot, stopping], **data)[monitor]
    best = int(np.argmin(values) if monitor == "val_loss" else np.argmax(values))
    assert len(values) == min(4, best + 2)
    assert tiny.equal(tiny.values(trainer), after[best])


@all_kinds_igam_slow
def test_a_checkpoint_restores_a_fresh_trainer(kind: str, tmp_path: pathlib.Path) -> None:
    trainer, other = (KINDS[kind](run_eagerly=True) for _ in range(2))
    file = tmp_path / "best.weights.h5"
    checkpoint = keras.callbacks.ModelCheckpoint(
        file, "val_accuracy", save_best_only=True, save_weights_only=True
    )
    fit(trainer, validation_data=(X, Y), callbacks=[checkpoint])
    other.load_weights(file)
    assert tiny.equal(tiny.values(other), tiny.values(trainer))
    for one in (trainer, other):  # momentum and iteration too
        fit(one)
    assert tiny.equal(tiny.values(other), tiny.values(trainer))


@pytest.mark.slow  # TensorBoard starts late
@all_kinds
def test_logs_on_disk(kind: str, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("tensorboard")
    callbacks = [
        keras.callbacks.TensorBoard(tmp_path / "board", histogram_freq=1),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
    ]
    history = fit(KINDS[kind](), 2, validation_data=(X, Y), callbacks=callbacks)
    with (tmp_path / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for name, values in history.items():
        assert [float(row[name]) for row in rows] == pytest.approx(values)
    assert len(list((tmp_path / "board").glob("*/events*"))) == 2  # training and validation

"""What trainers report: parts of the loss and metrics, in `fit`, `evaluate` and validation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.training import FinetuneTrainer, Igam
from igam_tf.training.trainer import Trainer

from .. import tiny
from .trainers import BATCH, KINDS, PARTS, X, Y, all_kinds, all_kinds_igam_slow, fit, igam


def clean_logits(trainer: Trainer) -> np.ndarray:
    """In the mode of validation."""
    if isinstance(trainer, FinetuneTrainer):  # batch statistics: batch by batch
        starts = range(0, len(X), BATCH)
        return np.concatenate(
            [gradients.logits_of(trainer.model, X[i : i + BATCH], "batch") for i in starts]
        )
    return np.asarray(trainer.model(X, training=False))


@all_kinds_igam_slow
def test_validation_and_evaluate_are_means_over_the_clean_images(kind: str) -> None:
    trainer = KINDS[kind]()
    history = fit(trainer, validation_data=(X, Y), validation_batch_size=BATCH)
    assert {name.removeprefix("val_") for name in history if name.startswith("val_")} == PARTS[kind]
    assert {name for name in history if not name.startswith("val_")} - {"matching"} == PARTS[kind]
    before = tiny.values(trainer)
    stream = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)
    results = trainer.evaluate(stream, verbose=0, return_dict=True)
    assert tiny.equal(tiny.values(trainer), before)
    assert results == pytest.approx({name: history[f"val_{name}"][0] for name in PARTS[kind]})
    logits = clean_logits(trainer)
    assert results["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == Y))
    assert results["xent"] == pytest.approx(np.mean(losses.cross_entropy(Y, logits)), rel=1e-5)


def test_the_parts_that_igam_validates_are_its_objective() -> None:
    trainer = igam(run_eagerly=True)
    results = trainer.evaluate(X, Y, batch_size=len(X), verbose=0, return_dict=True)
    student = gradients.input_gradient(trainer.student, X, Y)
    teacher = gradients.input_gradient(trainer.teacher, X, Y, statistics="batch")
    judged = gradients.logits_of(trainer.discriminator, np.concatenate([student, teacher]), "batch")
    assert results["diff"] == pytest.approx(float(np.sum((student - teacher) ** 2)), rel=1e-4)
    assert results["adv"] == pytest.approx(-float(losses.discriminator_loss(judged)), rel=1e-4)
    decay = 2e-4 * float(losses.weight_decay(trainer.student))
    total = results["xent"] + decay + results["adv"] + 1000 * results["diff"]
    assert results["loss"] == pytest.approx(total, rel=1e-4)


def test_igam_validates_beside_a_discriminator_with_stock_batchnorm() -> None:
    judge = keras.Sequential(
        [
            keras.Input(tiny.SHAPE),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(2),
        ]
    )
    with pytest.warns(UserWarning, match="stock BatchNormalization"):
        trainer = Igam(
            tiny.classifier(), tiny.classifier(2), judge, lambda_adv=1.0, lambda_diff=1.0
        )
    trainer.compile(run_eagerly=True)
    before = tiny.values(trainer)
    assert np.isfinite(trainer.evaluate(X, Y, verbose=0))[0]
    assert tiny.equal(tiny.values(trainer), before)


@all_kinds
def test_metrics_of_ones_own(kind: str) -> None:
    top3 = keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3")
    trainer = KINDS[kind](metrics=["accuracy", top3], run_eagerly=True)
    assert fit(trainer, validation_data=(X, Y))["val_top3"] == [1.0]  # of three classes
    assert set(trainer.evaluate(X, Y, verbose=0, return_dict=True)) == {*PARTS[kind], "top3"}

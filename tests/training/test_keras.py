"""Trainers as Keras models: precision, tracing, batches in order, weights."""

import pathlib
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import layers, models
from igam_tf.training import Igam
from igam_tf.training.trainer import Trainer

from .. import tiny
from .trainers import BATCH, KINDS, X, Y, adversarial, all_kinds, all_kinds_igam_slow, fit


@pytest.mark.slow  # a minute where a processor has no bfloat16 kernels of its own
@all_kinds
def test_mixed_bfloat16(kind: str) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = KINDS[kind](rate=0.01)  # at larger ones the roundings of processors grow apart
    finally:
        keras.config.set_dtype_policy("float32")
    assert mixed.model.output.dtype == "bfloat16"
    exact = KINDS[kind](rate=0.01)
    expected, history = (fit(trainer, 2, validation_data=(X, Y)) for trainer in (exact, mixed))
    for name in ("loss", "xent", "val_loss", "val_xent"):
        assert history[name] == pytest.approx(expected[name], abs=0.05), name
    assert np.isfinite(list(history.values())).all()
    assert {v.dtype for v in mixed.model.trainable_variables} == {"float32"}


@all_kinds_igam_slow
def test_one_trace_for_all_calls(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = []
    for name in ("_train", "_validate"):
        step = getattr(type(KINDS[kind]()), name)

        def traced(self: Trainer, *args: Any, _name: str = name, _step: Any = step) -> Any:
            traces.append(_name)
            return _step(self, *args)

        monkeypatch.setattr(type(KINDS[kind]()), name, traced)
    trainer = KINDS[kind]()
    stream = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)
    for _ in range(2):
        trainer.fit(stream, epochs=2, verbose=0, shuffle=False, validation_data=stream)
    assert trainer.iteration.numpy() == 12
    assert sorted(set(traces)) == ["_train", "_validate"]
    assert traces.count("_train") == 1


def test_checked_batches_are_trained_on_in_their_order() -> None:
    """Also where Keras runs several at once, and where data leave weights out."""

    def endless() -> Any:
        while True:
            for start in (0, 4):
                yield X[start : start + 4], Y[start : start + 4], None

    plain, at_once, generated = adversarial(), adversarial(steps_per_execution=2), adversarial()
    for trainer in (plain, at_once):
        trainer.fit(X[:8], Y[:8], batch_size=4, epochs=2, shuffle=False, verbose=0)
    generated.fit(endless(), epochs=2, steps_per_epoch=2, verbose=0, shuffle=False)
    for other in (at_once, generated):
        assert other.iteration.numpy() == 4
        assert tiny.relative(tiny.values(other), tiny.values(plain)) < 1e-6


def test_the_teacher_is_no_part_of_the_trainer(tmp_path: pathlib.Path) -> None:
    adapter = keras.Sequential(
        [keras.Input(tiny.SHAPE), layers.PixelRange(0, 255), keras.layers.Dense(3)]
    )
    judge = models.discriminator(tiny.SHAPE, 2, 4)
    student, teacher = tiny.classifier(1), tiny.classifier(2)
    trainer = Igam(student, teacher, judge, lambda_adv=1, lambda_diff=1, adapter=adapter)
    assert (trainer.teacher, trainer.adapter) == (teacher, adapter)
    for kind in ("trainable_weights", "weights"):
        expected = [id(w) for model in (student, judge) for w in getattr(model, kind)]
        own = [] if kind == "trainable_weights" else [id(trainer.iteration)]
        assert sorted(map(id, getattr(trainer, kind))) == sorted(expected + own)
    trainer.compile(run_eagerly=True)
    trainer.train_on_batch(X, Y)
    trainer.save_weights(tmp_path / "all.weights.h5")
    before = trainer.student.get_weights()
    trained = tiny.values(trainer)
    for weight in (*teacher.weights, *adapter.weights, *student.weights):
        weight.assign(weight + 1)
    shifted = tiny.values(teacher)
    trainer.load_weights(tmp_path / "all.weights.h5")
    assert tiny.equal(tiny.values(teacher), shifted)
    assert tiny.equal(tiny.values(trainer), trained)
    assert tiny.equal(trainer.student.get_weights(), before)
    path = tf.train.Checkpoint(trainer=trainer).save(str(tmp_path / "checkpoint"))
    assert not [
        name for name, _ in tf.train.list_variables(path) if "teacher" in name or "adapter" in name
    ]

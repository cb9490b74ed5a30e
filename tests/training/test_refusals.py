"""What trainers refuse, in one line: batches, models, losses, being saved."""

import pathlib
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import models
from igam_tf.core.errors import InputError
from igam_tf.training import AdversarialTrainer, Igam, Momentum
from igam_tf.training.trainer import Trainer

from .. import tiny
from .trainers import KINDS, Network, X, Y, adversarial, all_kinds, finetune, fit, igam

BATCHES = {
    "one-hot labels": (
        (X, np.eye(3)[Y]),
        r"expected images \[B, H, W, C\] and labels \[B\], got shapes",
    ),
    "labels as a column": (
        (X, Y[:, None]),
        r"expected images .* and labels \[B\], got shapes .* and \(\d+, 1\)",
    ),
    "real labels": ((X, Y.astype(np.float32)), "labels: expected integers, got float32"),
    "foreign labels": ((X, Y + 1), "labels: the model has 3 classes, got labels 1 to 3"),
    "other sizes": ((X[:, :6], Y), r"images: the model takes \(8, 8, 3\), got \(6, 8, 3\)"),
    "other channels": ((X[..., :1], Y), r"images: the model takes \(8, 8, 3\), got \(8, 8, 1\)"),
    "above the range": ((X * 2, Y), r"images: expected pixels within \[0, 255\], got .* to \d+"),
    "below the range": ((X - 9, Y), r"images: expected pixels within \[0, 255\], got -\d.* to \d+"),
    "NaN": ((X * np.nan, Y), r"images: expected pixels within \[0, 255\], got nan to nan"),
    "weights of pixels": (
        (X, Y, np.ones((10, 8))),
        r"sample_weight: expected one number per image, shape \(\d+,\)",
    ),
}
CALLS = {
    "fit": lambda trainer, data: trainer.fit(
        *data[:2], verbose=0, batch_size=10, sample_weight=data[2]
    ),
    "fit on a stream": lambda trainer, data: trainer.fit(streamed(data), verbose=0, shuffle=False),
    "validation": lambda trainer, data: trainer.fit(
        X, Y, verbose=0, validation_data=streamed(data)
    ),
    "evaluate": lambda trainer, data: trainer.evaluate(*data[:2], verbose=0, sample_weight=data[2]),
    "train_on_batch": lambda trainer, data: trainer.train_on_batch(*data),
    "test_on_batch": lambda trainer, data: trainer.test_on_batch(*data),
}


def streamed(data: tuple[Any, ...]) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(data if data[2] is not None else data[:2]).batch(10)


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind != "adversarial" else ()) for kind in KINDS],
)
def test_batches_that_are_refused(kind: str, name: str) -> None:
    trainer, (data, message) = KINDS[kind](rate=0.0, run_eagerly=True), BATCHES[name]
    before = [v.numpy() for v in trainer.trainable_variables]
    for call in CALLS.values():
        with pytest.raises(InputError, match=f"^{message}") as error:
            call(trainer, (*data, None)[:3])
        assert "\n" not in str(error.value)
    assert trainer.iteration.numpy() == 1  # of the `fit` whose validation is refused
    if kind != "igam":  # its discriminator has a rate of its own
        assert tiny.equal([v.numpy() for v in trainer.trainable_variables], before)


@pytest.mark.parametrize("call", CALLS)
def test_a_compiled_step_is_refused_the_same_batch(call: str) -> None:
    trainer = adversarial()
    CALLS[call](trainer, (X, Y, None))
    with pytest.raises(InputError, match=r"^images: expected pixels within \[0, 255\]"):
        CALLS[call](trainer, (X * 2, Y, None))  # in the second call as in the first


@all_kinds
def test_a_model_without_a_range_takes_any_finite_pixels(kind: str) -> None:
    def build() -> keras.Model:
        model = tiny.classifier()
        return keras.Sequential([keras.Input(tiny.SHAPE), *model.layers[2:]])

    if kind == "adversarial":
        with pytest.raises(InputError, match="does not say its pixel range"):
            KINDS[kind](build)
        return
    trainer = KINDS[kind](build)
    trainer.train_on_batch(X - 100, Y)
    with pytest.raises(InputError, match=r"^images: expected pixels within"):
        trainer.train_on_batch(X * np.nan, Y)


def softmaxed() -> keras.Model:
    model = tiny.classifier()
    return keras.Sequential([model, keras.layers.Softmax()], name="softmaxed")


def halved() -> keras.Model:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return keras.Sequential([tiny.classifier()], name="halved")
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (softmaxed, "softmaxed: the model gives probabilities"),
        (halved, "halved: it computes in float16, .* mixed_bfloat16"),
    ],
)
@pytest.mark.parametrize("kind", [*KINDS, "teacher", "discriminator"])
def test_models_that_are_refused(kind: str, network: Network, message: str) -> None:
    def build() -> Trainer:
        if kind in KINDS:
            return KINDS[kind](network)
        judge = models.discriminator(tiny.SHAPE, 2, 4)
        networks = {
            "student": tiny.classifier(),
            "teacher": tiny.classifier(),
            "discriminator": judge,
        }
        return Igam(**{**networks, kind: network()}, lambda_adv=1, lambda_diff=1)

    with pytest.raises(InputError, match=f"^{message}") as error:
        build()
    assert "\n" not in str(error.value)


@all_kinds
def test_a_trainer_is_not_saved_its_model_is(kind: str, tmp_path: pathlib.Path) -> None:
    trainer = KINDS[kind](run_eagerly=True)
    product = "student" if kind == "igam" else "model"
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "trainer.keras")
    what = rf"save what it trains: {trainer.name}.{product}.save\(path\)"
    message = rf"^{trainer.name}: a trainer is not saved; {what}"
    for call in (
        lambda: trainer.save(tmp_path / "trainer.keras"),
        lambda: keras.saving.save_model(trainer, tmp_path / "other.keras"),
        lambda: fit(trainer, callbacks=[checkpoint]),
    ):
        with pytest.raises(InputError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "trainer.keras").exists()
    getattr(trainer, product).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(X), trainer.model(X))


@all_kinds
def test_a_trainer_brings_its_own_loss(kind: str) -> None:
    with pytest.raises(InputError, match=r"^compile: \w+ has its own loss; leave out loss='mse'$"):
        KINDS[kind](loss="mse")


def test_igam_has_an_optimizer_for_each_of_two_models() -> None:
    trainer, one = igam(), Momentum()
    for settings in (
        {"optimizer": "sgd"},
        {"student_optimizer": one, "discriminator_optimizer": one},
    ):
        with pytest.raises(
            InputError, match=r"^compile: expected student_optimizer and discriminator_optimizer"
        ):
            trainer.compile(**settings)
    trainer.compile("sgd", "adam")
    names = [type(o).__name__ for o in (trainer.optimizer, trainer.discriminator_optimizer)]
    assert names == ["SGD", "Adam"]


def test_averaged_weights_where_keras_can_average_them() -> None:
    trainer = AdversarialTrainer(tiny.classifier())
    trainer.compile(keras.optimizers.SGD(0.5, use_ema=True), run_eagerly=True)
    fit(trainer)
    for refusing in (igam(), finetune()):
        with pytest.raises(
            InputError, match=r"^use_ema: Keras averages all trainable weights, of which"
        ):
            refusing.compile(keras.optimizers.SGD(0.5, use_ema=True))

"""The trainers are Keras models in every respect: one table of behaviours, three trainers."""

import csv
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients, layers, losses, models
from igam_tf.core.errors import InputError
from igam_tf.training import AdversarialTrainer, FinetuneTrainer, Igam, Momentum, SteppedSchedule
from igam_tf.training.trainer import Trainer

from .. import tiny

X, Y = tiny.batch(10)
BATCH = 4  # the last one is smaller
WEIGHTS = np.linspace(0, 2, 10).astype(np.float32)
Network = Callable[[], keras.Model]


def igam(network: Network = tiny.classifier, rate: Any = 0.1, **settings: Any) -> Igam:
    keras.utils.set_random_seed(0)
    judge = tiny.shaken(models.discriminator(tiny.SHAPE, 2, 4), 3)
    trainer = Igam(network(), tiny.classifier(2), judge, lambda_adv=1.0, lambda_diff=1000.0)
    trainer.compile(Momentum(rate), Momentum(0.3), **settings)
    return trainer


def adversarial(
    network: Network = tiny.classifier, rate: Any = 0.1, **settings: Any
) -> AdversarialTrainer:
    trainer = AdversarialTrainer(network(), epsilon="8/255", step_size="2/255", steps=2)
    trainer.compile(Momentum(rate), **settings)
    return trainer


def head(network: Network = tiny.classifier, rate: Any = 0.1, **settings: Any) -> FinetuneTrainer:
    model = network()
    trainer = FinetuneTrainer(model, [model.layers[-1]])
    trainer.compile(Momentum(rate), **settings)
    return trainer


KINDS = {"igam": igam, "adversarial": adversarial, "head": head}
PARTS = {
    "igam": {
        "loss",
        "xent",
        "adv",
        "diff",
        "accuracy",
        "disc_accuracy",
        "cosine",
        "student_norm",
        "teacher_norm",
    },
    "adversarial": {"loss", "xent", "accuracy"},
    "head": {"loss", "xent", "accuracy"},
}
all_kinds = pytest.mark.parametrize("kind", KINDS)


def fit(trainer: Trainer, epochs: int = 1, **settings: Any) -> dict[str, list[float]]:
    given = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **settings}
    return trainer.fit(X, Y, epochs=epochs, **given).history


def clean_logits(trainer: Trainer) -> np.ndarray:
    """In the mode of validation."""
    if isinstance(trainer, FinetuneTrainer):  # batch statistics: batch by batch
        starts = range(0, len(X), BATCH)
        return np.concatenate(
            [gradients.logits_of(trainer.model, X[i : i + BATCH], "batch") for i in starts]
        )
    return np.asarray(trainer.model(X, training=False))


# evaluate and validation_data


@all_kinds
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


# callbacks


@all_kinds
def test_a_learning_rate_scheduler_reaches_the_model(kind: str) -> None:
    trainer, before = KINDS[kind](), []
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


@all_kinds
def test_a_plateau_lowers_the_rate(kind: str) -> None:
    trainer = KINDS[kind](run_eagerly=True)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=1e9)
    history = fit(trainer, 3, validation_data=(X, Y), callbacks=[plateau])
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.05])
    assert float(trainer.optimizer.learning_rate.numpy()) == pytest.approx(0.025)


@all_kinds
def test_keras_refuses_to_set_the_rate_of_a_schedule(kind: str) -> None:
    trainer = KINDS[kind](rate=SteppedSchedule([0.1]), run_eagerly=True)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        fit(trainer, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)])


@all_kinds
@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_early_stopping_brings_the_best_weights_back(kind: str, monitor: str) -> None:
    trainer, after = KINDS[kind](rate=0.5, run_eagerly=True), []
    snapshot = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: after.append(tiny.values(trainer))
    )
    stopping = keras.callbacks.EarlyStopping(monitor, patience=1, restore_best_weights=True)
    values = fit(trainer, 4, validation_data=(X, Y), callbacks=[snapshot, stopping])[monitor]
    best = int(np.argmin(values) if monitor == "val_loss" else np.argmax(values))
    assert len(values) == min(4, best + 2)
    assert tiny.equal(tiny.values(trainer), after[best])


@all_kinds
def test_a_checkpoint_holds_what_a_fresh_trainer_needs(kind: str, tmp_path: pathlib.Path) -> None:
    trainer, other = KINDS[kind](), KINDS[kind]()
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


# Weights of images


@all_kinds
def test_weights_multiply_the_cross_entropy(kind: str) -> None:
    plain, weighted = (KINDS[kind](rate=0.0, run_eagerly=True) for _ in range(2))
    expected = plain.train_on_batch(X, Y, return_dict=True)
    logs = weighted.train_on_batch(X, Y, sample_weight=WEIGHTS, return_dict=True)
    per_image = []
    for i in range(len(X)):
        only = np.eye(len(X), dtype=np.float32)[i] * len(X)
        per_image.append(
            KINDS[kind](rate=0.0, run_eagerly=True).train_on_batch(X, Y, only, return_dict=True)
        )
    for name in {"xent", "diff"} & PARTS[kind]:
        parts = np.array([row[name] for row in per_image]) / len(X)
        assert parts.sum() == pytest.approx(float(expected[name]), rel=1e-4)
        assert float(logs[name]) == pytest.approx(np.sum(WEIGHTS * parts), rel=1e-4)
    for name in PARTS[kind] - {"loss", "xent", "diff"}:
        assert float(logs[name]) == float(expected[name]), name


@all_kinds
def test_weights_of_classes_are_weights_of_images(kind: str) -> None:
    classes = {0: 0.5, 1: 2.0, 2: 0.0}
    by_class, by_image, plain = (KINDS[kind](run_eagerly=True) for _ in range(3))
    fit(by_class, class_weight=classes, validation_data=(X, Y))
    fit(by_image, sample_weight=np.float32([classes[int(y)] for y in Y]))
    fit(plain)
    assert tiny.equal(tiny.values(by_class), tiny.values(by_image))
    assert not tiny.equal(tiny.values(by_class), tiny.values(plain))


@all_kinds
def test_weights_of_one_change_nothing(kind: str) -> None:
    plain, weighted = (KINDS[kind](run_eagerly=True) for _ in range(2))
    fit(plain)
    fit(weighted, sample_weight=np.ones(len(X)))
    assert tiny.relative(tiny.values(weighted), tiny.values(plain)) < 1e-6


# Regularisers


def regularized(places: tuple[str, ...]) -> Network:
    """The tiny classifier with a regulariser on its convolution, its dense layer, or activities of
    the dense layer.
    """

    def build() -> keras.Model:
        model = tiny.classifier()
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2D) and "convolution" in places:
                layer.kernel.regularizer = keras.regularizers.L2(0.5)
            if isinstance(layer, keras.layers.Dense) and "dense" in places:
                layer.kernel.regularizer = keras.regularizers.L2(0.5)
            if isinstance(layer, keras.layers.Dense) and "activity" in places:
                layer.activity_regularizer = keras.regularizers.L2(0.5)
        return model

    return build


@all_kinds
def test_regularisers_count(kind: str) -> None:
    plain, penal = (KINDS[kind](regularized(places)) for places in ((), ("convolution", "dense")))
    kernels = [v for v in penal.model.trainable_variables if v.path.endswith("kernel")]
    if kind == "head":  # the body's are no business of the head's
        kernels = kernels[-1:]
    penalty = 0.5 * sum(float(np.sum(v.numpy() ** 2)) for v in kernels)
    step = 0.1 * kernels[-1].numpy()  # rate x derivative
    without, logs = (trainer.train_on_batch(X, Y, return_dict=True) for trainer in (plain, penal))
    assert float(logs["loss"] - without["loss"]) == pytest.approx(penalty, rel=1e-3)
    assert float(logs["xent"]) == pytest.approx(float(without["xent"]))
    moved = plain.model.layers[-1].kernel.numpy() - penal.model.layers[-1].kernel.numpy()
    np.testing.assert_allclose(moved, step, rtol=1e-3, atol=1e-5)
    evaluated = (t.evaluate(X, Y, verbose=0, return_dict=True) for t in (plain, penal))
    assert np.diff([e["loss"] - e["xent"] for e in evaluated])[0] > 0


@all_kinds
def test_so_do_regularisers_of_activities(kind: str) -> None:
    plain, penal = (KINDS[kind](regularized(places)) for places in ((), ("activity",)))
    for _ in range(2):
        without, logs = (
            trainer.train_on_batch(X, Y, return_dict=True) for trainer in (plain, penal)
        )
        assert float(logs["loss"]) > float(without["loss"]) + 1e-3


# What is refused, in one line

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
    "no numbers": ((X * np.nan, Y), r"images: expected pixels within \[0, 255\], got nan to nan"),
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
@all_kinds
def test_batches_that_are_refused(kind: str, name: str) -> None:
    trainer, (data, message) = KINDS[kind](rate=0.0, run_eagerly=True), BATCHES[name]
    before = [v.numpy() for v in trainer.trainable_variables]
    for call in CALLS.values():
        with pytest.raises(InputError, match=f"^{message}") as error:
            call(trainer, (*data, None)[:3])
        assert "\n" not in str(error.value)
    assert (
        trainer.iteration.numpy() == 1
    )  # of the `fit` whose validation is refused, at a rate of 0
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
    trainer = KINDS[kind](build, run_eagerly=True)
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
    message = rf"^{trainer.name}: a trainer is not saved; save what it trains: {trainer.name}.{product}.save\(path\)"
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
    for refusing in (igam(), head()):
        with pytest.raises(
            InputError, match=r"^use_ema: Keras averages all trainable weights, of which"
        ):
            refusing.compile(keras.optimizers.SGD(0.5, use_ema=True))


# Precision, tracing, weights


@pytest.mark.slow  # a minute where a processor has no bfloat16 kernels of its own
@all_kinds
def test_mixed_bfloat16(kind: str) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = KINDS[kind]()
    finally:
        keras.config.set_dtype_policy("float32")
    assert mixed.model.output.dtype == "bfloat16"
    exact = KINDS[kind]()
    expected, history = (fit(trainer, 2, validation_data=(X, Y)) for trainer in (exact, mixed))
    for name in ("loss", "xent", "val_loss", "val_xent"):
        assert history[name] == pytest.approx(expected[name], abs=0.05), name
    assert np.isfinite(list(history.values())).all()
    assert {v.dtype for v in mixed.model.trainable_variables} == {"float32"}


@all_kinds
def test_one_trace_for_all_calls(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = []
    for name in ("_train", "_validate"):
        step = getattr(type(KINDS[kind]()), name)

        def counted(self: Trainer, *args: Any, _name: str = name, _step: Any = step) -> Any:
            traces.append(_name)
            return _step(self, *args)

        monkeypatch.setattr(type(KINDS[kind]()), name, counted)
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

"""Phase 1: the new head and a learned adapter are trained, and nothing else is."""

import dataclasses
import pathlib

import keras
import numpy as np
import pytest

from igam_tf import adapters, gradients, losses, models
from igam_tf.core import modes, runtime
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data import Dataset, Split, training_batches
from igam_tf.experiments import build
from igam_tf.experiments.configs import Schedule
from igam_tf.training import FinetuneTrainer, finetune

from .. import tiny
from ..experiments import small


def teacher() -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.with_new_head(tiny.classifier(), tiny.CLASSES)


@pytest.mark.parametrize("statistics", [pytest.param("moving", marks=pytest.mark.slow), "batch"])
def test_only_the_head_learns(statistics: str) -> None:
    model = teacher()
    head = model.get_layer("logits")
    body = [v for layer in model.layers if layer is not head for v in layer.weights]
    before = [v.numpy() for v in body]
    trainer = FinetuneTrainer(model, [head], statistics=statistics)
    trainer.compile(keras.optimizers.Adam(0.01))
    x, y = tiny.batch(32)
    history = trainer.fit(x, y, batch_size=16, epochs=20, verbose=0).history
    assert tiny.equal([v.numpy() for v in body], before)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert history["accuracy"][-1] > 0.8


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_step_descends_the_mean_cross_entropy(statistics: str) -> None:
    model = teacher()
    head = model.get_layer("logits")
    x, y = tiny.batch()
    logits = gradients.logits_of(model, x, statistics).numpy()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = head.bias.numpy() - 0.5 * np.mean(p - np.eye(tiny.CLASSES)[y], 0)
    trainer = FinetuneTrainer(model, [head], statistics=statistics)
    trainer.compile(keras.optimizers.SGD(0.5))
    logs = trainer.train_on_batch(x, y.astype(np.uint8), return_dict=True)
    np.testing.assert_allclose(head.bias, expected, rtol=1e-5, atol=1e-6)
    assert float(logs["loss"]) == pytest.approx(
        float(np.mean(losses.cross_entropy(y, logits))), rel=1e-5
    )
    assert float(logs["accuracy"]) == pytest.approx(np.mean(logits.argmax(1) == y))


def test_unknown_statistics() -> None:
    with pytest.raises(
        InputError, match=r"^statistics: expected one of moving, batch, got 'train'"
    ):
        FinetuneTrainer(teacher(), [], statistics="train")


def behind(spec: str, size: int) -> tuple[keras.Model, keras.layers.Layer, keras.layers.Layer]:
    """A teacher of larger images with a new head, behind an adapter; head and adapter."""
    keras.utils.set_random_seed(0)
    body = models.with_new_head(tiny.classifier(shape=(size, size, 3)), tiny.CLASSES)
    adapter = adapters.parse((spec,))
    return models.adapted(body, adapter, tiny.SHAPE, PIXELS), body.get_layer("logits"), adapter


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_transposed_convolution_learns_with_the_head_and_is_saved(
    tmp_path: pathlib.Path, statistics: str
) -> None:
    model, head, adapter = behind("transposed:16", 16)
    (kernel,) = adapter.trainable_variables
    learned = {id(v) for v in (*head.trainable_variables, kernel)}
    before = [v.numpy() for v in model.weights]
    trainer = FinetuneTrainer(model, [head, adapter], statistics=statistics)
    trainer.compile(keras.optimizers.Adam(0.01))
    x, y = tiny.batch(32)
    history = trainer.fit(x, y, batch_size=16, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    for variable, old in zip(model.weights, before, strict=True):
        assert (variable.numpy() != old).any() == (id(variable) in learned)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.get_layer("adapter").weights[0], kernel)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_random_pads_draw_a_place_at_every_step() -> None:
    model, head, adapter = behind("pad_random:12", 12)
    (pad,) = adapter.layers
    trainer = FinetuneTrainer(model, [head, adapter])
    trainer.compile(keras.optimizers.SGD(0.1))
    for step in range(4):
        x, y = tiny.batch(seed=step)
        with modes.in_mode(step=step):
            padded = pad(x)
        logits = gradients.logits_of(model.layers[-1], padded, "batch")
        expected = float(np.mean(losses.cross_entropy(y, logits)))
        trainer.reset_metrics()
        logs = trainer.train_on_batch(x, y, return_dict=True)
        assert float(logs["loss"]) == pytest.approx(expected, rel=1e-5)


def test_phase_1_in_one_call_is_the_commands() -> None:
    """With a Dataset or the same as arrays: the run that `bin/finetune_teacher` makes of these
    settings.
    """
    images, labels = tiny.batch(40, (12, 12, 3))
    split = Split(images.astype(np.uint8), labels)
    dataset = Dataset("random", split, split, tiny.CLASSES, PIXELS)
    weights = []
    for data in (dataset, (split.images, split.labels)):
        source, before = tiny.classifier(), tiny.values(tiny.classifier())
        keras.utils.set_random_seed(7)
        model = finetune(
            source, data, adapter=adapters.CenterCrop(8), steps=4, batch_size=16, seed=3
        )
        assert tiny.equal(tiny.values(source), before)
        assert (model.input_shape, model.output_shape) == ((None, 12, 12, 3), (None, tiny.CLASSES))
        weights.append(tiny.values(model))
    schedule = Schedule(4, 16, (0.001,), (), "adam")
    run = dataclasses.replace(
        small.FINETUNED, schedule=schedule, adapter=("crop:8",), normalization=None
    )
    source = tiny.classifier()
    keras.utils.set_random_seed(7)
    trainer = build.build(run, dataset, source).trainer
    with runtime.repeatable_graphs():
        trainer.fit(
            training_batches(split, 16, 3, PIXELS), steps_per_epoch=4, shuffle=False, verbose=0
        )
    weights.append(tiny.values(trainer.model))
    assert tiny.equal(weights[0], weights[1])
    assert tiny.equal(weights[0], weights[2])


@pytest.mark.parametrize(("num_classes", "expected"), [(None, 2), (5, 5)])
def test_the_number_of_classes_where_the_labels_do_not_show_it(
    num_classes: int | None, expected: int
) -> None:
    images, _ = tiny.batch(4)
    model = finetune(
        tiny.classifier(), (images, [0, 1, 0, 1]), num_classes=num_classes, steps=1, batch_size=4
    )
    assert model.output_shape == (None, expected)


def test_finetuning_on_something_else() -> None:
    with pytest.raises(InputError, match=r"^dataset: expected a Dataset, .* got ndarray$"):
        finetune(tiny.classifier(), np.zeros((4, 8, 8, 3)))

"""Models built from models: shared layers, old and new heads, adapters, normalisations."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.layers import bounds_of

from .. import tiny


def test_a_new_head_shares_the_body_and_keeps_the_old_head() -> None:
    source = tiny.classifier()
    x, _ = tiny.batch()
    expected = source(x).numpy()
    model = models.with_new_head(source, 7)
    assert model.layers[1:-2] == source.layers[1:-1]
    assert model(x).shape == (len(x), 7)
    old = keras.Model(model.input, model.get_layer("source_logits").output)
    np.testing.assert_array_equal(old(x), expected)
    features = keras.Model(source.input, source.layers[-2].output)(x)
    new = model.get_layer("logits")
    np.testing.assert_allclose(model(x), features @ new.kernel + new.bias, rtol=1e-5, atol=1e-6)
    assert np.abs(new.kernel).max() <= np.sqrt(3 / features.shape[-1])
    assert not np.any(new.bias)


def test_a_second_new_head_stands_beside_the_first() -> None:
    first = models.with_new_head(tiny.classifier(), 7)
    x, _ = tiny.batch()
    expected = first(x).numpy()
    second = models.with_new_head(first, 2)
    old = keras.Model(second.input, second.get_layer("source_logits").output)
    np.testing.assert_allclose(old(x), expected, rtol=1e-6)


@pytest.mark.parametrize("prefix", ["nothing", "range", "adapter", "two adapters"])
def test_a_teachers_source_logits_on_the_same_input(prefix: str) -> None:
    original = tiny.classifier(shape=(8, 8, 1))
    teacher = tiny.shaken(models.with_new_head(original, 7), 5)
    x, _ = tiny.batch(shape=(8, 8, 1) if prefix in ("nothing", "range") else tiny.SHAPE)
    model, teacher_x = teacher, x
    if prefix == "range":
        model = models.adapted(teacher, None, (8, 8, 1), PIXELS)
    elif prefix != "nothing":
        model = models.adapted(teacher, adapters.ChannelMean(), tiny.SHAPE, PIXELS)
        teacher_x = x.mean(-1, keepdims=True)
    if prefix == "two adapters":
        model = models.adapted(model, adapters.Scale(0.5), tiny.SHAPE, PIXELS)
        teacher_x = teacher_x / 2
    view = models.source_view(model)
    assert view.input_shape == model.input_shape
    assert (view(x).shape[1], model(x).shape[1]) == (tiny.CLASSES, 7)
    source = keras.Model(teacher.input, teacher.get_layer("source_logits").output)
    np.testing.assert_allclose(view(x), source(teacher_x), rtol=1e-4, atol=1e-5)
    head = teacher.get_layer("source_logits")
    before = view(x).numpy()
    head.kernel.assign_add(tf.ones_like(head.kernel))
    assert np.abs(view(x) - before).max() > 1e-2  # a view, no copy


@pytest.mark.parametrize(
    "model",
    [
        tiny.classifier(),
        models.adapted(tiny.classifier(), None, tiny.SHAPE, PIXELS),
        keras.Sequential([], name="empty"),
        lambda x: x,
    ],
)
def test_models_without_a_source_head(model: Any) -> None:
    with pytest.raises(InputError, match=r"no fine-tuned teacher, it has no source head$") as error:
        models.source_view(model)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "model",
    [
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Softmax()]),
        keras.Sequential([], name="empty"),
    ],
)
def test_a_model_without_a_logit_layer_is_refused(model: keras.Model) -> None:
    with pytest.raises(
        InputError, match="expected a functional Keras model with one output that ends in a Dense"
    ):
        models.with_new_head(model, 3)


def test_an_adapted_teacher_takes_the_targets_images() -> None:
    teacher = tiny.classifier(shape=(6, 6, 1), high=1.0)
    adapter = keras.Sequential(
        [adapters.ChannelMean(), adapters.CenterCrop(6), adapters.Scale(1 / 255)]
    )
    model = models.adapted(teacher, adapter, tiny.SHAPE, PIXELS)
    x, _ = tiny.batch()
    np.testing.assert_array_equal(model(x), teacher(adapter(x)))
    assert bounds_of(model) == PIXELS
    np.testing.assert_array_equal(
        models.adapted(tiny.classifier(), None, tiny.SHAPE, PIXELS)(x), tiny.classifier()(x)
    )


def test_a_network_with_another_normalization() -> None:
    model = models.wide_resnet(4, 1, 1, (8, 8, 3), "unit_norm")
    tiny.shaken(model)
    x, _ = tiny.batch()
    other = models.renormalized(model, "l2")
    assert tiny.equal(tiny.values(other), tiny.values(model))
    assert bounds_of(other) == PIXELS
    twin = models.wide_resnet(4, 1, 1, (8, 8, 3), "l2")
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(other(x), twin(x))
    np.testing.assert_array_equal(models.renormalized(other, "unit_norm")(x), model(x))
    assert np.abs(other(x) - model(x)).max() > 1e-3
    other.trainable_variables[0].assign_add(tf.ones_like(other.trainable_variables[0]))
    np.testing.assert_array_equal(models.renormalized(model, "unit_norm")(x), model(x))


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (tiny.classifier(), "l2", "there is no layer `normalization` to replace"),
        (
            models.wide_resnet(4, 1, 1, (8, 8, 3)),
            "zca",
            "^normalization: expected one of per_image, unit_norm, l2",
        ),
    ],
)
def test_normalizations_that_cannot_be_replaced(
    model: keras.Model, kind: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        models.renormalized(model, kind)

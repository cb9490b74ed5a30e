"""The inputs of every attack: checks, logits, seeds, and programs compiled once per model."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import inputs, programs
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core.bounds import PIXELS, UNIT
from igam_tf.core.errors import InputError

from .. import tiny

X, Y = tiny.batch(5)


def linear(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, (-1, 192))[:, :4]


def test_inputs_become_float32_and_int64() -> None:
    bounds, images, labels = inputs.checked(
        tiny.classifier(), X.astype(np.uint8), Y.astype(np.uint8), None
    )
    assert bounds == PIXELS
    np.testing.assert_array_equal(images, np.floor(X), strict=True)
    np.testing.assert_array_equal(labels, Y.astype(np.int64), strict=True)
    assert inputs.checked(linear, X / 255, Y, (0, 1))[0] == UNIT


def test_a_rounding_error_outside_the_range_is_accepted() -> None:
    x = X.copy()
    x[0, 0, 0, 0] = 255.0001
    assert inputs.checked(linear, x, Y, PIXELS)[1].max() == np.float32(255.0001)
    x[0, 0, 0, 0] = 255.001
    with pytest.raises(
        InputError, match=r"^images: expected pixels within \[0, 255\], got .* to 255.001$"
    ):
        inputs.checked(linear, x, Y, PIXELS)


def ending(layer: keras.layers.Layer) -> keras.Model:
    return keras.Sequential(
        [keras.Input(tiny.SHAPE), keras.layers.Flatten(), keras.layers.Dense(3), layer], name="it"
    )


@pytest.mark.parametrize(
    "last",
    [
        lambda: keras.layers.Softmax(),
        lambda: keras.layers.Activation("softmax"),
        lambda: keras.layers.Dense(3, activation="softmax"),
    ],
)
def test_models_whose_last_layer_is_a_softmax(
    last: Callable[[], keras.layers.Layer],
) -> None:
    with pytest.raises(
        InputError, match=r"^it: the model gives probabilities, attacks need logits; end it before"
    ):
        inputs.checked(ending(last()), X, Y, PIXELS)
    inputs.checked(ending(keras.layers.Dense(3)), X, Y, PIXELS)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 1, 2, 0], r"^targets: expected 5 integer classes below 3, got array"),
        ([[0], [1], [2], [0], [1]], "^targets: expected 5 integer classes"),
        ([0.0, 1, 2, 0, 1], "^targets: expected 5 integer classes"),
        ([0, 1, 2, 0, 3], "^targets: expected 5 integer classes"),
        ([0, 1, 2, 0, -1], "^targets: expected 5 integer classes"),
        (2, "^targets: expected 5 integer classes"),
    ],
)
def test_targets_that_do_not_fit(targets: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AttackInputs.of(tiny.classifier(), X, Y, targets=targets)


def test_targets() -> None:
    bytes_ = np.array([0, 1, 2, 0, 1], np.uint8)
    targets = AttackInputs.of(tiny.classifier(), X, Y, targets=bytes_).targets
    np.testing.assert_array_equal(targets, np.array([0, 1, 2, 0, 1], np.int64), strict=True)
    far = AttackInputs.of(linear, X, Y, bounds=PIXELS, targets=[7] * 5).targets
    assert far.tolist() == [7] * 5  # a callable does not say its classes


def test_batches_are_consecutive_and_carry_everything() -> None:
    whole = AttackInputs.of(linear, X, Y, bounds=PIXELS, seed=3, indices=[9, 8, 7, 6, 5], targets=Y)
    parts = list(whole.batches(2))
    assert [len(part) for part in parts] == [2, 2, 1]
    for field in ("images", "labels", "indices", "targets"):
        joined = np.concatenate([getattr(part, field) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, field), strict=True)
    assert {(part.seed, part.bounds, part.statistics) for part in parts} == {(3, PIXELS, "moving")}
    assert [len(part) for part in whole.batches(None)] == [5]
    with pytest.raises(InputError, match=r"^batch_size: expected at least 1, got 0$"):
        list(whole.batches(0))


@pytest.mark.parametrize(
    ("statistics", "expected"), [("moving", [1, 3]), ("batch", [0, 1, 2, 3, 4])]
)
def test_places_to_attack(statistics: str, expected: list[int]) -> None:
    batch = AttackInputs.of(tiny.classifier(), X, Y, statistics=statistics)
    assert batch.places_to_attack(np.array([0, 1, 0, 1, 0], bool)).tolist() == expected


def test_another_model_must_fit_too() -> None:
    batch = AttackInputs.of(linear, X, Y, bounds=PIXELS)
    model = tiny.classifier()
    assert batch.on(model).model is model
    with pytest.raises(InputError, match=r"^images: the model takes"):
        batch.on(tiny.classifier(shape=(4, 4, 3)))


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_logits(statistics: str) -> None:
    model = tiny.classifier()
    before = tiny.values(model)
    logits = programs.logits(model, X, statistics)
    expected = gradients.logits_of(model, X, statistics)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    other = programs.logits(model, X, "batch" if statistics == "moving" else "moving")
    assert np.abs(logits - other).max() > 1e-2
    assert tiny.equal(tiny.values(model), before)


def test_logits_are_traced_once_for_all_batches() -> None:
    calls: list[Any] = []

    def counted(x: tf.Tensor) -> tf.Tensor:
        calls.append(x.shape)
        return linear(x)

    for size in (5, 2, 1):
        np.testing.assert_array_equal(
            programs.logits(counted, X[:size], "moving"), linear(X[:size])
        )
    assert [tuple(shape) for shape in calls] == [(None, *tiny.SHAPE)]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: linear(x) + np.nan, "its logits are not all finite$"),
        (lambda x: tf.where(x[:, :2, 0, 0] > 100, np.inf, 0.0), "its logits are not all finite$"),
        (lambda x: linear(x)[:, 0], r"its logits have the shape \(5,\), expected \[B, classes\]$"),
        (
            lambda x: linear(x)[:, None],
            r"its logits have the shape \(5, 1, 4\), expected \[B, classes\]$",
        ),
    ],
)
def test_outputs_that_are_not_logits(model: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        programs.logits(model, X, "moving")


def test_seeds_and_numbers_by_default() -> None:
    def batch(**settings: Any) -> AttackInputs:
        return AttackInputs.of(linear, X, Y, bounds=PIXELS, **settings)

    assert batch(seed=5).seed == 5
    assert len({batch().seed for _ in range(5)}) > 1
    np.testing.assert_array_equal(batch().indices, np.arange(5, dtype=np.int32), strict=True)
    own = batch(indices=[7, 9, 1, 2, 3]).indices
    np.testing.assert_array_equal(own, np.array([7, 9, 1, 2, 3], np.int32), strict=True)


def test_programs_are_built_once_per_model_and_key_and_die_with_the_model() -> None:
    built: list[str] = []

    def builder(name: str) -> Callable[..., Callable[..., Any]]:
        def build(reference: Callable[[], Any]) -> Callable[..., Any]:
            built.append(name)
            return lambda: (name, reference())

        return build

    def first() -> None: ...

    def second() -> None: ...

    for _ in range(2):
        assert programs.compiled(first, "a", builder("first a"))() == ("first a", first)
        assert programs.compiled(first, "b", builder("first b"))() == ("first b", first)
        assert programs.compiled(second, "a", builder("second a"))() == ("second a", second)
    assert built == ["first a", "first b", "second a"]
    reference = weakref.ref(second)
    del second
    gc.collect()
    assert reference() is None

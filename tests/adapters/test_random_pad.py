"""The places of a random pad: one for a batch, by seed and step, in training only."""

from collections import Counter
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf.adapters import (
    Pad,
)
from igam_tf.core.modes import in_mode

MARKS = np.arange(1, 4, dtype=np.float32)[:, None, None, None] * np.ones((3, 2, 3, 1), np.float32)


def corner(padded: Any) -> tuple[int, int]:
    """The one place at which the three marked images lie, unchanged and among zeros."""
    padded = np.asarray(padded)
    top, left = (int(v) for v in np.argwhere(padded[0, ..., 0])[0])
    expected = np.zeros_like(padded)
    expected[:, top : top + 2, left : left + 3] = MARKS
    np.testing.assert_array_equal(padded, expected)
    return top, left


def places(layer: Pad, steps: int = 8, first: int = 0) -> list[tuple[int, int]]:
    corners = []
    for step in range(first, first + steps):
        with in_mode(step=step):
            corners.append(corner(layer(MARKS)))
    return corners


def test_every_place_occurs_and_a_batch_has_one() -> None:
    counts = Counter(places(Pad(4, "random"), 300))
    assert set(counts) == {(top, left) for top in range(3) for left in range(2)}
    # 50 of each are expected; the standard deviation is 6.5.
    assert all(25 < count < 80 for count in counts.values())


def test_places_are_a_function_of_seed_and_step() -> None:
    expected = places(Pad(5, "random", seed=7))
    assert places(Pad(5, "random", seed=7)) == expected
    assert places(Pad(5, "random", seed=7), 4, first=4) == expected[4:]
    assert places(Pad(5, "random", seed=8)) != expected
    copies = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        copies.append([Pad(5, "random"), Pad(5, "random")])
    (first, second), (same, _), (other, _) = ([places(layer) for layer in pair] for pair in copies)
    assert first == same
    assert first != other
    assert first != second
    assert places(Pad.from_config(copies[0][0].get_config())) == first


def test_places_are_random_in_keras_fit_and_central_in_predictions() -> None:
    """`fit` has a new place for each step, equal for equal seeds; predictions have the centre."""

    class Recorder(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.corners: list[tuple[int, int]] = []

        def call(self, images: tf.Tensor) -> tf.Tensor:
            def note(batch: np.ndarray) -> np.ndarray:
                self.corners.append(corner(batch))
                return batch

            return tf.ensure_shape(tf.numpy_function(note, [images], tf.float32), images.shape)

    def corners(seed: int) -> list[tuple[int, int]]:
        recorder = Recorder()
        pad, head = Pad(6, "random", seed=seed), [keras.layers.Flatten(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input(MARKS.shape[1:]), pad, recorder, *head])
        model.compile(optimizer="sgd", loss="mse")
        images, targets = np.tile(MARKS, (8, 1, 1, 1)), np.zeros((8 * len(MARKS), 1))
        model.fit(images, targets, batch_size=len(MARKS), shuffle=False, verbose=0)
        in_training = list(recorder.corners)
        model.predict(MARKS, verbose=0)
        model(MARKS)
        assert set(recorder.corners[len(in_training) :]) == {(2, 1)}
        return in_training

    first = corners(3)
    assert len(set(first)) > 3
    assert corners(3) == first
    assert corners(4) != first


def test_modes_nest_and_end_after_an_error() -> None:
    layer = Pad(6, "random")
    model = keras.Sequential([layer])
    assert {
        corner(model(MARKS, training=training)) for training in (None, False) for _ in range(5)
    } == {(2, 1)}
    with pytest.raises(ZeroDivisionError), in_mode(step=1):
        raise ZeroDivisionError
    assert corner(layer(MARKS)) == (2, 1)
    with in_mode(step=1):
        with in_mode(step=2):
            inner = corner(layer(MARKS))
        assert [corner(layer(MARKS)), inner] == places(layer, 2, first=1)


@pytest.mark.parametrize("xla", [False, True], ids=["compiled", "XLA"])
def test_a_compiled_function_has_a_new_place_at_every_call(xla: bool) -> None:
    layer, step, traces = Pad(6, "random"), tf.Variable(0), []

    @tf.function(jit_compile=xla)
    def padded(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        traces.append(images)
        with in_mode(step=step), tf.GradientTape() as tape:
            tape.watch(images)
            output = layer(images)
            value = tf.reduce_sum(output**2)
        step.assign_add(1)
        return output, tape.gradient(value, images)

    corners = []
    for _ in range(8):
        output, gradient = padded(tf.constant(MARKS))
        corners.append(corner(output))
        np.testing.assert_array_equal(gradient, 2 * MARKS)
    assert len(set(corners)) > 4  # of 20
    assert xla or corners == places(layer)
    assert len(traces) == 1


def test_a_pipeline_has_the_places_of_its_batch_numbers() -> None:
    layer = Pad(6, "random")

    def padded(step: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        with in_mode(step=step):
            return layer(images)

    stream = (
        tf.data.Dataset.from_tensors(MARKS).repeat().enumerate().map(padded, num_parallel_calls=2)
    )
    for _ in range(2):
        assert [corner(batch) for batch in stream.take(8)] == places(layer)

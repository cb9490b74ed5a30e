"""Adapters against NumPy, as matrices, their gradients against the transposed map, in tf.data,
saved; random places.
"""

import pathlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients, models
from igam_tf.adapters import (
    SAMPLINGS,
    CenterCrop,
    ChannelMean,
    Pad,
    Resize,
    Scale,
    TransposedConv,
    parse,
)
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.core.modes import in_mode
from igam_tf.data import FORMATS
from igam_tf.experiments import figure5, table1, table2, table3
from igam_tf.experiments.sizes import Student

from . import tiny

IMAGES = np.random.default_rng(0).uniform(0, 255, (2, 6, 6, 3)).astype(np.float32)


def legacy_doubled(x: np.ndarray) -> np.ndarray:
    """Pixels copied to the even places, means between them, the last row and column repeated."""
    for axis in (1, 2):
        after = np.concatenate([np.delete(x, 0, axis), np.take(x, [-1], axis)], axis)
        x = np.stack([x, (x + after) / 2], axis + 1).reshape(
            *x.shape[:axis], -1, *x.shape[axis + 1 :]
        )
    return x


def interpolated(x: np.ndarray) -> np.ndarray:
    """Pixels copied to the odd places, means between them, black beyond the first row and column."""
    for axis in (1, 2):
        before = np.concatenate([0 * np.take(x, [0], axis), np.delete(x, -1, axis)], axis)
        x = np.stack([(x + before) / 2, x], axis + 1).reshape(
            *x.shape[:axis], -1, *x.shape[axis + 1 :]
        )
    return x


ADAPTERS = [
    (ChannelMean(), lambda x: x.mean(-1, keepdims=True)),
    (CenterCrop(4), lambda x: x[:, 1:5, 1:5]),
    (CenterCrop(3), lambda x: x[:, 1:4, 1:4]),
    (Scale(1 / 255), lambda x: x / 255),
    (Resize(12, "legacy"), legacy_doubled),
    (Resize(12, "tf2"), lambda x: tf.image.resize(x, (12, 12)).numpy()),
    (Resize(4), lambda x: tf.image.resize(x, (4, 4)).numpy()),
    (Resize(3, "mean"), lambda x: x.reshape(2, 3, 2, 3, 2, 3).mean((2, 4))),
    (Pad(10), lambda x: np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))),
    (Pad(9), lambda x: np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))),
    (Pad(6), lambda x: x),
    (Pad(10, "random"), lambda x: np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))),
    (TransposedConv(12), interpolated),
]


NAMES = [type(adapter).__name__ for adapter, _ in ADAPTERS]


@pytest.mark.parametrize(("adapter", "expected"), ADAPTERS, ids=NAMES)
def test_maps(adapter: keras.layers.Layer, expected: object) -> None:
    np.testing.assert_allclose(adapter(IMAGES), expected(IMAGES), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize(("adapter", "expected"), ADAPTERS, ids=NAMES)
def test_gradients_are_those_of_an_affine_map(
    adapter: keras.layers.Layer, expected: object
) -> None:
    rng = np.random.default_rng(1)
    direction = rng.normal(size=IMAGES.shape).astype(np.float32)
    weights = rng.normal(size=adapter(IMAGES).shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(images := tf.constant(IMAGES))
        value = tf.reduce_sum(weights * adapter(images))
    along = np.sum(tape.gradient(value, images) * direction)
    assert along == pytest.approx(np.sum(weights * expected(direction)), rel=1e-4, abs=1e-4)


def test_adapters_compose_and_work_in_data_pipelines() -> None:
    adapter = keras.Sequential([ChannelMean(), CenterCrop(4), Scale(0.5)])
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(2).map(adapter)
    expected = 0.5 * IMAGES.mean(-1, keepdims=True)[:, 1:5, 1:5]
    np.testing.assert_allclose(next(iter(dataset)), expected, rtol=1e-6)


KINDS: dict[str, Callable[[], keras.layers.Layer]] = {
    "mean": ChannelMean,
    "crop": lambda: CenterCrop(3),
    "scale": lambda: Scale(1 / 255),
    **{
        f"resize {sampling}": lambda sampling=sampling: Resize(2, sampling)
        for sampling in SAMPLINGS
    },
    "pad": lambda: Pad(7),
    "pad random": lambda: Pad(7, "random", seed=1),
    "transposed": lambda: TransposedConv(8),
    "all of Table 1": lambda: parse(("mean", "crop:2", "scale:1/255")),
}
kinds = pytest.mark.parametrize("kind", KINDS)
SHAPE = (4, 4, 2)


def matrix(adapter: Callable[[Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    """A and b of Eq. 15, from the images of the basis and of zero."""
    basis = np.eye(np.prod(SHAPE), dtype=np.float32).reshape(-1, *SHAPE)
    images = np.asarray(adapter(np.concatenate([0 * basis[:1], basis]))).reshape(1 + len(basis), -1)
    return (images[1:] - images[0]).T, images[0]


@kinds
@pytest.mark.parametrize("step", [None, 2])
def test_every_adapter_is_affine_and_gradients_go_back_by_its_transpose(
    kind: str, step: int | None
) -> None:
    layer, rng = KINDS[kind](), np.random.default_rng(0)
    layer(np.zeros((1, *SHAPE), np.float32))
    tiny.shaken(layer)

    def adapter(images: Any) -> tf.Tensor:
        if step is None:
            return layer(images)
        with in_mode(step=step):
            return layer(images)

    a, b = matrix(adapter)
    x, y = rng.normal(size=(5, *SHAPE)).astype(np.float32), rng.integers(0, 3, 5)
    seen = adapter(x)
    np.testing.assert_allclose(
        np.reshape(seen, (5, -1)), x.reshape(5, -1) @ a.T + b, rtol=1e-4, atol=1e-6
    )
    assert not b.any()
    weights = rng.normal(size=(a.shape[0], 3)).astype(np.float32)

    def teacher(images: tf.Tensor) -> tf.Tensor:
        return tf.tanh(tf.reshape(images, [5, -1]) @ weights)

    whole = gradients.input_gradient(teacher, x, y, adapter=adapter)
    inner = np.reshape(gradients.input_gradient(teacher, seen, y), (5, -1))
    np.testing.assert_allclose(np.reshape(whole, (5, -1)), inner @ a, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("size", [4, 5, 6, 9])
def test_padding_is_an_identity_among_rows_of_zeros(size: int) -> None:
    for step in (None, *range(5)):
        with in_mode(step=0 if step is None else step):
            a, _ = matrix(Pad(size, "center" if step is None else "random", seed=3))
        rows = a.any(1)
        np.testing.assert_array_equal(a[rows], np.eye(np.prod(SHAPE)))
        assert rows.sum() == np.prod(SHAPE)


@kinds
def test_in_a_model_in_a_pipeline_and_saved_an_adapter_does_the_same(
    kind: str, tmp_path: pathlib.Path
) -> None:
    inputs = keras.Input(SHAPE)
    layer = KINDS[kind]()
    model = tiny.shaken(keras.Model(inputs, layer(inputs)))
    x = np.random.default_rng(0).uniform(0, 255, (6, *SHAPE)).astype(np.float32)
    expected = layer(x).numpy()
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    piped = tf.data.Dataset.from_tensor_slices(x).batch(4).map(layer)
    np.testing.assert_allclose(np.concatenate(list(piped)), expected, rtol=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded(x), expected)
    for step in range(3):
        with in_mode(step=step):
            np.testing.assert_array_equal(loaded(x), model(x))
    learned = kind == "transposed"
    assert len(model.weights) == len(model.trainable_weights) == learned


@kinds
def test_the_type_is_kept(kind: str) -> None:
    if kind != "all of Table 1":
        layer = type(KINDS[kind]()).from_config({**KINDS[kind]().get_config(), "dtype": "float64"})
        with in_mode(step=1):
            assert layer(np.zeros((1, *SHAPE))).dtype == "float64"


MARKS = np.arange(1, 4, dtype=np.float32)[:, None, None, None] * np.ones((3, 2, 3, 1), np.float32)


def corner(padded: Any) -> tuple[int, int]:
    """Where the three marked images lie: all in one place, whole, with nothing around them."""
    padded = np.asarray(padded)
    top, left = (int(v) for v in np.argwhere(padded[0, ..., 0])[0])
    expected = np.zeros_like(padded)
    expected[:, top : top + 2, left : left + 3] = MARKS
    np.testing.assert_array_equal(padded, expected)
    return top, left


def places(layer: Pad, steps: int = 8, first: int = 0) -> list[tuple[int, int]]:
    found = []
    for step in range(first, first + steps):
        with in_mode(step=step):
            found.append(corner(layer(MARKS)))
    return found


def test_random_places_are_all_there_are_one_for_a_batch() -> None:
    counts = Counter(places(Pad(4, "random"), 300))
    assert set(counts) == {(top, left) for top in range(3) for left in range(2)}
    assert all(
        25 < count < 80 for count in counts.values()
    )  # 50 of each expected, 6.5 standard deviations to 0


def test_places_are_a_function_of_seed_and_step() -> None:
    expected = places(Pad(5, "random", seed=7))
    assert places(Pad(5, "random", seed=7)) == expected
    assert places(Pad(5, "random", seed=7), 4, first=4) == expected[4:]
    assert places(Pad(5, "random", seed=8)) != expected
    copies = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        copies.append([Pad(5, "random"), Pad(5, "random")])
    (one, two), (same, _), (other, _) = ([places(layer) for layer in pair] for pair in copies)
    assert one == same
    assert one != other
    assert one != two
    assert places(Pad.from_config(copies[0][0].get_config())) == one


def test_a_random_pad_is_random_in_a_users_own_fit_and_central_elsewhere() -> None:
    """A new place for each step of `fit`, the same places from the same seed, the centre in
    predictions.
    """

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


def test_the_mode_ends_with_an_error_and_nests() -> None:
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
def test_a_compiled_function_draws_anew_at_every_call(xla: bool) -> None:
    layer, step, traces = Pad(6, "random"), tf.Variable(0), []

    @tf.function(jit_compile=xla)
    def padded(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        traces.append(images)
        with in_mode(step=step), tf.GradientTape() as tape:
            tape.watch(images)
            seen = layer(images)
            value = tf.reduce_sum(seen**2)
        step.assign_add(1)
        return seen, tape.gradient(value, images)

    found = []
    for _ in range(8):
        seen, gradient = padded(tf.constant(MARKS))
        found.append(corner(seen))
        np.testing.assert_array_equal(gradient, 2 * MARKS)
    assert len(set(found)) > 4  # of 20
    assert xla or found == places(layer)
    assert len(traces) == 1


def test_a_pipeline_draws_by_the_number_of_the_batch() -> None:
    layer = Pad(6, "random")

    def padded(step: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
        with in_mode(step=step):
            return layer(images)

    stream = (
        tf.data.Dataset.from_tensors(MARKS).repeat().enumerate().map(padded, num_parallel_calls=2)
    )
    for _ in range(2):
        assert [corner(batch) for batch in stream.take(8)] == places(layer)


def test_a_transposed_convolution_learns_every_weight() -> None:
    layer = TransposedConv(8)
    x = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    layer(x)
    assert tuple(layer.kernel.shape) == (3, 3, 2, 2)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.square(layer(x) - 1))
    assert np.all(tape.gradient(value, layer.kernel) != 0)


STUDENTS = [
    (target, student)
    for target, table in (
        ("cifar10", table1),
        ("cifar10", table2),
        ("cifar100", table3),
        ("tiny_imagenet", figure5),
    )
    for student in table.STUDENTS.values()
]


@pytest.mark.parametrize(("target", "student"), STUDENTS)
def test_every_declared_adapter_gives_what_its_teacher_takes(target: str, student: Student) -> None:
    images = np.full((2, *FORMATS[target].image_shape), 255, np.float32)
    adapter = parse(student.adapter)
    assert (adapter is None) == (student.adapter == ())
    adapted = images if adapter is None else adapter(images).numpy()
    assert adapted.shape[1:] == FORMATS[student.source].image_shape
    assert adapted.max() == pytest.approx(1 if student.source == "mnist" else 255)
    assert adapted.min() >= 0


PARSED = [
    ("mean", ChannelMean, {}),
    ("crop:28", CenterCrop, {"size": 28}),
    ("scale:1/255", Scale, {"factor": 1 / 255}),
    ("resize:64", Resize, {"size": 64, "sampling": "tf2"}),
    ("resize_legacy:64", Resize, {"size": 64, "sampling": "legacy"}),
    ("resize_mean:32", Resize, {"size": 32, "sampling": "mean"}),
    ("pad:64", Pad, {"size": 64, "place": "center", "seed": None}),
    ("pad_random:64", Pad, {"size": 64, "place": "random"}),
    ("transposed:64", TransposedConv, {"size": 64}),
]


@pytest.mark.parametrize(("spec", "kind", "settings"), PARSED, ids=[spec for spec, *_ in PARSED])
def test_parts(spec: str, kind: type, settings: dict[str, Any]) -> None:
    (layer,) = parse((spec,)).layers
    assert type(layer) is kind
    assert settings.items() <= layer.get_config().items()


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "pad",
        "pad:",
        "pad:0",
        "pad:-4",
        "pad:1/2",
        "pad:x",
        "pad_center:64",
        "mean:3",
        "scale",
        "transposed:2.5",
    ],
)
def test_what_is_no_part(spec: str) -> None:
    with pytest.raises(InputError) as error:
        parse(("mean", spec))
    assert str(error.value) == (
        "adapter: expected parts such as mean, crop:28, scale:1/255, resize:64, resize_legacy:64, resize_mean:32, pad:64, "
        f"pad_random:64, transposed:64, got {spec!r}"
    )


def test_behind_any_adapter_a_teacher_is_evaluated_image_by_image() -> None:
    """As attacks and evaluations call it: again and again, in whatever batches."""
    for spec in ("pad:12", "pad_random:12", "transposed:16"):
        adapter = parse((spec,))
        size = adapter(np.zeros((1, *tiny.SHAPE), np.float32)).shape[1]
        model = models.adapted(tiny.classifier(shape=(size, size, 3)), adapter, tiny.SHAPE, PIXELS)
        x, _ = tiny.batch()
        expected = gradients.logits_of(model, x).numpy()
        np.testing.assert_array_equal(gradients.logits_of(model, x), expected)
        for index in range(len(x)):
            np.testing.assert_allclose(
                gradients.logits_of(model, x[index : index + 1]), expected[[index]], rtol=1e-4
            )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CenterCrop(7)(IMAGES), "center crop: a 7x7 window does not fit into 6x6 images"),
        (
            lambda: keras.Sequential([CenterCrop(7)])(IMAGES),
            "center crop: a 7x7 window does not fit into 6x6 images",
        ),
        (lambda: Resize(4, "mean")(IMAGES), "resize: 6x6 images do not divide into 4x4 blocks"),
        (lambda: Resize(4, "cubic"), "sampling: expected one of tf2, legacy, mean, got 'cubic'"),
        (lambda: Pad(8, "corner"), "place: expected one of center, random, got 'corner'"),
        (lambda: Pad(5)(IMAGES), "pad: 6x6 images do not fit into 5x5"),
        (lambda: Pad(7)(IMAGES[:, :, :5].repeat(2, 2)), "pad: 6x10 images do not fit into 7x7"),
        (
            lambda: keras.Sequential([Pad(5, "random")])(IMAGES),
            "pad: 6x6 images do not fit into 5x5",
        ),
        (lambda: TransposedConv(13)(IMAGES), "transposed: 6x6 images do not double to 13x13"),
        (
            lambda: TransposedConv(12)(IMAGES[:, 1:]),
            "transposed: 5x6 images do not double to 12x12",
        ),
    ],
)
def test_errors_are_one_line(make: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value) == message

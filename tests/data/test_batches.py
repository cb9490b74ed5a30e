"""The stream of training batches: seeds, start at any batch, augmentation against NumPy."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.core.errors import InputError
from igam_tf.data import Split, augment, training_batches

SIZE, BATCH = 11, 3
PER_PASS = SIZE // BATCH


def split(side: int = 5) -> Split:
    """Images whose first pixel is their label plus 1."""
    rng = np.random.default_rng(0)
    images = rng.integers(1, 256, (SIZE, side, side, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(SIZE) + 1
    return Split(images, np.arange(SIZE))


def take(
    count: int, seed: int = 4, bounds: Bounds = PIXELS, **settings: object
) -> list[tuple[np.ndarray, np.ndarray]]:
    source = settings.pop("split", None) or split()
    stream = training_batches(source, BATCH, seed, bounds, **settings)
    return [(x.numpy(), y.numpy()) for x, y in itertools.islice(stream, count)]


def test_form() -> None:
    stream = training_batches(split(), BATCH, 0, PIXELS)
    assert stream.element_spec == (
        tf.TensorSpec((BATCH, 5, 5, 3), tf.float32),
        tf.TensorSpec((BATCH,), tf.int64),
    )


def test_every_pass_is_a_new_permutation_without_its_remainder() -> None:
    batches = take(4 * PER_PASS, augmented=False)
    passes = [np.concatenate([y for _, y in batches[i * PER_PASS :][:PER_PASS]]) for i in range(4)]
    assert all(len(set(labels)) == PER_PASS * BATCH for labels in passes)  # no example twice
    assert len({tuple(labels) for labels in passes}) == 4
    assert len({frozenset(labels) for labels in passes}) > 1  # the left-out ones change
    for x, y in batches:
        np.testing.assert_array_equal(x, split().images[y])


SETTINGS = [{"augmented": False}, {"augmented": True}, {"augmented": True, "pixel_noise": 8.0}]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("start", [1, PER_PASS - 1, PER_PASS, 2 * PER_PASS + 1])
def test_a_batch_does_not_depend_on_where_the_stream_begins(
    start: int, settings: dict[str, object]
) -> None:
    whole = take(3 * PER_PASS, **settings)[start:]
    later = take(len(whole), start=start, **settings)
    for (x, y), (x_later, y_later) in zip(whole, later, strict=True):
        np.testing.assert_array_equal(x, x_later)
        np.testing.assert_array_equal(y, y_later)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("start", [0, 4])
def test_parts_are_those_of_the_whole_batches(indexed: bool, start: int) -> None:
    settings = {"split": dataclasses.replace(split(), indexed=indexed), "pixel_noise": 8.0}
    whole = take(PER_PASS + 2, start=start, **settings)
    parts = [take(len(whole), start=start, part=i, parts=3, **settings) for i in range(3)]
    for step, (x, y) in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([part[step][0] for part in parts]), x)
        np.testing.assert_array_equal(np.concatenate([part[step][1] for part in parts]), y)


def test_parts_that_do_not_divide_a_batch_are_refused() -> None:
    with pytest.raises(InputError, match=r"^batch_size: 2 parts do not divide a batch of 3$"):
        take(1, part=0, parts=2)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_seed_decides(settings: dict[str, object]) -> None:
    first, same, other = (take(PER_PASS, seed, **settings) for seed in (1, 1, 2))
    np.testing.assert_array_equal(np.stack([x for x, _ in first]), np.stack([x for x, _ in same]))
    assert (np.stack([y for _, y in first]) != np.stack([y for _, y in other])).any()


def brute_force(images: np.ndarray, draws: np.ndarray, padding: int) -> np.ndarray:
    """Zero-pad, crop at a place, flip: one image after another."""
    output = np.empty_like(images)
    side = 2 * padding + 1
    for i, image in enumerate(images):
        padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
        top, left = int(draws[0, i, 0] * side), int(draws[1, i, 0] * side)
        crop = padded[top : top + image.shape[0], left : left + image.shape[1]]
        output[i] = crop[:, ::-1] if draws[2, i, 0] < 0.5 else crop
    return output


@pytest.mark.parametrize("padding", [1, 2, 4])
def test_augmentation_is_that_of_a_loop(padding: int) -> None:
    images = np.random.default_rng(0).uniform(1, 255, (200, 6, 7, 3)).astype(np.float32)
    seed = tf.constant([5, 6], tf.int64)
    draws = tf.random.stateless_uniform([3, 200, 1], seed).numpy()
    output = augment(tf.constant(images), seed, padding).numpy()
    np.testing.assert_array_equal(output, brute_force(images, draws, padding))
    flipped = np.mean(draws[2] < 0.5)
    assert 0.35 < flipped < 0.65
    assert {int(d * (2 * padding + 1)) for d in draws[:2].ravel()} == set(range(2 * padding + 1))


def test_every_step_and_image_has_its_own_augmentation() -> None:
    same = Split(np.tile(split(6).images[:1], (SIZE, 1, 1, 1)), np.arange(SIZE))
    images = np.concatenate([x for x, _ in take(20, split=same)])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 25  # of 50 that there are


def test_pixel_noise_is_uniform_and_clipped() -> None:
    grey = Split(np.full((SIZE, 32, 32, 3), 100, np.uint8), np.arange(SIZE))
    noise = np.stack([x for x, _ in take(4, split=grey, augmented=False, pixel_noise=8.0)]) - 100
    assert -8 <= noise.min() < -7.9
    assert 7.9 < noise.max() <= 8
    assert np.std(noise) == pytest.approx(8 / np.sqrt(3), rel=0.02)
    assert abs(noise.mean()) < 0.1
    assert (noise[0] != noise[1]).mean() > 0.99
    for value, bounds, scale in ((255, PIXELS, 1), (0, PIXELS, 1), (255, UNIT, 1 / 255)):
        edge = Split(np.full((SIZE, 8, 8, 1), value, np.uint8), np.arange(SIZE), scale)
        noisy = np.stack(
            [
                x
                for x, _ in take(
                    2, bounds=bounds, split=edge, augmented=False, pixel_noise=bounds.range / 4
                )
            ]
        )
        assert bounds.low <= noisy.min() < noisy.max() <= bounds.high
        assert np.mean(noisy == np.float32(value * scale)) == pytest.approx(0.5, abs=0.1)


def test_stored_values_become_pixels() -> None:
    scaled = Split(split().images, split().labels, 1 / 255)
    for x, y in take(PER_PASS, bounds=UNIT, split=scaled, augmented=False):
        np.testing.assert_allclose(x, split().images[y] / 255, rtol=1e-6)


@pytest.mark.parametrize("size", [0, 2])
def test_fewer_examples_than_a_batch(size: int) -> None:
    with pytest.raises(
        InputError, match=f"^batch_size: a batch of 3 needs as many examples, there are {size}$"
    ):
        training_batches(split().first(size), BATCH, 0, PIXELS)


def test_negative_noise() -> None:
    with pytest.raises(InputError, match=r"^pixel_noise: expected at least 0, got -8$"):
        training_batches(split(), BATCH, 0, PIXELS, pixel_noise=-8)

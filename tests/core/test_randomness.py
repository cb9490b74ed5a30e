"""No two draws share a key: not two purposes, not neighbouring seeds, not restarts."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core import randomness
from igam_tf.core.bounds import PIXELS
from igam_tf.core.randomness import PURPOSES, by_example, key, restart_seed
from igam_tf.data import Split, training_batches


def test_keys_differ_by_seed_purpose_and_number() -> None:
    seeds, numbers = range(-2, 9), range(9)
    keys = {
        tuple(key(seed, purpose, number).numpy())
        for seed, purpose, number in itertools.product(seeds, PURPOSES, numbers)
    }
    assert len(keys) == len(seeds) * len(PURPOSES) * len(numbers)
    assert key(3, "order", 4).dtype == tf.int64
    np.testing.assert_array_equal(key(3, "order", 4), key(tf.constant(3), "order", tf.constant(4)))
    with pytest.raises(ValueError, match="not in tuple"):
        key(3, "orders", 4)


def test_draws_by_example_do_not_depend_on_the_batch() -> None:
    def draw(own_key: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([3], own_key)

    whole = by_example(draw, 5, "start", tf.range(8), tf.zeros([8, 3])).numpy()
    part = by_example(draw, 5, "start", tf.constant([6, 2]), tf.zeros([2, 3])).numpy()
    np.testing.assert_array_equal(part, whole[[6, 2]])
    assert len(np.unique(whole)) == whole.size
    np.testing.assert_array_equal(whole[4], tf.random.stateless_uniform([3], key(5, "start", 4)))


def test_seeds_of_restarts() -> None:
    seeds = [restart_seed(seed, restart) for seed in range(50) for restart in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert 0 <= min(seeds) < max(seeds) < 2**31
    assert [restart_seed(7, 0), restart_seed(2**31 + 7, 0)] == [7, 7]
    assert restart_seed(7, 3) == restart_seed(7, 3)


def stream(seed: int, **settings: object) -> np.ndarray:
    grey = Split(np.full((4, 6, 6, 1), 100, np.uint8), np.arange(4))
    batches = itertools.islice(training_batches(grey, 4, seed, PIXELS, **settings), 3)
    return np.stack([x.numpy() for x, _ in batches])


def uniform_of(key_: tf.Tensor, shape: tuple[int, ...]) -> np.ndarray:
    return tf.random.stateless_uniform(shape, key_, -1.0, 1.0).numpy()


def test_noise_of_one_seed_is_not_the_augmentation_of_the_next() -> None:
    """What was wrong before: noise of (seed, step) was drawn by the key of augmentation of seed +
    1.
    """
    noise = (stream(4, augmented=False, pixel_noise=8.0) - 100) / 8
    for seed, step, purpose in itertools.product((3, 4, 5), range(3), PURPOSES):
        draws = uniform_of(randomness.key(seed, purpose, step), noise[0].shape)
        same = np.allclose(draws, noise[step], atol=1e-5)
        assert same == ((seed, purpose) == (4, "pixel_noise"))
    for seed in (3, 4, 5):
        old = uniform_of(tf.constant([seed, 0], tf.int64), noise[0].shape)
        assert not np.allclose(old, noise[0], atol=1e-3)

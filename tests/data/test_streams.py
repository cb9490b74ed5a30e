"""Batches of images on disk are those of the same images in memory, wherever a stream begins."""

import pathlib

import numpy as np
import pytest

from igam_tf import data
from igam_tf.core.bounds import PIXELS

from . import test_folders

_cache = test_folders._cache
root = test_folders.root  # 18 images
Batches = list[tuple[np.ndarray, np.ndarray]]


def batches(split: data.Split, count: int, start: int = 0, **settings: object) -> Batches:
    stream = data.training_batches(split, 5, 7, PIXELS, start=start, **settings)
    return list(stream.take(count).as_numpy_iterator())


@pytest.fixture
def splits(root: pathlib.Path) -> tuple[data.Split, data.Split]:
    memory, disk = (data.load(f"folder:{root}", memory_limit=limit).train for limit in (2.0, 0.0))
    return memory, disk


@pytest.mark.parametrize("settings", [{}, {"augmented": False, "pixel_noise": 3.0}])
def test_from_disk_and_from_memory(
    splits: tuple[data.Split, data.Split], settings: dict[str, object]
) -> None:
    for expected, batch in zip(*(batches(split, 8, **settings) for split in splits), strict=True):
        np.testing.assert_array_equal(expected[0], batch[0])
        np.testing.assert_array_equal(expected[1], batch[1])
    assert batch[0].dtype == np.float32
    assert batch[1].dtype == np.int64


@pytest.mark.parametrize("start", [1, 3, 7])
def test_a_batch_depends_on_its_number_alone(
    splits: tuple[data.Split, data.Split], start: int
) -> None:
    whole = batches(splits[1], start + 2)
    for expected, batch in zip(whole[start:], batches(splits[1], 2, start), strict=True):
        np.testing.assert_array_equal(expected[0], batch[0])


def test_a_pass_has_every_image_once_in_an_order_of_its_own(
    splits: tuple[data.Split, data.Split],
) -> None:
    split = splits[1].first(15)  # three whole batches
    orders = []
    for start in (0, 3):
        images = np.concatenate([x for x, _ in batches(split, 3, start, augmented=False)])
        assert len(np.unique(images, axis=0)) == 15
        orders.append(images)
    assert not np.array_equal(*orders)

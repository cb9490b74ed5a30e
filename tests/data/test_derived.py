"""Halves of CIFAR-10: images, labels and sizes."""

import pathlib

import numpy as np
import pytest

from igam_tf import data
from igam_tf.data.derived import DERIVED

from . import prepared


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("tfds")
    prepared.write(directory, "cifar10", sizes=(60, 40))
    return directory


@pytest.mark.parametrize("name", DERIVED)
def test_a_half_has_its_classes_and_numbers_them_from_0(root: pathlib.Path, name: str) -> None:
    whole, half = data.load("cifar10", root), data.load(name, root)
    for part in ("train", "test"):
        all_of, part_of = getattr(whole, part), getattr(half, part)
        selected = np.isin(all_of.labels, DERIVED[name].classes)
        np.testing.assert_array_equal(
            part_of.labels + DERIVED[name].classes[0], all_of.labels[selected]
        )
        assert part_of.images.shape == (selected.sum(), *data.FORMATS[name].image_shape)
        assert part_of.images.dtype == np.uint8
    np.testing.assert_array_equal(data.load(name, root, 7, 3).train.images, half.train.images[:7])


def test_halves_have_no_image_in_common_and_miss_none(root: pathlib.Path) -> None:
    whole = data.load("cifar10", root)
    assert sum(len(data.load(name, root).train) for name in DERIVED) == len(whole.train)


def test_the_larger_half_is_its_images_between_whose_pixels_it_interpolates(
    root: pathlib.Path,
) -> None:
    whole, half = data.load("cifar10", root), data.load("cifar10_first5_64", root)
    selected = whole.test.images[np.isin(whole.test.labels, DERIVED[half.name].classes)].astype(
        np.float64
    )
    # Half-pixel centres: every new pixel is three quarters of its own old one and a quarter of the
    # next, along each axis.
    padded = np.pad(selected, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    expected = 0.0
    for row, by in ((1, 0.75), (0, 0.25)):
        for column, of in ((1, 0.75), (0, 0.25)):
            expected = expected + by * of * padded[:, row : row + 32, column : column + 32]
    np.testing.assert_allclose(half.test.images[:, ::2, ::2], expected, atol=0.5 + 1e-3)

"""The embedded tasks: pure functions of sizes and seed, in the formats of MNIST and CIFAR, and
learnable.
"""

import numpy as np
import pytest

from igam_tf import data
from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.data import shapes

FORMATS = [
    ("shapes28", (28, 28, 1), np.float32, UNIT),
    ("shapes32", (32, 32, 3), np.uint8, PIXELS),
    ("shapes64", (64, 64, 3), np.uint8, PIXELS),
    ("shapes100", (32, 32, 3), np.uint8, PIXELS),
]
CLASSES = {"shapes28": 10, "shapes32": 10, "shapes64": 20, "shapes100": 100}
NAMES = [name for name, *_ in FORMATS]
# Drawing the images of shapes64 and shapes100 takes seconds.
SHAPES = [
    pytest.param(name, marks=pytest.mark.slow if name in ("shapes64", "shapes100") else ())
    for name in NAMES
]


def load(name: str, train: int = 30, test: int = 20, seed: int = 0) -> data.Dataset:
    return data.load(name, train_size=train, test_size=test, seed=seed)


@pytest.mark.parametrize(("name", "shape", "dtype", "bounds"), FORMATS)
def test_format(name: str, shape: tuple[int, int, int], dtype: type, bounds: Bounds) -> None:
    dataset = load(name)
    assert (dataset.name, dataset.image_shape, dataset.num_classes, dataset.bounds) == (
        name,
        shape,
        CLASSES[name],
        bounds,
    )
    for split, size in ((dataset.train, 30), (dataset.test, 20)):
        assert len(split) == size
        assert split.images.shape == (size, *shape)
        assert (split.images.dtype, split.labels.dtype) == (dtype, np.int64)
        pixels = split.pixels()
        assert pixels.dtype == np.float32
        assert bounds.low <= pixels.min() < pixels.max() <= bounds.high
        assert np.ptp(pixels) > bounds.range / 3  # else the pixels are in another unit


@pytest.mark.parametrize("name", SHAPES)
def test_examples_depend_on_sizes_and_seed_only(name: str) -> None:
    first = load(name)
    np.random.seed(1)  # noqa: NPY002  # a global generator must not matter
    same_seed = load(name)
    other = load(name, seed=1)
    for part in ("train", "test"):
        expected, same, different = (
            getattr(dataset, part) for dataset in (first, same_seed, other)
        )
        np.testing.assert_array_equal(expected.images, same.images)
        np.testing.assert_array_equal(expected.labels, same.labels)
        assert (expected.images != different.images).any((1, 2, 3)).all()
        assert (expected.labels != different.labels).any()


@pytest.mark.parametrize("name", SHAPES)
def test_a_smaller_split_is_the_beginning_of_a_larger_one(name: str) -> None:
    """As with stored data; also over the edge of the blocks in which they are drawn."""
    larger = load(name, 510, 3)
    for size in (1, 500, 501):
        smaller = load(name, size, 20)
        np.testing.assert_array_equal(smaller.train.images, larger.train.images[:size])
        np.testing.assert_array_equal(smaller.train.labels, larger.train.labels[:size])
        np.testing.assert_array_equal(smaller.test.images[:3], larger.test.images)
    assert len(np.unique(larger.train.images[[0, 500]].reshape(2, -1), axis=0)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_no_test_image_is_a_training_image(name: str) -> None:
    dataset = load(name, 20, 20)
    apart = dataset.train.images[:, None] != dataset.test.images[None]
    assert apart.any((2, 3, 4)).all()
    assert (dataset.train.labels != dataset.test.labels).any()


@pytest.mark.parametrize("name", NAMES)
def test_images_of_a_split_differ(name: str) -> None:
    images = load(name, 40).train.images
    assert len(np.unique(images.reshape(40, -1), axis=0)) == 40


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("rounds", "more", "counts"), [(4, 0, {4}), (4, 7, {4, 5}), (0, 3, {0, 1})]
)
def test_labels_are_balanced_and_shuffled(
    name: str, rounds: int, more: int, counts: set[int]
) -> None:
    classes = CLASSES[name]
    labels = load(name, rounds * classes + more).train.labels
    assert set(np.bincount(labels, minlength=classes)) == counts
    assert (labels != np.arange(len(labels)) % classes).any()


@pytest.mark.slow
def test_the_larger_source_counts_brightness_too() -> None:
    """By the sign of the middle against the rim: the shape alone, a disc or a ring, does not tell
    the class.
    """
    split = load("shapes64", 400).train
    grey = split.pixels().mean(-1)
    rim = np.median(
        np.concatenate([grey[:, :6].reshape(400, -1), grey[:, -6:].reshape(400, -1)], 1), 1
    )
    extreme = np.stack([np.quantile(grey.reshape(400, -1), q, 1) for q in (0.05, 0.95)])
    brighter = extreme[1] - rim > rim - extreme[0]
    assert np.mean(brighter == (split.labels < 10)) > 0.95


def test_the_larger_target_counts_colour_and_brightness_too() -> None:
    """By the rim's nearest colour, and by which extreme of the middle is further from the rim."""
    split = load("shapes100", 400).train
    pixels = split.pixels()
    rim = np.concatenate(
        [pixels[:, :4].reshape(400, -1, 3), pixels[:, -4:].reshape(400, -1, 3)], 1
    ).mean(1)
    nearest = ((rim[:, None] - shapes.GROUNDS) ** 2).sum(-1).argmin(1)
    assert np.mean(nearest == split.labels % 5) > 0.9
    grey = pixels.mean(-1).reshape(400, -1) - rim.mean(-1)[:, None]
    low, high = np.quantile(grey, (0.05, 0.95), axis=1)
    assert np.mean((high < -low) == (split.labels % 10 >= 5)) > 0.9


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("shapes64", "shapes100")))
        for name in NAMES
    ],
)
def test_the_label_can_be_seen(name: str) -> None:
    """By the nearest mean of a blurred distance from grey, which is far from the best: 10 % (5 %)
    is chance.
    """
    dataset = load(name, 1000, 200)

    def features(split: data.Split) -> np.ndarray:
        grey = split.pixels().mean(-1)
        away = abs(grey - np.median(grey, (1, 2), keepdims=True))
        side = away.shape[1] // 4 * 4
        blurred = away[:, :side, :side].reshape(len(split), side // 4, 4, side // 4, 4).mean((2, 4))
        flat = blurred.reshape(len(split), -1)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    means = np.stack(
        [features(dataset.train)[dataset.train.labels == k].mean(0) for k in range(CLASSES[name])]
    )
    nearest = ((features(dataset.test)[:, None] - means) ** 2).sum(-1).argmin(1)
    predictions, labels_of_shape = (
        labels // 10 if name == "shapes100" else labels % 10
        for labels in (nearest, dataset.test.labels)
    )
    assert np.mean(predictions == labels_of_shape) > 0.25

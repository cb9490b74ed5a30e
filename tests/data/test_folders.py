"""`folder:`: images in folders by class, in memory or from disk; every mistake names its file."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import data
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data.stored import StoredImages

SIZES = {"train": 6, "val": 2}
Edit = Callable[[pathlib.Path], object]


def write_image(file: pathlib.Path, shape: tuple[int, ...] = (8, 8, 3), seed: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    file.write_bytes(tf.io.encode_png(image).numpy())


def write_folder(
    root: pathlib.Path,
    sizes: dict[str, int] | None = None,
    classes: str = "abc",
    shape: tuple[int, ...] = (8, 8, 3),
) -> pathlib.Path:
    """PNGs of random pixels, all different."""
    seed = 0
    for part, count in (sizes or SIZES).items():
        for name in classes:
            for number in range(count):
                write_image(root / part / name / f"{number}.png", shape, seed)
                seed += 1
    return root


@pytest.fixture(autouse=True)
def _cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    return write_folder(tmp_path / "photos")


@pytest.mark.parametrize("memory_limit", [2.0, 0.0])
def test_images_are_those_of_the_files(root: pathlib.Path, memory_limit: float) -> None:
    dataset = data.load(f"folder:{root}", memory_limit=memory_limit)
    assert dataset.class_names == ("a", "b", "c")
    assert (dataset.num_classes, dataset.bounds, dataset.image_shape) == (3, PIXELS, (8, 8, 3))
    assert (len(dataset.train), len(dataset.test), dataset.validation) == (18, 6, None)
    assert isinstance(dataset.train.images, np.ndarray) == (memory_limit > 0)
    stored = {
        tf.io.decode_png(file.read_bytes()).numpy().tobytes(): "abc".index(file.parent.name)
        for file in root.glob("train/*/*.png")
    }
    images, labels = dataset.train.select(np.arange(18))
    assert images.dtype == np.float32
    assert {
        image.astype(np.uint8).tobytes(): label
        for image, label in zip(images, labels.tolist(), strict=True)
    } == stored


def test_the_first_images_are_balanced(root: pathlib.Path) -> None:
    dataset = data.load(f"folder:{root}", train_size=7, test_size=3)
    assert np.bincount(dataset.train.labels).tolist() in ([3, 2, 2], [2, 3, 2], [2, 2, 3])
    assert sorted(dataset.test.labels) == [0, 1, 2]


def test_val_beside_test_is_the_validation_split(tmp_path: pathlib.Path) -> None:
    root = write_folder(tmp_path, {"train": 3, "test": 2, "val": 1})
    dataset = data.load(f"folder:{root}")
    assert dataset.validation is not None
    assert (len(dataset.test), len(dataset.validation)) == (6, 3)
    with pytest.raises(InputError, match="has a validation split of its own"):
        data.load(f"folder:{root}", validation=0.5)


@pytest.mark.parametrize("memory_limit", [2.0, 0.0])
@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"image_size": 5}, (5, 5, 3)),
        ({"color": "grey"}, (8, 8, 1)),
        ({"image_size": 12, "color": "grey"}, (12, 12, 1)),
    ],
)
def test_resized_and_recolored(
    root: pathlib.Path,
    settings: dict[str, int | str],
    shape: tuple[int, ...],
    memory_limit: float,
) -> None:
    write_image(root / "train/a/other.png", (10, 9, 4), 50)  # another size, and an alpha channel
    dataset = data.load(
        f"folder:{root}",
        image_size=12 if "image_size" not in settings else int(settings["image_size"]),
        color=str(settings.get("color", "rgb")),
        memory_limit=memory_limit,
    )
    assert dataset.train.images.shape[1:] == (
        (12, 12, shape[2]) if "image_size" not in settings else shape
    )
    assert dataset.train.images.dtype == np.uint8


def test_pixels_are_the_same_in_memory_and_from_disk(root: pathlib.Path) -> None:
    memory, disk = (
        data.load(f"folder:{root}", memory_limit=limit, image_size=5, color="grey")
        for limit in (2.0, 0.0)
    )
    np.testing.assert_array_equal(memory.train.pixels(), disk.train.pixels())


MISTAKES: dict[str, tuple[Edit, str]] = {
    "nothing there": (
        lambda root: (root / "train").rename(root / "training"),
        "expected .*train/CLASS",
    ),
    "one class": (
        lambda root: [(root / "train" / name).rename(root / name) for name in "bc"],
        "a folder for each of at least two classes, got 1",
    ),
    "another class": (lambda root: write_image(root / "val/d/0.png"), "train has no folder d"),
    "a class less": (lambda root: (root / "val/c").rename(root / "c"), "val has no folder c"),
    "an empty class": (
        lambda root: [file.unlink() for file in (root / "train/b").iterdir()],
        "train/b: no images",
    ),
    "a broken file": (
        lambda root: (root / "train/b/3.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
        "train/b/3.png: cannot be decoded",
    ),
    "no image": (
        lambda root: (root / "train/b/x.txt").write_text("x"),
        "train/b/x.txt: not an image",
    ),
    "another size": (
        lambda root: write_image(root / "train/b/9.png", (8, 9, 3)),
        "train/b/9.png: 8x9 pixels, expected 8x8 .* --image_size",
    ),
    "other channels": (
        lambda root: write_image(root / "train/b/9.png", (8, 8, 1)),
        "train/b/9.png: 1 channels, expected 3 .* --color",
    ),
}


@pytest.mark.parametrize("memory_limit", [2.0, 0.0])
@pytest.mark.parametrize(("edit", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(
    root: pathlib.Path, edit: Edit, message: str, memory_limit: float
) -> None:
    edit(root)
    with pytest.raises(InputError, match=message) as raised:
        data.load(f"folder:{root}", memory_limit=memory_limit)
    assert "\n" not in str(raised.value)


def test_an_alpha_channel_is_refused_by_name(tmp_path: pathlib.Path) -> None:
    write_folder(tmp_path, shape=(8, 8, 4))
    with pytest.raises(InputError, match="4 channels, expected 1 or 3; --color"):
        data.load(f"folder:{tmp_path}")


def test_hidden_files_are_ignored(root: pathlib.Path) -> None:
    (root / "train/a/.DS_Store").write_text("x")
    (root / "train/.hidden").mkdir()
    assert len(data.load(f"folder:{root}").train) == 18


def test_files_on_disk_are_checked_once(
    root: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time, only changed files and the one that defines the shape are decoded."""
    from igam_tf.data import folders

    decoded_names: list[str] = []
    decode = folders._decoded
    monkeypatch.setattr(
        folders,
        "_decoded",
        lambda file, how: (decoded_names.append(file.name), decode(file, how))[1],
    )
    first = data.load(f"folder:{root}", memory_limit=0)
    assert len(decoded_names) == 1 + 24
    decoded_names.clear()
    second = data.load(f"folder:{root}", memory_limit=0)
    assert len(decoded_names) == 1
    assert isinstance(first.train.images, StoredImages)
    assert isinstance(second.train.images, StoredImages)
    assert first.train.images.digest == second.train.images.digest
    write_image(root / "train/a/0.png", seed=99)
    (root / "train/b/3.png").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"b/3\.png"):
        data.load(f"folder:{root}", memory_limit=0)

"""The original Tiny-ImageNet's folder and zip: order, labels, pixels, the cache, absence.

`test_tiny_imagenet_damage.py` has the damages.
"""

import os
import pathlib
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import data
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data import Dataset, tiny_imagenet

from . import tiny_tree

forms = pytest.mark.parametrize("form", ["folder", "zip", "zip inside"])
CACHE = "tiny-imagenet-200.cache"


def load(root: pathlib.Path, train: int | None = None, test: int | None = None) -> Dataset:
    return data.load("tiny_imagenet", root, train, test)


@pytest.fixture
def undecodable(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, images come from the cache or not at all."""

    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    return lambda: monkeypatch.setattr(tiny_imagenet, "_decode", refuse)


def same(one: Dataset, other: Dataset) -> None:
    for part in ("train", "test"):
        np.testing.assert_array_equal(getattr(one, part).images, getattr(other, part).images)
        np.testing.assert_array_equal(getattr(one, part).labels, getattr(other, part).labels)


@forms
def test_images_labels_and_order(tmp_path: pathlib.Path, form: str) -> None:
    tiny_tree.write(tmp_path, form)
    dataset = load(tmp_path)
    assert (dataset.name, dataset.num_classes, dataset.bounds) == ("tiny_imagenet", 3, PIXELS)
    assert dataset.image_shape == (64, 64, 3)
    assert (len(dataset.train), len(dataset.test)) == (33, 12)
    orders = set()
    for split, size in ((dataset.train, 11), (dataset.test, 4)):
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
        for index in range(size):  # round after round, the k-th image of every class
            labels = split.labels[3 * index : 3 * index + 3]
            assert sorted(labels) == [0, 1, 2]
            orders.add(tuple(labels))
            for image, label in zip(split.images[3 * index : 3 * index + 3], labels, strict=True):
                wnid = ("n01", "n02", "n03")[label]
                content = tiny_tree.jpeg(100 * label + index, grey=index == 1)
                if split is dataset.test:
                    content = tiny_tree.jpeg(1000 + 3 * index + tiny_tree.WNIDS.index(wnid))
                decoded = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
                np.testing.assert_array_equal(image, decoded)
    assert len(orders) > 2
    grey = dataset.train.images[3:6]
    np.testing.assert_array_equal(grey[..., :1].repeat(3, -1), grey)


def test_a_folder_and_a_zip_are_the_same(tmp_path: pathlib.Path) -> None:
    for form in ("folder", "zip", "zip inside"):
        (tmp_path / form).mkdir()
        tiny_tree.write(tmp_path / form, form)
        same(load(tmp_path / form), load(tmp_path / "folder"))


def test_sizes_take_the_first(tmp_path: pathlib.Path) -> None:
    (tmp_path / "other").mkdir()
    for root in (tmp_path, tmp_path / "other"):
        tiny_tree.write(root, "zip")
    whole, part = load(tmp_path), load(tmp_path / "other", 7, 100)
    assert (len(part.train), len(part.test)) == (7, 12)
    np.testing.assert_array_equal(part.train.images, whole.train.images[:7])
    np.testing.assert_array_equal(part.train.labels, whole.train.labels[:7])


def test_the_place_may_be_the_variable(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tree.write(tmp_path, "zip")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    same(data.load("tiny_imagenet"), load(tmp_path))


@forms
def test_a_second_load_decodes_nothing(
    tmp_path: pathlib.Path, form: str, undecodable: Callable[[], None]
) -> None:
    tiny_tree.write(tmp_path, form)
    small, whole = load(tmp_path, 4, 1), load(tmp_path)
    undecodable()
    same(load(tmp_path), whole)
    same(load(tmp_path, 4, 1), small)
    assert sorted(file.name.split("-")[0] for file in (tmp_path / CACHE).iterdir()) == [
        "train",
        "val",
    ]
    np.testing.assert_array_equal(
        small.train.select(np.array([2, 0]))[0], whole.train.pixels()[[2, 0]]
    )


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_changed_data_is_read_anew(tmp_path: pathlib.Path, form: str) -> None:
    content = tiny_tree.files()
    place = tiny_tree.write(tmp_path, form, content)
    before = load(tmp_path)
    content["train/n02/images/n02_0.JPEG"] = tiny_tree.jpeg(77)
    if form == "folder":
        changed = place / "train/n02/images/n02_0.JPEG"
        changed.write_bytes(content["train/n02/images/n02_0.JPEG"])
        os.utime(changed, ns=(0, 1))
    else:
        tiny_tree.write(tmp_path, form, content)
    after = load(tmp_path)
    differ = (after.train.images != before.train.images).any((1, 2, 3))
    assert differ.sum() == 1
    assert before.train.labels[differ] == [1]
    assert len(list((tmp_path / CACHE).iterdir())) == 2  # the older one is gone


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", ["decoding", "writing", "renaming"])
def test_a_killed_first_load_leaves_nothing_that_is_believed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    tiny_tree.write(tmp_path, "zip")

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(
            *{
                "decoding": (tf.io, "decode_jpeg"),
                "writing": (np, "save"),
                "renaming": (os, "replace"),
            }[moment],
            die,
        )
        patch.setattr(
            pathlib.Path, "unlink", lambda self, **_: None
        )  # a process that is killed tidies nothing up
        with pytest.raises(Killed):
            load(tmp_path)
    assert not list(tmp_path.glob(f"{CACHE}/train-*"))
    assert len(load(tmp_path).train) == 33
    assert len(list((tmp_path / CACHE).iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"no array"])
def test_a_damaged_cache_is_written_anew(tmp_path: pathlib.Path, damage: bytes) -> None:
    tiny_tree.write(tmp_path, "zip")
    whole = load(tmp_path)
    images = whole.train.images.copy()
    (file,) = (tmp_path / CACHE).glob("train-*")
    for content in (damage, file.read_bytes()[:-1]):
        file.unlink()
        file.write_bytes(content)
        np.testing.assert_array_equal(load(tmp_path).train.images, images)
    assert len(np.load(file)) == 33


def test_without_a_place_to_write_there_is_no_cache(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_tree.write(tmp_path, "zip")
    tmp_path.chmod(0o555)
    try:
        dataset = load(tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert not (tmp_path / CACHE).exists()

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        same(load(tmp_path), dataset)
    assert not list((tmp_path / CACHE).iterdir())


def test_absent(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path / "nowhere")
    root = tmp_path / "nowhere"
    assert str(error.value) == (
        f"dataset tiny_imagenet: not found under {root}: expected tiny-imagenet-200/, "
        "tiny-imagenet-200.zip or tiny-imagenet-200/tiny-imagenet-200.zip there "
        "(set --data_dir or TFDS_DATA_DIR). With a network, "
        f"`curl -O http://cs231n.stanford.edu/tiny-imagenet-200.zip` in {root} fetches the original"
    )


def test_the_real_images_beside_this_checkout(golden: pathlib.Path, tmp_path: pathlib.Path) -> None:
    place = golden.parent / "tiny-imagenet-200"
    if not place.exists():
        pytest.skip("no Tiny-ImageNet beside this checkout")
    (tmp_path / "tiny-imagenet-200").symlink_to(place)  # so that no cache is written there
    dataset = load(tmp_path, 400, 400)
    assert (dataset.num_classes, dataset.image_shape) == (200, (64, 64, 3))
    for split in (dataset.train, dataset.test):
        assert set(np.bincount(split.labels, minlength=200)) == {2}
        assert set(split.labels[:200]) == set(range(200))
        assert 60 < split.pixels().std() < 90
    assert 90 < dataset.train.pixels().mean() < 140

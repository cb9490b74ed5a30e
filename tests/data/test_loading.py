"""One loader: prepared data read without a network; what is absent, damaged or mistaken is one
clear error.
"""

import dataclasses
import os
import pathlib
import socket

import numpy as np
import pytest

from igam_tf import data
from igam_tf.core.bounds import PIXELS, UNIT
from igam_tf.core.errors import InputError
from igam_tf.data.derived import DERIVED
from igam_tf.data.prepared import prepared_directory

from . import prepared


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)


@pytest.mark.parametrize(("name", "scale"), [("mnist", 1 / 255), ("cifar10", 1), ("cifar100", 1)])
def test_prepared_data_is_read_as_stored(tmp_path: pathlib.Path, name: str, scale: float) -> None:
    prepared.write(tmp_path, name)
    dataset = data.load(name, tmp_path)
    assert dataset.name == name
    assert dataset.num_classes == (100 if name == "cifar100" else 10)
    assert dataset.bounds == (UNIT if name == "mnist" else PIXELS)
    assert dataset.image_shape == prepared.SHAPES[name]
    for split, size, seed in ((dataset.train, 12, 0), (dataset.test, 6, 1)):
        images, labels = prepared.examples(name, size, seed)
        np.testing.assert_array_equal(split.images, images)
        np.testing.assert_array_equal(split.labels, labels)
        assert split.labels.dtype == np.int64
        pixels = split.pixels()
        assert pixels.dtype == np.float32
        np.testing.assert_allclose(pixels, images * scale, rtol=1e-6)
        np.testing.assert_array_equal(split.pixels(2, 4), pixels[2:4])


def test_sizes_take_the_first_examples(tmp_path: pathlib.Path) -> None:
    prepared.write(tmp_path)
    dataset = data.load("mnist", tmp_path, train_size=5, test_size=100)
    np.testing.assert_array_equal(dataset.train.images, prepared.examples("mnist", 12, 0)[0][:5])
    np.testing.assert_array_equal(dataset.train.labels, prepared.examples("mnist", 12, 0)[1][:5])
    assert len(dataset.test) == 6


def test_the_place_is_the_argument_then_the_variable_then_the_home(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, place in enumerate(("argument", "variable", "home/tensorflow_datasets")):
        prepared.write(tmp_path / place, seed=10 * seed)
    expected = [prepared.examples("mnist", 12, 10 * seed)[1] for seed in range(3)]
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    np.testing.assert_array_equal(data.load("mnist").train.labels, expected[2])
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "variable"))
    np.testing.assert_array_equal(data.load("mnist").train.labels, expected[1])
    np.testing.assert_array_equal(
        data.load("mnist", tmp_path / "argument").train.labels, expected[0]
    )


def test_the_newest_version_is_read(tmp_path: pathlib.Path) -> None:
    for seed, version in enumerate(("3.0.1", "10.0.0", "9.9.9")):
        prepared.write(tmp_path, version=version, seed=10 * seed)
    (tmp_path / "mnist/11.0.0.incompleteABC").mkdir()
    np.testing.assert_array_equal(
        data.load("mnist", tmp_path).train.labels, prepared.examples("mnist", 12, 10)[1]
    )


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_absent_data(tmp_path: pathlib.Path, name: str) -> None:
    prepared.write(tmp_path, "mnist" if name != "mnist" else "cifar10")
    with pytest.raises(InputError) as error:
        data.load(name, tmp_path)
    message = str(error.value)
    assert message.startswith(f"dataset {name}: not found under {tmp_path} ")
    assert f"`tfds build {name} --data_dir={tmp_path}`" in message
    assert "\n" not in message


def test_files_are_located_without_reading_them(tmp_path: pathlib.Path) -> None:
    assert data.locate("shapes32") is None
    prepared.write(tmp_path, "cifar10")
    assert data.locate("cifar10", tmp_path) == prepared_directory("cifar10", tmp_path)
    assert data.locate("cifar10_last5", tmp_path) == prepared_directory("cifar10", tmp_path)
    archive = tmp_path / "tiny-imagenet-200.zip"
    archive.touch()
    assert data.locate("tiny_imagenet", tmp_path) == archive
    for name in ("mnist", "cifar100"):
        with pytest.raises(InputError, match=f"^dataset {name}: not found under {tmp_path}"):
            data.locate(name, tmp_path)


@pytest.mark.parametrize("name", [name for name in data.FORMATS if name != "tiny_imagenet"])
def test_formats_are_those_of_the_data(tmp_path: pathlib.Path, name: str) -> None:
    if not name.startswith("shapes"):
        prepared.write(tmp_path, DERIVED[name].source if name in DERIVED else name)
    dataset = data.load(name, tmp_path, 2, 2)
    stored = dataclasses.replace(data.FORMATS[name], train_images=2)
    assert data.Format(dataset.image_shape, dataset.num_classes, dataset.bounds, 2) == stored


def _truncate(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("mnist-train.tfrecord-00000-of-00001", _truncate),
        ("mnist-train.tfrecord-00000-of-00001", _flip),
        ("mnist-test.tfrecord-00000-of-00001", os.remove),
        ("dataset_info.json", _truncate),
        ("features.json", _truncate),
        ("features.json", os.remove),
    ],
)
def test_damaged_data(tmp_path: pathlib.Path, file: str, damage: object) -> None:
    directory = prepared.write(tmp_path)
    damage(directory / file)
    with pytest.raises(InputError) as error:
        data.load("mnist", tmp_path)
    assert str(error.value).startswith(f"dataset: {directory} cannot be read (")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"source": "imagenet"},
            r"^dataset: expected one of shapes28, .*cifar10_last5, tfds:NAME.*, got 'imagenet'$",
        ),
        ({"source": "shapes28", "train_size": 0}, r"^train_size: expected at least 1, got 0$"),
        ({"source": "shapes32", "test_size": -1}, r"^test_size: expected at least 1, got -1$"),
        ({"source": "mnist", "test_size": 0}, r"^test_size: expected at least 1, got 0$"),
    ],
)
def test_mistakes(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.load(**arguments)


def test_default_sizes_of_embedded_data() -> None:
    dataset = data.load("shapes28")
    assert (len(dataset.train), len(dataset.test)) == (4000, 1000)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("mnist", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
        pytest.param("cifar10", [1000] * 10, marks=pytest.mark.slow),
    ],
)
def test_the_real_data_beside_this_checkout(
    golden: pathlib.Path, name: str, counts: list[int]
) -> None:
    directory = golden.parent / "tfds"
    if not directory.is_dir():
        pytest.skip("no prepared data beside this checkout")
    dataset = data.load(name, directory, train_size=2000)
    assert dataset.image_shape == prepared.SHAPES[name]
    assert len(dataset.train) == 2000
    assert list(np.bincount(dataset.test.labels)) == counts
    assert dataset.train.pixels().max() == dataset.bounds.high

"""`npz:`, `tfds:` and a user's own function: what they give, and every mistake in one line."""

import json
import pathlib
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import data
from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.core.errors import InputError

from . import prepared

Arrays = dict[str, np.ndarray]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def arrays(**changes: np.ndarray) -> Arrays:
    return {
        "x_train": RNG.integers(0, 256, (9, 6, 6, 3), np.uint8),
        "y_train": np.arange(9) % 3,
        "x_test": RNG.integers(0, 256, (4, 6, 6, 3), np.uint8),
        "y_test": np.arange(4) % 3,
        **changes,
    }


FORMS: dict[str, tuple[Arrays, tuple[int, ...], Bounds]] = {
    "bytes": (arrays(), (6, 6, 3), PIXELS),
    "labels in a column": (arrays(y_train=np.arange(9)[:, None] % 3), (6, 6, 3), PIXELS),
    "without channels": (
        arrays(x_train=RNG.random((9, 6, 6)), x_test=RNG.random((4, 6, 6))),
        (6, 6, 1),
        UNIT,
    ),
    "floats up to 255": (
        arrays(x_train=255 * RNG.random((9, 6, 6, 3)), x_test=255 * RNG.random((4, 6, 6, 3))),
        (6, 6, 3),
        PIXELS,
    ),
}


@pytest.mark.parametrize(("content", "shape", "bounds"), FORMS.values(), ids=FORMS)
def test_npz(
    tmp_path: pathlib.Path, content: Arrays, shape: tuple[int, ...], bounds: Bounds
) -> None:
    file = tmp_path / "own.npz"
    np.savez(file, **content)
    dataset = data.load(f"npz:{file}", train_size=5)
    assert (dataset.image_shape, dataset.bounds, dataset.num_classes) == (shape, bounds, 3)
    np.testing.assert_array_equal(dataset.train.labels, [0, 1, 2, 0, 1])
    expected = content["x_train"][:5].reshape(5, *shape).astype(np.float32)
    np.testing.assert_array_equal(dataset.train.pixels(), expected)


def test_npz_beyond_memory(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "own.npz"
    content = arrays(class_names=np.array(["x", "y", "z"]))
    np.savez(file, **content)
    dataset = data.load(f"npz:{file}", memory_limit=0, image_size=4)
    assert dataset.class_names == ("x", "y", "z")
    assert not isinstance(dataset.train.images, np.ndarray)
    memory = data.load(f"npz:{file}", image_size=4)
    np.testing.assert_array_equal(dataset.train.pixels(), memory.train.pixels())
    np.savez_compressed(file, **content)
    with pytest.raises(InputError, match=r"x_train has .* memory limit of 0, and is compressed"):
        data.load(f"npz:{file}", memory_limit=0)


@pytest.mark.parametrize("memory_limit", [2.0, 0.0])
def test_floats_are_not_resized(tmp_path: pathlib.Path, memory_limit: float) -> None:
    """Their pixels would be rounded to whole numbers."""
    file = tmp_path / "own.npz"
    np.savez(file, **FORMS["without channels"][0])
    with pytest.raises(InputError, match="image_size and color take uint8 images"):
        data.load(f"npz:{file}", memory_limit=memory_limit, image_size=4)


NPZ_MISTAKES: dict[str, tuple[Arrays, str]] = {
    "an array is missing": ({"x_train": np.zeros(2)}, "no y_train, expected x_train, y_train"),
    "one class": (arrays(y_train=np.zeros(9, int), y_test=np.zeros(4, int)), "at least two"),
    "labels with a gap": (arrays(y_train=np.arange(9) % 3 * 2), "no training image has label 1"),
    "labels below 0": (arrays(y_train=np.arange(9) % 3 - 1), "expected labels 0 .. "),
    "a test label unknown": (arrays(y_test=np.arange(4)), "no training image has label 3"),
    "labels that are floats": (arrays(y_train=np.ones(9)), "y_train is float64"),
    "labels too few": (arrays(y_train=np.arange(8) % 3), r"y_train is int64 \[8\], .* \[9\]"),
    "five channels": (
        arrays(x_train=np.zeros((9, 6, 6, 5))),
        r"x_train has the shape \(9, 6, 6, 5",
    ),
    "pixels below 0": (arrays(x_train=-np.ones((9, 6, 6, 3))), "pixels from -1 to -1"),
    "NaN": (arrays(x_train=np.full((9, 6, 6, 3), np.nan)), "pixels from nan"),
    "other integers": (arrays(x_train=np.zeros((9, 6, 6, 3), int)), "x_train is int64"),
    "other sizes": (arrays(x_test=np.zeros((4, 5, 6, 3), np.uint8)), "test images .* --image_size"),
    "other ranges": (arrays(x_test=np.zeros((4, 6, 6, 3))), "differ in type or pixel range"),
    "objects": (arrays(x_train=np.array([{}], object)), "cannot be read"),
}


@pytest.mark.parametrize(("content", "message"), NPZ_MISTAKES.values(), ids=NPZ_MISTAKES)
def test_npz_mistakes(tmp_path: pathlib.Path, content: Arrays, message: str) -> None:
    file = tmp_path / "own.npz"
    np.savez(file, **content)  # type: ignore[arg-type]  # its stub reads allow_pickle there
    with pytest.raises(InputError, match=message) as raised:
        data.load(f"npz:{file}")
    assert str(file) in str(raised.value)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        data.load(f"npz:{file}")


@pytest.mark.parametrize("memory_limit", [2.0, 0.0])
def test_tfds(
    tmp_path: pathlib.Path, memory_limit: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond memory its TFRecord files are converted, once."""
    prepared.write(tmp_path, "cifar10")
    for _ in range(2):
        dataset = data.load("tfds:cifar10:3.0.1", tmp_path, memory_limit=memory_limit)
        images, labels = prepared.examples("cifar10", 12, 0)
        np.testing.assert_array_equal(dataset.train.pixels(), images)
        np.testing.assert_array_equal(dataset.train.labels, labels)
        assert (dataset.name, dataset.num_classes, len(dataset.test)) == (
            "tfds:cifar10:3.0.1",
            10,
            6,
        )
        assert isinstance(dataset.train.images, np.ndarray) == (memory_limit > 0)
    assert capsys.readouterr().out.count("converting") == (memory_limit == 0)


def test_tfds_splits_sizes_and_channels(tmp_path: pathlib.Path) -> None:
    prepared.write(tmp_path, "cifar10")
    dataset = data.load(
        "tfds:cifar10",
        tmp_path,
        train_size=3,
        train_split="train[50%:]",
        test_split="train[:50%]",
        image_size=16,
        color="grey",
    )
    assert dataset.train.images.shape == (3, 16, 16, 1)
    labels = prepared.examples("cifar10", 12, 0)[1]
    np.testing.assert_array_equal(dataset.train.labels, labels[6:9])
    np.testing.assert_array_equal(dataset.test.labels, labels[:6])


def _features(directory: pathlib.Path, edit: Callable[[dict[str, Any]], object]) -> None:
    file = directory / "features.json"
    content = json.loads(file.read_text())
    edit(content["featuresDict"]["features"])
    file.write_text(json.dumps(content))


def test_a_tfds_set_of_another_kind(tmp_path: pathlib.Path) -> None:
    directory = prepared.write(tmp_path, "cifar10")
    _features(directory, lambda features: features.pop("label"))
    with pytest.raises(InputError, match="no image classification set: expected one label"):
        data.load("tfds:cifar10", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "tfds:svhn"}, "svhn: not found under .* `tfds build svhn"),
        ({"source": "tfds:cifar10:1.0.0"}, "cifar10:1.0.0: not found"),
        ({"source": "tfds:ci far"}, "expected tfds:NAME"),
        (
            {"source": "tfds:cifar10", "test_split": "dev"},
            "no split 'dev'; choose one of .*--test_split",
        ),
        ({"source": "tfds:cifar10", "color": "red"}, "color: expected one of grey, rgb"),
        ({"source": "shapes32", "train_split": "train"}, "only for a dataset tfds:NAME"),
        ({"source": "shapes32", "image_size": 8}, "not for 'shapes32', whose format is fixed"),
        ({"source": "shapes32", "validation": 1.5}, "validation: expected a share between"),
    ],
)
def test_mistakes(tmp_path: pathlib.Path, arguments: dict[str, Any], message: str) -> None:
    prepared.write(tmp_path, "cifar10")
    with pytest.raises(InputError, match=message):
        data.load(data_dir=tmp_path, **arguments)


USER = """
    import numpy as np, tensorflow as tf
    from igam_tf.core.bounds import PIXELS
    from igam_tf.data import Dataset, Split

    images = np.arange(9 * 4 * 4, dtype=np.uint8).reshape(9, 4, 4, 1)
    labels = np.arange(9) % 3

    def ours():
        return Dataset("mine", Split(images, labels), Split(images[:6], labels[:6]), 3, PIXELS)

    def pair():
        single = tf.data.Dataset.from_tensor_slices((images, labels))
        return single, single.batch(4)

    def number():
        return 3

    def endless():
        return [stream.repeat() for stream in pair()]

    def ragged():
        sides = tf.data.Dataset.range(2, 5)
        stream = sides.map(lambda side: (tf.zeros((side, side, 1), tf.uint8), side))
        return stream, stream

    def failing():
        raise RuntimeError("no disk")
"""


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(USER))
    return file


@pytest.mark.parametrize("function", ["ours", "pair"])
def test_a_function_of_a_users_own(file: pathlib.Path, function: str) -> None:
    dataset = data.load(f"{file}:{function}", train_size=5, test_size=2)
    assert (dataset.num_classes, dataset.bounds, dataset.image_shape) == (3, PIXELS, (4, 4, 1))
    np.testing.assert_array_equal(dataset.train.labels, [0, 1, 2, 0, 1])
    np.testing.assert_array_equal(dataset.test.pixels().ravel(), np.arange(2 * 16))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("number", "returned int, expected an igam_tf.data.Dataset or a pair"),
        ("endless", "an endless tf.data set"),
        ("ragged", r"image 1 is \(3, 3, 1\), image 0 is \(2, 2, 1\)"),
        ("failing", r"failed \(RuntimeError: no disk\)"),
        ("nothing", "has no 'nothing'"),
    ],
)
def test_mistakes_of_a_users_own(file: pathlib.Path, function: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.load(f"{file}:{function}")


def test_a_pair_above_the_memory_limit(file: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"more than --memory_limit .* cannot be read by place"):
        data.load(f"{file}:pair", memory_limit=1e-8)


def test_validation_is_a_share_of_the_training_images(file: pathlib.Path) -> None:
    dataset, same = (data.load(f"{file}:ours", validation=0.33) for _ in range(2))
    assert dataset.validation is not None
    assert same.validation is not None
    assert (len(dataset.train), len(dataset.validation)) == (6, 3)
    numbers = [split.images[:, 0, 0, 0] for split in (dataset.train, dataset.validation)]
    assert sorted(np.concatenate(numbers)) == list(range(0, 144, 16))
    np.testing.assert_array_equal(numbers[1], same.validation.images[:, 0, 0, 0])


def test_a_stored_split_is_no_array(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "own.npz", **arrays())
    split = data.load(f"npz:{tmp_path / 'own.npz'}", memory_limit=0).train
    part = split.part(np.array([4, 1]))
    assert not isinstance(part.images, np.ndarray)
    np.testing.assert_array_equal(part.pixels(), split.pixels()[[4, 1]])
    assert isinstance(tf.constant(part.pixels()), tf.Tensor)

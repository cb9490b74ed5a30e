"""`load` and `locate`: data sets by source, read from the disk without using the network."""

import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.core.settings.datasets import DATASETS, FORMATS, SOURCES
from igam_tf.data import array_records, derived, folders, npz, prepared, shapes, tiny_imagenet, user
from igam_tf.data.splits import Dataset, Split
from igam_tf.data.stored import AS_STORED, GIB, Decoding, Reading

_EMBEDDED: dict[str, Callable[[int, int, int], Dataset]] = {
    "shapes28": shapes.shapes28,
    "shapes32": shapes.shapes32,
    "shapes64": shapes.shapes64,
    "shapes100": shapes.shapes100,
}


def load(
    source: str,
    data_dir: str | os.PathLike[str] | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    seed: int = 0,
    *,
    train_split: str | None = None,
    test_split: str | None = None,
    image_size: int | None = None,
    color: str | None = None,
    validation: float | None = None,
    memory_limit: float = 2.0,
) -> Dataset:
    """A data set by its source.

    Args:
      source: one of

        * `shapes28`, `shapes32`, `shapes64`, `shapes100`: embedded, generated from `seed`;
        * `mnist` (pixels in [0, 1]), `cifar10` or `cifar100` (in [0, 255], fine labels), as
          prepared by TFDS; `tiny_imagenet` (in [0, 255]), from its original folder or zip; one of
          `igam_tf.data.derived`;
        * `tfds:NAME[/CONFIG][:VERSION]`: any image classification set prepared by TFDS;
        * `folder:PATH`: images in train/CLASS/ and test/CLASS/ (or val/);
        * `npz:PATH`: arrays x_train, y_train, x_test, y_test;
        * `package.module:function` or `file.py:function`: your function that returns a
          `Dataset`, or two tf.data sets of (image, label).
      data_dir: the folder of TFDS's prepared data, or of Tiny-ImageNet; by default
        `TFDS_DATA_DIR`, else TFDS's own default.
      train_size, test_size: number of examples of each split, the first ones in stored order. The
        default is all; embedded sets, which have no end, give 4000 and 1000.
      seed: of the embedded data sets.
      train_split, test_split: of `tfds:`, names or slices such as `train[:80%]`.
      image_size: side of the images after resizing; not for sources with a fixed name.
      color: `grey` or `rgb`, the images' colours after conversion; not for sources with a fixed
        name.
      validation: the share of the training examples that becomes the validation split.
      memory_limit: GiB of decoded images. A larger split of `tfds:`, `folder:` or `npz:` stays on
        disk and is read batch by batch.

    Raises:
      InputError: unknown source, a size that is not positive, or data that is missing, damaged or
        no image classification task; the message says what was expected.
    """
    for flag, size in (
        ("train_size", train_size),
        ("test_size", test_size),
        ("image_size", image_size),
    ):
        if size is not None and size < 1:
            raise InputError(f"{flag}: expected at least 1, got {size}")
    kind, separator, place = source.partition(":")
    reading = Reading(
        train_size,
        test_size,
        train_split,
        test_split,
        Decoding(image_size, color),
        int(memory_limit * GIB),
    )
    if (train_split or test_split) and kind != "tfds":
        raise InputError(f"train_split, test_split: only for a dataset tfds:NAME, got {source!r}")
    if separator:
        dataset = _from_place(kind, place, source, data_dir, reading)
    elif reading.decoding != AS_STORED:
        raise InputError(f"image_size, color: not for {source!r}, whose format is fixed")
    else:
        dataset = _by_name(source, data_dir, train_size, test_size, seed)
    return dataset.with_validation(validation) if validation else dataset


def _from_place(
    kind: str,
    place: str,
    source: str,
    data_dir: str | os.PathLike[str] | None,
    reading: Reading,
) -> Dataset:
    if kind == "tfds":
        return prepared.load_prepared(place, _root(data_dir), reading)
    path = pathlib.Path(place).expanduser()
    if kind == "folder":
        return folders.load_folder(path, reading)
    if kind == "npz":
        return npz.load_npz(path, reading)
    return user.load_user(source, reading)


def _by_name(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    train_size: int | None,
    test_size: int | None,
    seed: int,
) -> Dataset:
    if name not in DATASETS:
        raise InputError(f"dataset: expected {SOURCES}, got {name!r}")
    if name in _EMBEDDED:
        count = train_size or FORMATS[name].train_images
        return _EMBEDDED[name](count, test_size or 1000, seed)
    if name == "tiny_imagenet":
        return tiny_imagenet.tiny_imagenet(_root(data_dir), train_size, test_size)
    if name in derived.DERIVED:
        return derived.derive(
            name, load(derived.DERIVED[name].source, data_dir), train_size, test_size
        )
    stored = FORMATS[name]
    directory = prepared.prepared_directory(name, _root(data_dir))
    scale = stored.bounds.high / 255
    train, test = (
        Split(*_arrays(directory, split, size), scale=scale)
        for split, size in (("train", train_size), ("test", test_size))
    )
    return Dataset(name, train, test, stored.num_classes, stored.bounds)


def locate(name: str, data_dir: str | os.PathLike[str] | None = None) -> pathlib.Path | None:
    """The path of a known data set's files; None for embedded ones.

    Raises:
      InputError: they do not exist; the message has the searched folder and the command that
        fetches them.
    """
    if name in _EMBEDDED:
        return None
    if name in derived.DERIVED:
        return locate(derived.DERIVED[name].source, data_dir)
    if name == "tiny_imagenet":
        return tiny_imagenet.locate(_root(data_dir))
    return prepared.prepared_directory(name, _root(data_dir))


def _root(data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    path = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return pathlib.Path(path).expanduser()


def _arrays(directory: pathlib.Path, split: str, size: int | None) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds

    builder = array_records.open_builder(directory)
    try:
        if size is not None:  # TFDS refuses a slice beyond the end
            split = f"{split}[:{min(size, builder.info.splits[split].num_examples)}]"
        dataset = builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
        arrays: Any = tfds.as_numpy(dataset)
    except Exception as error:  # TFDS raises many types for damaged or incomplete data
        raise array_records.unreadable(directory, error) from error
    return arrays["image"], arrays["label"].astype(np.int64)

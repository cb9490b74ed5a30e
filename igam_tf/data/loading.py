"""`load`: every data set by its name. Stored data is read without touching the network."""

import logging
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.core.settings.datasets import DATASETS, FORMATS
from igam_tf.data import derived, shapes, tiny_imagenet
from igam_tf.data.splits import Dataset, Split

_EMBEDDED: dict[str, Callable[[int, int, int], Dataset]] = {
    "shapes28": shapes.shapes28,
    "shapes32": shapes.shapes32,
    "shapes64": shapes.shapes64,
    "shapes100": shapes.shapes100,
}


def load(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    train_size: int | None = None,
    test_size: int | None = None,
    seed: int = 0,
) -> Dataset:
    """A data set by name.

    Args:
      name: `shapes28`, `shapes32`, `shapes64`, `shapes100` (embedded: drawn from `seed`), `mnist`
        (pixels in [0, 1]), `cifar10` or `cifar100` (in [0, 255], fine labels), these three as TFDS
        has prepared them, `tiny_imagenet` (in [0, 255]), the original folder or zip, or one of
        `igam_tf.data.derived`.
      data_dir: where TFDS's prepared data, or Tiny-ImageNet's, is; by default `TFDS_DATA_DIR`, else
        TFDS's own default.
      train_size, test_size: examples wanted of each split, the first ones in stored order; None for
        all (embedded, which has no end: 4000 and 1000).

    Raises:
      InputError: unknown name, a size that is not positive, or data that is not there; the message
        has the command that fetches it.
    """
    if name not in DATASETS:
        raise InputError(f"dataset: expected one of {', '.join(DATASETS)}, got {name!r}")
    for flag, size in (("train_size", train_size), ("test_size", test_size)):
        if size is not None and size < 1:
            raise InputError(f"{flag}: expected at least 1, got {size}")
    if name in _EMBEDDED:
        return _EMBEDDED[name](train_size or 4000, test_size or 1000, seed)
    if name == "tiny_imagenet":
        return tiny_imagenet.tiny_imagenet(_root(data_dir), train_size, test_size)
    if name in derived.DERIVED:
        return derived.derive(
            name, load(derived.DERIVED[name].source, data_dir), train_size, test_size
        )
    stored = FORMATS[name]
    directory = prepared_directory(name, data_dir)
    scale = stored.bounds.high / 255
    train, test = (
        Split(*_arrays(directory, split, size), scale=scale)
        for split, size in (("train", train_size), ("test", test_size))
    )
    return Dataset(name, train, test, stored.num_classes, stored.bounds)


def locate(name: str, data_dir: str | os.PathLike[str] | None = None) -> pathlib.Path | None:
    """Where a data set's files are that `load` would read; None for embedded ones. Looks at the
    disk only.

    Raises:
      InputError: they are not there; the message says where they were looked for and how to fetch
        them.
    """
    if name in _EMBEDDED:
        return None
    if name in derived.DERIVED:
        return locate(derived.DERIVED[name].source, data_dir)
    return (
        tiny_imagenet.locate(_root(data_dir))
        if name == "tiny_imagenet"
        else prepared_directory(name, data_dir)
    )


def prepared_directory(name: str, data_dir: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """The newest prepared version of a TFDS data set; looks at the disk only.

    Raises:
      InputError: there is none; the message says where it was looked for and how to prepare it.
    """
    root = _root(data_dir)
    versions = [path.parent for path in root.glob(f"{name}/*/dataset_info.json")]
    if not versions:
        raise InputError(
            f"dataset {name}: not found under {root} (set --data_dir or TFDS_DATA_DIR). With a network, "
            f"`tfds build {name} --data_dir={root}` downloads and prepares it"
        )
    return max(
        versions,
        key=lambda path: [int(part) if part.isdigit() else -1 for part in path.name.split(".")],
    )


def _root(data_dir: str | os.PathLike[str] | None) -> pathlib.Path:
    return pathlib.Path(
        data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    ).expanduser()


def _arrays(directory: pathlib.Path, split: str, size: int | None) -> tuple[np.ndarray, np.ndarray]:
    logging.getLogger("absl").setLevel(logging.WARNING)  # TFDS reports every step of its reading
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(str(directory))
        if size is not None:  # TFDS refuses to be asked for more than there is
            split = f"{split}[:{min(size, builder.info.splits[split].num_examples)}]"
        read: Any = tfds.as_numpy(
            builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
        )
    except Exception as error:  # TFDS raises many types for data that is damaged or incomplete
        raise InputError(
            f"dataset: {directory} cannot be read ({type(error).__name__}: {error})"
        ) from error
    return read["image"], read["label"].astype(np.int64)

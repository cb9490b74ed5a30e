"""Data sets that TFDS has prepared, read from the disk and never from the network.

`tfds:NAME[/CONFIG][:VERSION]` is any such set whose examples have one image and one class label.
"""

import pathlib
import re
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data import array_records
from igam_tf.data.splits import Dataset, Split
from igam_tf.data.stored import Decoding, Reading, StoredImages, require_channels, require_shape

_SOURCE = re.compile(r"(?P<name>[\w.]+)(/(?P<config>[\w.\-]+))?(:(?P<version>\d+\.\d+\.\d+))?")


def load_prepared(source: str, root: pathlib.Path, reading: Reading) -> Dataset:
    """A prepared data set: uint8 images in [0, 255].

    Args:
      source: `NAME[/CONFIG][:VERSION]`; by default the newest version.
      root: TFDS's data directory.
      reading: names of the two splits, or slices such as `train[:80%]`. The defaults are `train`
        and `test`, or `validation` in a set without `test`.

    Raises:
      InputError: the set is not prepared, lacks a split, is no image classification set, or has
        images that differ in size or channels. The message says what to do.
    """
    name = f"dataset tfds:{source}"
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise InputError(f"{name}: expected tfds:NAME, tfds:NAME/CONFIG or tfds:NAME:VERSION")
    path = "/".join(filter(None, (match["name"], match["config"])))
    builder = array_records.open_builder(prepared_directory(path, root, match["version"]))
    image_key, label_key = _features(name, builder.info)
    class_names = tuple(builder.info.features[label_key].names)
    train, test = (
        _read(
            name,
            builder,
            _split_name(name, builder.info, split, defaults),
            size,
            (image_key, label_key),
            reading,
        )
        for split, defaults, size in (
            (reading.train_split, ("train",), reading.train_size),
            (reading.test_split, ("test", "validation"), reading.test_size),
        )
    )
    require_shape(test.image_shape, train.image_shape, f"{name}: test", "train")
    if min(train.labels.min(), test.labels.min()) < 0:
        raise InputError(
            f"{name}: a split has no labels; choose another with --train_split or --test_split"
        )
    return Dataset(f"tfds:{source}", train, test, len(class_names), PIXELS, class_names)


def prepared_directory(name: str, root: pathlib.Path, version: str | None = None) -> pathlib.Path:
    """The directory of a version of a data set, by default of the newest one on the disk.

    Raises:
      InputError: no such version; the message has the searched folder and the command that
        prepares the set.
    """
    directories = [path.parent for path in root.glob(f"{name}/*/dataset_info.json")]
    if version is not None:
        directories = [path for path in directories if path.name == version]
    if not directories:
        request = name if version is None else f"{name}:{version}"
        raise InputError(
            f"dataset {request}: not found under {root} (set --data_dir or TFDS_DATA_DIR). With a "
            f"network, `tfds build {request} --data_dir={root}` downloads and prepares it"
        )
    return max(
        directories,
        key=lambda path: [int(part) if part.isdigit() else -1 for part in path.name.split(".")],
    )


def _features(name: str, info: Any) -> tuple[str, str]:
    """The keys of the image and of its label."""
    import tensorflow_datasets as tfds

    kinds = {"image": tfds.features.Image, "label": tfds.features.ClassLabel}
    keys = {
        what: [key for key, feature in dict(info.features).items() if isinstance(feature, kind)]
        for what, kind in kinds.items()
    }
    supervised = info.supervised_keys or ()
    for what, names in keys.items():
        if len(names) > 1:
            names[:] = [key for key in names if key in supervised]
        if len(names) != 1:
            raise InputError(
                f"{name}: no image classification set: expected one {what} in an example, got the "
                f"features {', '.join(info.features)}"
            )
    if info.features[keys["image"][0]].np_dtype != np.uint8:
        raise InputError(
            f"{name}: its images are {info.features[keys['image'][0]].np_dtype}, expected uint8"
        )
    return keys["image"][0], keys["label"][0]


def _split_name(name: str, info: Any, split: str | None, defaults: tuple[str, ...]) -> str:
    if split is None:
        split = next((default for default in defaults if default in info.splits), defaults[0])
    try:
        info.splits[split]  # also finds slices such as train[:80%]
    except (KeyError, ValueError) as error:
        flag = "train_split" if defaults == ("train",) else "test_split"
        raise InputError(
            f"{name}: no split {split!r}; choose one of {', '.join(info.splits)} with --{flag}"
        ) from error
    return split


def _read(
    name: str,
    builder: Any,
    split: str,
    size: int | None,
    keys: tuple[str, str],
    reading: Reading,
) -> Split:
    import tensorflow_datasets as tfds

    image_key, label_key = keys
    decoding = reading.decoding
    count = builder.info.splits[split].num_examples
    count = count if size is None else min(size, count)
    decoders = {image_key: tfds.decode.SkipDecoding()}
    examples = _examples(builder, split, decoders)
    shape: tuple[int, ...] | None = None
    images = np.empty(0, np.uint8)
    labels = np.empty(count, np.int64)
    try:
        for index, example in enumerate(examples.take(count)):
            image = decoding(example[image_key]).numpy()
            labels[index] = int(example[label_key])
            if shape is None:
                shape = image.shape
                require_channels(shape, f"{name}: image 0 of {split}")
                if count * image.size > reading.memory_limit:
                    return _stored(name, builder, split, count, keys, decoding, shape)
                images = np.empty((count, *shape), np.uint8)
            require_shape(image.shape, shape, f"{name}: image {index} of {split}", "image 0")
            images[index] = image
    except (tf.errors.OpError, OSError) as error:
        raise array_records.unreadable(builder.data_dir, error) from error
    return Split(images, labels, indexed=True)


def _examples(builder: Any, split: str, decoders: Any) -> tf.data.Dataset:
    try:
        return builder.as_dataset(split=split, decoders=decoders, shuffle_files=False)
    except Exception as error:  # TFDS raises many types for data that is damaged or incomplete
        raise array_records.unreadable(builder.data_dir, error) from error


def _stored(
    name: str,
    builder: Any,
    split: str,
    count: int,
    keys: tuple[str, str],
    decoding: Decoding,
    shape: tuple[int, ...],
) -> Split:
    """A split that stays on disk; each image is read when it is used."""
    import tensorflow_datasets as tfds

    builder = array_records.by_place(builder)
    image_key, label_key = keys
    source = builder.as_data_source(split=split, decoders={image_key: tfds.decode.SkipDecoding()})
    labels = np.empty(count, np.int64)
    for index in range(count):
        example = source[index]
        image = decoding(tf.constant(example[image_key]))
        require_shape(tuple(image.shape), shape, f"{name}: image {index} of {split}", "image 0")
        labels[index] = example[label_key]

    def read(place: tf.Tensor) -> tf.Tensor:
        encoded = tf.numpy_function(
            lambda at: source[int(at)][image_key], [place], tf.string, stateful=False
        )
        return tf.ensure_shape(decoding(tf.ensure_shape(encoded, ())), shape)

    height, width, channels = shape
    images = StoredImages(
        read,
        np.arange(count),
        (height, width, channels),
        f"{builder.info.full_name} {split} {decoding}",
    )
    return Split(images, labels, indexed=True)

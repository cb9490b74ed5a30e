"""`npz:PATH`: arrays x_train, y_train, x_test, y_test in one file, as `keras.datasets` has them."""

import hashlib
import pathlib
import zipfile
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.core.errors import InputError
from igam_tf.data.splits import Dataset, Split
from igam_tf.data.stored import AS_STORED, Decoding, Reading, StoredImages

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_npz(file: pathlib.Path, reading: Reading) -> Dataset:
    """The data set of a file that `numpy.savez` wrote.

    Images are [N, H, W, C] or [N, H, W] and uint8, or floats in [0, 1] or [0, 255]; labels are
    integers [N] or [N, 1]. An array `class_names` is optional. Uncompressed images above
    the memory limit stay on disk.

    Raises:
      InputError: no such file, a missing array, another type or shape, pixels out of range, or
        labels that are not 0 .. K-1.
    """
    name = f"dataset npz:{file}"
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            missing = [key for key in KEYS if key not in archive.files]
            if missing:
                raise InputError(f"{name}: no {missing[0]}, expected {', '.join(KEYS)}")
            labels = {part: archive[f"y_{part}"] for part in ("train", "test")}
            class_names = archive["class_names"] if "class_names" in archive.files else ()
            images = {
                part: _images(file, archive, f"x_{part}", reading.memory_limit)
                for part in ("train", "test")
            }
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{name}: cannot be read ({error}), expected arrays that numpy.savez wrote"
        ) from error
    return from_arrays(
        name,
        (images["train"], labels["train"]),
        (images["test"], labels["test"]),
        reading,
        tuple(map(str, class_names)),
    )


def from_arrays(
    name: str,
    train: tuple[Any, Any],
    test: tuple[Any, Any],
    reading: Reading,
    class_names: tuple[str, ...] = (),
) -> Dataset:
    """A data set of arrays; `name` begins every error message."""
    parts = []
    for (images, labels), part in ((train, "train"), (test, "test")):
        images = images[..., None] if images.ndim == 3 else images
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        _require_arrays(name, part, images, labels)
        parts.append((images, labels.astype(np.int64)))
    bounds = _bounds(name, parts[0][0])
    if _bounds(name, parts[1][0]) != bounds or parts[0][0].dtype != parts[1][0].dtype:
        raise InputError(f"{name}: train and test images differ in type or pixel range")
    num_classes = max(len(class_names), *(1 + int(labels.max()) for _, labels in parts))
    require_labels(name, [labels for _, labels in parts], num_classes)
    train_split, test_split = (
        Split(_prepared(name, images[:size], reading.decoding, bounds), labels[:size], indexed=True)
        for (images, labels), size in zip(
            parts, (reading.train_size, reading.test_size), strict=True
        )
    )
    if train_split.image_shape != test_split.image_shape:
        raise InputError(
            f"{name}: train images are {train_split.image_shape}, test images "
            f"{test_split.image_shape}; --image_size and --color make them alike"
        )
    names = class_names if len(class_names) == num_classes else ()
    return Dataset(
        name.removeprefix("dataset "), train_split, test_split, num_classes, bounds, names
    )


def require_labels(name: str, labels: list[np.ndarray], num_classes: int) -> None:
    """Raises InputError unless the training labels are all of 0 .. K-1, and the others of them."""
    present = np.unique(labels[0])
    if num_classes < 2 or len(present) < 2:
        raise InputError(f"{name}: expected at least two classes, got {max(len(present), 1)}")
    absent = sorted(set(range(num_classes)) - set(present.tolist()))
    if absent or present[0] < 0 or min(int(each.min()) for each in labels) < 0:
        odd = f"no training image has label {absent[0]}" if absent else f"label {present[0]}"
        raise InputError(f"{name}: expected labels 0 .. {num_classes - 1}, but {odd}")


def _require_arrays(name: str, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not len(images):
        raise InputError(
            f"{name}: x_{part} has the shape {images.shape}, expected [N, H, W], [N, H, W, 1] or "
            "[N, H, W, 3]"
        )
    if images.dtype.kind != "f" and images.dtype != np.uint8:
        raise InputError(f"{name}: x_{part} is {images.dtype}, expected uint8 or floats")
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise InputError(
            f"{name}: y_{part} is {labels.dtype} {list(labels.shape)}, expected integers "
            f"[{len(images)}], a label for each image"
        )


def _bounds(name: str, images: np.ndarray) -> Bounds:
    """uint8 is [0, 255]; floats are [0, 1] where none is above 1."""
    if images.dtype == np.uint8:
        return PIXELS
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 255):
        raise InputError(f"{name}: pixels from {low:g} to {high:g}, expected [0, 1] or [0, 255]")
    return UNIT if high <= 1 else PIXELS


def _prepared(
    name: str, images: np.ndarray, decoding: Decoding, bounds: Bounds
) -> np.ndarray | StoredImages:
    """Images in the decoding's size and channels; memory-mapped ones become stored ones."""
    if decoding != AS_STORED and images.dtype != np.uint8:
        raise InputError(f"{name}: image_size and color take uint8 images, these are floats")
    if isinstance(images, np.memmap):
        return _stored(images, decoding)
    if decoding == AS_STORED:
        return np.asarray(images, np.uint8 if images.dtype == np.uint8 else np.float32)
    return np.stack([decoding.adjust(tf.constant(image)).numpy() for image in images])


def _stored(images: np.memmap, decoding: Decoding) -> StoredImages:
    shape = tuple(decoding.adjust(tf.constant(images[0])).shape)

    def read(place: tf.Tensor) -> tf.Tensor:
        image = tf.numpy_function(lambda at: images[at], [place], images.dtype, stateful=False)
        return tf.ensure_shape(decoding.adjust(tf.ensure_shape(image, images.shape[1:])), shape)

    digest = hashlib.blake2b(np.ascontiguousarray(images).data, digest_size=8).hexdigest()
    return StoredImages(read, np.arange(len(images)), shape, f"{digest} {decoding}", images.dtype)


def _images(file: pathlib.Path, archive: Any, key: str, memory_limit: int) -> np.ndarray:
    """An array of the archive; above the limit, its bytes in the file as a memory map."""
    member = archive.zip.getinfo(f"{key}.npy")
    if member.file_size <= memory_limit:
        return np.asarray(archive[key])
    if member.compress_type != zipfile.ZIP_STORED:
        raise InputError(
            f"dataset npz:{file}: {key} has {member.file_size:,} bytes, more than the memory limit "
            f"of {memory_limit:,}, and is compressed; numpy.savez writes a file that can be read "
            "in parts"
        )
    with archive.zip.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream)
        header = stream.tell()
    with file.open("rb") as raw:
        raw.seek(member.header_offset + 26)  # a zip entry's name and extra field follow its header
        lengths = np.frombuffer(raw.read(4), "<u2")
    offset = member.header_offset + 30 + int(lengths.sum()) + header
    return np.memmap(file, dtype, "r", offset, shape, "F" if fortran else "C")

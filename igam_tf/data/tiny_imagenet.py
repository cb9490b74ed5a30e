"""The original Tiny-ImageNet: 200 classes of 64x64 JPEG images, read from its folder or zip.

    wnids.txt                     WordNet ids of the classes; a label is an id's sorted rank
    train/<wnid>/images/*.JPEG    the training split
    val/images/*.JPEG             the test split, since the original test images have no labels
    val/val_annotations.txt       name, wnid and box of each image of val, separated by tabs

Decoded images are cached in `tiny-imagenet-200.cache` beside the data if that is writable.
"""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from igam_tf.core import files
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data.ordering import in_rounds
from igam_tf.data.splits import Dataset, Split

NAME = "tiny-imagenet-200"
URL = f"http://cs231n.stanford.edu/{NAME}.zip"
SHAPE = (64, 64, 3)
_READ_ERRORS = (OSError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True)
class _Tree:
    """A folder or zip of the data; `stamps` has a fingerprint of each file by its path inside."""

    place: str
    root: pathlib.Path
    stamps: dict[str, str]
    read: Callable[[str], bytes]

    def error(self, file: str, problem: str) -> InputError:
        place = f"{self.place}/{file}"
        return InputError(f"dataset tiny_imagenet: {place}: {problem}. {_how(self.root)}")

    def lines(self, file: str, expected: str) -> list[str]:
        if file not in self.stamps:
            raise self.error(file, f"missing, expected {expected}")
        try:
            return self.read(file).decode().splitlines()
        except _READ_ERRORS as error:
            problem = f"cannot be read ({type(error).__name__}), expected {expected}"
            raise self.error(file, problem) from error


def tiny_imagenet(
    root: pathlib.Path, train_size: int | None = None, test_size: int | None = None
) -> Dataset:
    """Images [N, 64, 64, 3] uint8 in [0, 255]; `num_classes` is the number of ids in `wnids.txt`.

    The stored order goes in rounds over the classes: the k-th image of every class comes before the
    (k+1)-th of any class, so the first N are as balanced as possible. Each round has a fixed
    shuffled order, because neighbouring WordNet ids are similar classes.

    Args:
      root: folder with `tiny-imagenet-200/` or `tiny-imagenet-200.zip`; the zip may also be inside
        a folder of that name.
      train_size, test_size: images of each split, the first ones in stored order; all by default.

    Raises:
      InputError: no such data, or a file is missing or damaged; the message names it.
    """
    with _opened(root) as tree:
        wnids = sorted(set(" ".join(tree.lines("wnids.txt", "the classes' WordNet ids")).split()))
        if not wnids:
            raise tree.error("wnids.txt", "empty, expected the classes' WordNet ids")
        labels = {wnid: label for label, wnid in enumerate(wnids)}
        train = _split(tree, "train", _training_files(tree, labels), train_size)
        test = _split(tree, "val", _validation_files(tree, labels), test_size)
    return Dataset("tiny_imagenet", train, test, len(wnids), PIXELS)


def locate(root: pathlib.Path) -> pathlib.Path:
    """The folder or the zip file that `tiny_imagenet` reads under `root`.

    Raises:
      InputError: there is none; the message has the searched paths and the command to fetch it.
    """
    folder = root / NAME
    archives = [file for file in (root / f"{NAME}.zip", folder / f"{NAME}.zip") if file.is_file()]
    if (folder / "train").is_dir() or (folder.is_dir() and not archives):
        return folder
    if not archives:
        raise InputError(
            f"dataset tiny_imagenet: not found under {root}: expected {NAME}/, {NAME}.zip or "
            f"{NAME}/{NAME}.zip there (set --data_dir or TFDS_DATA_DIR). {_how(root)}"
        )
    return archives[0]


def _how(root: pathlib.Path) -> str:
    return f"With a network, `curl -O {URL}` in {root} fetches the original"


@contextlib.contextmanager
def _opened(root: pathlib.Path) -> Iterator[_Tree]:
    place = locate(root)
    if place.is_dir():
        yield _Tree(str(place), root, _scan(place), lambda file: (place / file).read_bytes())
        return
    try:
        archive = zipfile.ZipFile(place)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"dataset tiny_imagenet: {place}: not a whole zip file ({error}), "
            f"expected the original. {_how(root)}"
        ) from error
    with archive:
        stamps = {
            info.filename.removeprefix(f"{NAME}/"): f"{info.CRC:08x}" for info in archive.infolist()
        }
        yield _Tree(f"{place}/{NAME}", root, stamps, lambda file: archive.read(f"{NAME}/{file}"))


def _scan(folder: pathlib.Path) -> dict[str, str]:
    """Size and time of every file by its path inside the folder."""
    stamps: dict[str, str] = {}
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    inside = entry.path[len(str(folder)) + 1 :].replace(os.sep, "/")
                    stamps[inside] = f"{entry.stat().st_size} {entry.stat().st_mtime_ns}"
    return stamps


def _training_files(tree: _Tree, labels: dict[str, int]) -> dict[str, int]:
    """Labels by file."""
    label_of = {}
    for file in tree.stamps:
        part, _, rest = file.partition("/")
        wnid, _, name = rest.partition("/images/")
        if part == "train" and wnid in labels and _is_image(name):
            label_of[file] = labels[wnid]
    for wnid in set(labels) - {file.split("/")[1] for file in label_of}:
        problem = "missing or empty, expected *.JPEG images of this class of wnids.txt"
        raise tree.error(f"train/{wnid}/images", problem)
    return label_of


def _validation_files(tree: _Tree, labels: dict[str, int]) -> dict[str, int]:
    """Labels by file."""
    annotations, label_of = "val/val_annotations.txt", {}
    content = "name, tab, wnid of each image of val/images"
    for number, line in enumerate(tree.lines(annotations, content), 1):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0].strip()
        if wnid not in labels:
            problem = f"line {number}: expected name, tab, wnid of wnids.txt, got {line[:60]!r}"
            raise tree.error(annotations, problem)
        label_of[f"val/images/{name}"] = labels[wnid]
    for file in label_of:
        if file not in tree.stamps:
            raise tree.error(file, f"missing, expected the image that {annotations} names")
    for file in tree.stamps:
        is_image = file.startswith("val/images/") and _is_image(file.rpartition("/")[2])
        if is_image and file not in label_of:
            raise tree.error(file, f"without annotation, expected its wnid in {annotations}")
    if not label_of:
        raise tree.error(annotations, f"empty, expected {content}")
    return label_of


def _is_image(name: str) -> bool:
    return name.lower().endswith((".jpeg", ".jpg")) and not name.startswith(".")


def _split(tree: _Tree, part: str, files: dict[str, int], size: int | None) -> Split:
    ordered = in_rounds(files)
    labels = np.array([files[file] for file in ordered[:size]], np.int64)
    content = "\n".join(f"{file} {tree.stamps[file]}" for file in ordered)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    cache = tree.root / f"{NAME}.cache" / f"{part}-{digest}.npy"
    images = _read_cache(cache, len(labels))
    if images is None:
        images = _decode(tree, ordered[:size])
        _write_cache(cache, part, images)
    return Split(images, labels)


def _decode(tree: _Tree, files: list[str]) -> np.ndarray:
    def decode(file: str) -> np.ndarray:
        try:
            jpeg = tree.read(file)
            image = tf.io.decode_jpeg(jpeg, channels=3, dct_method="INTEGER_ACCURATE").numpy()
        except (*_READ_ERRORS, tf.errors.InvalidArgumentError) as error:
            kind = type(error).__name__
            problem = f"truncated or not a JPEG image ({kind}), expected one of 64x64 pixels"
            raise tree.error(file, problem) from error
        if image.shape != SHAPE:
            raise tree.error(file, f"{image.shape[0]}x{image.shape[1]} pixels, expected 64x64")
        return image

    images = np.empty((len(files), *SHAPE), np.uint8)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for index, image in enumerate(threads.map(decode, files)):
            images[index] = image
    return images


def _read_cache(file: pathlib.Path, count: int) -> np.ndarray | None:
    """The first `count` images, memory-mapped; None without a complete cache."""
    try:
        images = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    complete = len(images) >= count and images.shape[1:] == SHAPE
    return np.asarray(images[:count]) if complete else None


def _write_cache(file: pathlib.Path, part: str, images: np.ndarray) -> None:
    """Writes a split's cache and deletes older ones; does nothing where that is impossible."""
    with contextlib.suppress(OSError):
        # Root could write to a read-only folder, but must not.
        if not file.parent.parent.stat().st_mode & 0o222:
            return
        files.write(file, lambda stream: np.save(stream, images))
        for other in file.parent.glob(f"*{part}-*.npy"):
            if other != file:
                other.unlink()

"""The original Tiny-ImageNet, `tiny-imagenet-200`: 200 classes of 64x64 JPEG images, from its
folder or its zip.

    wnids.txt                     the classes' WordNet ids; a label is an id's rank in sorted order
    train/<wnid>/images/*.JPEG    the training split
    val/images/*.JPEG             the test split: the data set's own test images have no labels
    val/val_annotations.txt       of each image of val its name, wnid and a box, separated by tabs

Decoded images are kept in `tiny-imagenet-200.cache` beside the data, where that can be written.
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


@dataclasses.dataclass(frozen=True)
class _Tree:
    """A copy of the data: its files by their path inside, each with a stamp that changes when its
    content does.
    """

    place: str
    root: pathlib.Path
    stamps: dict[str, str]
    read: Callable[[str], bytes]

    def mistake(self, file: str, problem: str) -> InputError:
        return InputError(
            f"dataset tiny_imagenet: {self.place}/{file}: {problem}. {_how(self.root)}"
        )

    def lines(self, file: str, expected: str) -> list[str]:
        if file not in self.stamps:
            raise self.mistake(file, f"missing, expected {expected}")
        try:
            return self.read(file).decode().splitlines()
        except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise self.mistake(
                file, f"cannot be read ({type(error).__name__}), expected {expected}"
            ) from error


def tiny_imagenet(
    root: pathlib.Path, train_size: int | None = None, test_size: int | None = None
) -> Dataset:
    """Images [N, 64, 64, 3] uint8 in [0, 255]; `num_classes` is the number of ids in `wnids.txt`.

    The stored order goes round the classes: the k-th image of every class before the (k+1)-th of
    any, so that the first N are as balanced as N allows. An image's number is that in its file
    name. Within a round the classes are shuffled (always alike): WordNet's neighbours resemble each
    other, and consecutive batches should not be made of them.

    Args:
      root: where `tiny-imagenet-200/` or `tiny-imagenet-200.zip` is; the zip may also lie inside a
        folder of that name.
      train_size, test_size: images of each split, the first ones in stored order; all by default.

    Raises:
      InputError: there is none, or a file is missing, damaged or not as it should be; the message
        names it.
    """
    with _opened(root) as tree:
        wnids = sorted(set(" ".join(tree.lines("wnids.txt", "the classes' WordNet ids")).split()))
        if not wnids:
            raise tree.mistake("wnids.txt", "empty, expected the classes' WordNet ids")
        labels = {wnid: label for label, wnid in enumerate(wnids)}
        train = _split(tree, "train", _training_files(tree, labels), train_size)
        test = _split(tree, "val", _validation_files(tree, labels), test_size)
    return Dataset("tiny_imagenet", train, test, len(wnids), PIXELS)


def locate(root: pathlib.Path) -> pathlib.Path:
    """The folder or the zip file that `tiny_imagenet` reads under `root`.

    Raises:
      InputError: there is none; the message says what was looked for and how to fetch it.
    """
    folder = root / NAME
    archives = [
        place for place in (root / f"{NAME}.zip", folder / f"{NAME}.zip") if place.is_file()
    ]
    if (folder / "train").is_dir() or (folder.is_dir() and not archives):
        return folder
    if not archives:
        raise InputError(
            f"dataset tiny_imagenet: not found under {root}: expected {NAME}/, {NAME}.zip or {NAME}/{NAME}.zip there (set "
            f"--data_dir or TFDS_DATA_DIR). {_how(root)}"
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
            f"dataset tiny_imagenet: {place}: not a whole zip file ({error}), expected the original. {_how(root)}"
        ) from error
    with archive:
        stamps = {
            info.filename.removeprefix(f"{NAME}/"): f"{info.CRC:08x}" for info in archive.infolist()
        }
        yield _Tree(f"{place}/{NAME}", root, stamps, lambda file: archive.read(f"{NAME}/{file}"))


def _scan(folder: pathlib.Path) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    waiting.append(entry.path)
                else:
                    inside = entry.path[len(str(folder)) + 1 :].replace(os.sep, "/")
                    found[inside] = f"{entry.stat().st_size} {entry.stat().st_mtime_ns}"
    return found


def _training_files(tree: _Tree, labels: dict[str, int]) -> dict[str, int]:
    """Label by file."""
    found = {}
    for file in tree.stamps:
        part, _, rest = file.partition("/")
        wnid, _, name = rest.partition("/images/")
        if part == "train" and wnid in labels and _is_image(name):
            found[file] = labels[wnid]
    for wnid in set(labels) - {file.split("/")[1] for file in found}:
        raise tree.mistake(
            f"train/{wnid}/images",
            "missing or empty, expected *.JPEG images of this class of wnids.txt",
        )
    return found


def _validation_files(tree: _Tree, labels: dict[str, int]) -> dict[str, int]:
    annotations, found = "val/val_annotations.txt", {}
    for number, line in enumerate(
        tree.lines(annotations, "name, tab, wnid of each image of val/images"), 1
    ):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0].strip()
        if wnid not in labels:
            raise tree.mistake(
                annotations,
                f"line {number}: expected name, tab, wnid of wnids.txt, got {line[:60]!r}",
            )
        found[f"val/images/{name}"] = labels[wnid]
    for file in found:
        if file not in tree.stamps:
            raise tree.mistake(
                file, "missing, expected the image that val/val_annotations.txt names"
            )
    for file in tree.stamps:
        if (
            file.startswith("val/images/")
            and _is_image(file.rpartition("/")[2])
            and file not in found
        ):
            raise tree.mistake(
                file, "without annotation, expected its wnid in val/val_annotations.txt"
            )
    if not found:
        raise tree.mistake(
            annotations, "empty, expected name, tab, wnid of each image of val/images"
        )
    return found


def _is_image(name: str) -> bool:
    return name.lower().endswith((".jpeg", ".jpg")) and not name.startswith(".")


def _split(tree: _Tree, part: str, files: dict[str, int], size: int | None) -> Split:
    ordered = in_rounds(files)
    labels = np.array([files[file] for file in ordered[:size]], np.int64)
    content = "\n".join(f"{file} {tree.stamps[file]}" for file in ordered)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    cache = tree.root / f"{NAME}.cache" / f"{part}-{digest}.npy"
    images = _cached(cache, len(labels))
    if images is None:
        images = _decoded(tree, ordered[:size])
        _keep(cache, part, images)
    return Split(images, labels)


def _decoded(tree: _Tree, files: list[str]) -> np.ndarray:
    def decode(file: str) -> np.ndarray:
        try:
            image = tf.io.decode_jpeg(
                tree.read(file), channels=3, dct_method="INTEGER_ACCURATE"
            ).numpy()
        except (
            OSError,
            ValueError,
            zipfile.BadZipFile,
            zlib.error,
            tf.errors.InvalidArgumentError,
        ) as error:
            problem = f"truncated or not a JPEG image ({type(error).__name__}), expected one of 64x64 pixels"
            raise tree.mistake(file, problem) from error
        if image.shape != SHAPE:
            raise tree.mistake(file, f"{image.shape[0]}x{image.shape[1]} pixels, expected 64x64")
        return image

    images = np.empty((len(files), *SHAPE), np.uint8)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        for index, image in enumerate(threads.map(decode, files)):
            images[index] = image
    return images


def _cached(file: pathlib.Path, count: int) -> np.ndarray | None:
    """The first `count` images, read from the disk as they are used."""
    try:
        images = np.load(file, mmap_mode="r")
    except (OSError, ValueError, EOFError):  # none, or not whole
        return None
    return (
        np.asarray(images[:count]) if len(images) >= count and images.shape[1:] == SHAPE else None
    )


def _keep(file: pathlib.Path, part: str, images: np.ndarray) -> None:
    """Writes a split's cache, whole or not at all, in place of older ones; quietly not where that
    cannot be.
    """
    with contextlib.suppress(OSError):
        if (
            not file.parent.parent.stat().st_mode & 0o222
        ):  # nobody's to write to; root could all the same
            return
        files.write(file, lambda stream: np.save(stream, images))
        for other in file.parent.glob(f"*{part}-*.npy"):
            if other != file:
                other.unlink()

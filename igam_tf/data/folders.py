"""`folder:PATH`: images in folders by class, as most people keep their own.

    PATH/train/CLASS/*.png          PNG, JPEG, BMP or GIF; folders inside a class count too
    PATH/test/CLASS/*.png           or val/; where both are, val/ is the validation split

A label is the rank of its class folder's name. The stored order goes round the classes, so that the
first N images are as balanced as N allows.
"""

import concurrent.futures
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from igam_tf.core import files
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.data.ordering import in_rounds
from igam_tf.data.splits import Dataset, Split
from igam_tf.data.stored import Decoding, Reading, StoredImages, require_channels, require_shape

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


def load_folder(root: pathlib.Path, reading: Reading) -> Dataset:
    """The data set of a folder with `train` and `test` or `val` in it: uint8 images in [0, 255].

    Raises:
      InputError: no such layout, fewer than two classes, other classes in another split, an empty
        class, a file that is no image (its name), or images that differ in size or channels.
    """
    parts = _parts(root)
    sizes = {"train": reading.train_size, "test": reading.test_size}
    class_names = _classes(root / "train")
    splits = {}
    for part, folder in parts.items():
        names = _classes(folder)
        if names != class_names:
            odd = sorted(set(names) ^ set(class_names))[0]
            place = folder if odd in class_names else root / "train"
            raise InputError(
                f"dataset folder:{root}: {place} has no folder {odd}, expected the same classes in "
                f"every split"
            )
        splits[part] = _files(folder, class_names)[: sizes.get(part)]
    shape = _shape_of(splits["train"][0][0], reading.decoding)
    loaded = {
        part: _split(root, labeled, reading, shape, splits["train"][0][0])
        for part, labeled in splits.items()
    }
    return Dataset(
        f"folder:{root}",
        loaded["train"],
        loaded["test"],
        len(class_names),
        PIXELS,
        class_names=class_names,
        validation=loaded.get("validation"),
    )


def _parts(root: pathlib.Path) -> dict[str, pathlib.Path]:
    test = next((root / name for name in ("test", "val") if (root / name).is_dir()), None)
    if not (root / "train").is_dir() or test is None:
        raise InputError(
            f"dataset folder:{root}: expected {root}/train/CLASS/ and {root}/test/CLASS/ (or val/) "
            "with images in them"
        )
    parts = {"train": root / "train", "test": test}
    if test.name == "test" and (root / "val").is_dir():
        parts["validation"] = root / "val"
    return parts


def _classes(folder: pathlib.Path) -> tuple[str, ...]:
    names = tuple(
        sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and _visible(entry.name))
    )
    if len(names) < 2:
        raise InputError(
            f"dataset: {folder}: expected a folder for each of at least two classes, got "
            f"{len(names)}"
        )
    return names


def _files(folder: pathlib.Path, class_names: tuple[str, ...]) -> list[tuple[pathlib.Path, int]]:
    """Every image of a split with its label, in stored order."""
    labels: dict[str, int] = {}
    for label, name in enumerate(class_names):
        images = sorted(_images(folder / name))
        if not images:
            raise InputError(f"dataset: {folder / name}: no images, expected {_KINDS}")
        labels.update({image.relative_to(folder).as_posix(): label for image in images})
    return [(folder / file, labels[file]) for file in in_rounds(labels)]


_KINDS = f"files that end in {', '.join(SUFFIXES)}"


def _images(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    for path in folder.rglob("*"):
        if path.is_dir() or not all(map(_visible, path.relative_to(folder).parts)):
            continue
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"dataset: {path}: not an image, expected {_KINDS}")
        yield path


def _visible(name: str) -> bool:
    return not name.startswith(".") and name not in ("Thumbs.db", "desktop.ini", "__MACOSX")


def _shape_of(file: pathlib.Path, decoding: Decoding) -> tuple[int, int, int]:
    height, width, channels = _decoded(file, decoding)[0].shape
    require_channels((height, width, channels), f"dataset: {file}")
    return height, width, channels


def _decoded(file: pathlib.Path, decoding: Decoding) -> tuple[np.ndarray, str]:
    """A file's image, and the digest of its bytes."""
    try:
        encoded = file.read_bytes()
        return decoding(encoded).numpy(), hashlib.blake2b(encoded, digest_size=8).hexdigest()
    except (OSError, tf.errors.InvalidArgumentError) as error:
        problem = str(error).splitlines()[0][:120] if isinstance(error, OSError) else "truncated?"
        raise InputError(
            f"dataset: {file}: cannot be decoded as an image ({problem}), expected PNG, JPEG, BMP "
            "or GIF"
        ) from error


def _split(
    root: pathlib.Path,
    labeled: list[tuple[pathlib.Path, int]],
    reading: Reading,
    shape: tuple[int, int, int],
    first: pathlib.Path,
) -> Split:
    decoding = reading.decoding
    paths = [file for file, _ in labeled]
    labels = np.array([label for _, label in labeled], np.int64)
    if len(paths) * int(np.prod(shape)) > reading.memory_limit:
        digest = _looked_at(root, paths, decoding, shape, first)
        names = tf.constant([str(path) for path in paths])

        def read(place: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(decoding(tf.io.read_file(tf.gather(names, place))), shape)

        images = StoredImages(read, np.arange(len(paths)), shape, digest)
        return Split(images, labels, indexed=True)
    array = np.empty((len(paths), *shape), np.uint8)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        decoded = threads.map(lambda path: _decoded(path, decoding)[0], paths)
        for index, image in enumerate(decoded):
            require_shape(image.shape, shape, f"dataset: {paths[index]}", str(first))
            array[index] = image
    return Split(array, labels, indexed=True)


def _looked_at(
    root: pathlib.Path,
    paths: list[pathlib.Path],
    decoding: Decoding,
    shape: tuple[int, int, int],
    first: pathlib.Path,
) -> str:
    """Decodes every file once, and gives the digest of all; what it saw is kept in a cache.

    A file is looked at again when its size or time of change differ.
    """
    cache = _cache_file(root, decoding)
    cached = _read_cache(cache)
    digests: dict[str, str] = {}

    def look(path: pathlib.Path) -> tuple[str, str]:
        status = path.stat()
        stamp = f"{path} {status.st_size} {status.st_mtime_ns} {shape}"
        if stamp in cached:
            return stamp, cached[stamp]
        image, digest = _decoded(path, decoding)
        require_shape(image.shape, shape, f"dataset: {path}", str(first))
        return stamp, digest

    with concurrent.futures.ThreadPoolExecutor() as threads:
        digests.update(threads.map(look, paths))
    if not digests.keys() <= cached.keys():
        _write_cache(cache, {**cached, **digests})
    content = hashlib.sha256("\n".join(digests.values()).encode())
    content.update(repr(decoding).encode())
    return content.hexdigest()[:16]


def _cache_file(root: pathlib.Path, decoding: Decoding) -> pathlib.Path:
    name = hashlib.sha256(f"{root.resolve()} {decoding}".encode()).hexdigest()[:16]
    return files.cache_directory() / f"folder-{name}.json"


def _read_cache(file: pathlib.Path) -> Mapping[str, str]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {stamp: digest for stamp, digest in content.items() if isinstance(digest, str)}


def _write_cache(file: pathlib.Path, content: Mapping[str, str]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(file, json.dumps(content))
    # A place that cannot be written: the files are looked at again.
    except (OSError, InputError):
        return

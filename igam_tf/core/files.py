"""Atomic writes: a file is written under a temporary name beside its own, then renamed."""

import contextlib
import os
import pathlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from igam_tf.core.errors import InputError, StorageError

_PREFIX = "tmp-"


def cache_directory() -> pathlib.Path:
    """The folder of recomputable files of this package: in `XDG_CACHE_HOME`, else in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser() / "igam_tf"


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path that is renamed to `path` at the end, for code that writes to a path itself.

    It has the suffix of `path`. After an error `path` is unchanged and the temporary file is gone.
    Missing parent directories are created.

    Raises:
      StorageError: for an OSError, also in the context: the disk is full, read-only or gone.
    """
    temporary = _temporary(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _synchronise(temporary)
            os.replace(temporary, path)
        finally:
            remove(temporary)


@contextlib.contextmanager
def replacing_directory(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary directory that is renamed to `path` at the end, in place of what is there.

    After an error `path` is unchanged and the temporary directory is gone.

    Raises:
      StorageError: as `replacing`.
    """
    temporary = _temporary(path)
    with writing(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.iterdir():
                _synchronise(file)
            remove(path)
            os.replace(temporary, path)
        finally:
            remove(temporary)


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[None]:
    """Names the file in what the system says of a disk that is full, read-only or gone.

    Raises:
      StorageError: for an OSError in the context.
    """
    try:
        yield
    except StorageError:  # it names its file already
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def _temporary(path: pathlib.Path) -> pathlib.Path:
    # At random: two processes, of one machine or of two, may write the same file at once.
    return path.with_name(f"{_PREFIX}{secrets.token_hex(4)}-{path.name}")


def _synchronise(file: pathlib.Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def remove(path: pathlib.Path) -> None:
    """Removes a file, a directory with its files, or nothing; leaves what cannot be removed."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextlib.contextmanager
def new_directory(path: pathlib.Path) -> Iterator[None]:
    """At the end removes the directory and its parents, where they were new and are empty."""
    new = [each for each in (path, *path.parents) if not each.exists()]
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty
            for each in new:
                each.rmdir()


def is_temporary(path: pathlib.Path) -> bool:
    """Whether the file is an unfinished write, left behind by a killed process."""
    return path.name.startswith(_PREFIX)


def write(path: pathlib.Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Writes a file; `fill` writes its bytes to a stream."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        fill(stream)


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes text in UTF-8 with unchanged line ends."""
    write(path, lambda stream: stream.write(text.encode()))


def write_arrays(
    path: pathlib.Path, arrays: Mapping[str, np.ndarray], compressed: bool = True
) -> None:
    """Writes named arrays as `.npz`; `compressed` is smaller and slower."""
    save = np.savez_compressed if compressed else np.savez
    write(path, lambda stream: save(stream, **dict[str, Any](arrays)))


def require_place(path: pathlib.Path, flag: str) -> None:
    """Checks before long work that a file can be written to `path` after it.

    Raises:
      InputError: `path` is a directory, or one of its parents is not.
    """
    if path.is_dir():
        raise InputError(f"{flag}: {path} is a directory, expected a file's name")
    parent = next(parent for parent in path.absolute().parents if parent.exists())
    if not parent.is_dir():
        raise InputError(f"{flag}: {path} cannot be written, {parent} is no directory")

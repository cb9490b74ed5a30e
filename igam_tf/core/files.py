"""Files written whole or not at all: under a temporary name beside their own, then renamed."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from igam_tf.core.errors import InputError

_PREFIX = "tmp-"


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary path beside `path`, of the same suffix, for what writes to a path by itself.

    What is written there takes the place of `path` at the end; an error leaves `path` as it was and
    nothing beside it. Missing directories above are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f"{_PREFIX}{os.getpid()}-{path.name}"
    )  # two processes may write at once
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def is_temporary(path: pathlib.Path) -> bool:
    """Whether a file is what a killed process left of a file that it was writing."""
    return path.name.startswith(_PREFIX)


def write(path: pathlib.Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Writes the file from what `fill` writes to a stream of bytes."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        fill(stream)


def write_text(path: pathlib.Path, text: str) -> None:
    """Text in UTF-8, its line ends as they are."""
    write(path, lambda stream: stream.write(text.encode()))


def write_arrays(
    path: pathlib.Path, arrays: Mapping[str, np.ndarray], compressed: bool = True
) -> None:
    """Arrays by name as `.npz`; `compressed` is smaller and slower."""
    save = np.savez_compressed if compressed else np.savez
    write(path, lambda stream: save(stream, **dict[str, Any](arrays)))


def require_place(path: pathlib.Path, flag: str) -> None:
    """Refuses before long work what could not be written after it.

    Raises:
      InputError: `path` is a directory, or something above it is none.
    """
    if path.is_dir():
        raise InputError(f"{flag}: {path} is a directory, expected a file's name")
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise InputError(f"{flag}: {path} cannot be written, {above} is no directory")

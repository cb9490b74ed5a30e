"""Files written whole or not at all: under a temporary name beside their own (`NAME.tmp`), then renamed."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from igam_tf.errors import InputError


def write(path: pathlib.Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Makes the file from what `fill` writes to a stream of bytes; makes missing directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as stream:
        fill(stream)
    os.replace(temporary, path)


def write_text(path: pathlib.Path, text: str) -> None:
    """Text in UTF-8, its line ends as they are."""
    write(path, lambda stream: stream.write(text.encode()))


def write_arrays(path: pathlib.Path, arrays: Mapping[str, np.ndarray], compressed: bool = True) -> None:
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

"""Atomic writes: a file is written under a temporary name beside its own, then renamed."""

import contextlib
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from igam_tf.core.errors import InputError

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
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # At random: two processes, of one machine or of two, may write the same file at once.
    temporary = path.with_name(f"{_PREFIX}{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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

"""Finished parts of an evaluation on disk, from which a killed one resumes."""

import json
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from igam_tf.core import files
from igam_tf.core.errors import InputError


class Ledger:
    """Parts by key in a directory, each written whole or not at all; None stores nothing.

    Args:
      settings: of the evaluation, as plain data.

    Raises:
      InputError: the directory holds parts of another evaluation, or other files.
    """

    def __init__(self, directory: pathlib.Path | None, settings: Mapping[str, Any]) -> None:
        self.directory, self._settings = directory, settings
        if directory is None:
            return
        text = json.dumps(settings, indent=1, sort_keys=True)
        file = directory / "settings.json"
        if file.exists() and file.read_text() != text:
            raise InputError(
                f"{directory} holds an unfinished evaluation with other settings; "
                "remove it, or finish that one"
            )
        directory.mkdir(parents=True, exist_ok=True)
        others = [path for path in directory.iterdir() if not files.is_temporary(path)]
        # In this order: another process may write the first files of this evaluation now.
        if others and not file.exists():
            raise InputError(
                f"{directory} holds other files; "
                "parts need a directory of their own, removed at the end"
            )
        files.write_text(file, text)

    def part(self, key: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The arrays of a part: read from disk if they are there, else computed and stored."""
        if self.directory is None:
            return compute()
        path = self.directory / f"{key}.npz"
        if path.exists():
            return self.read(key)
        arrays = compute()
        files.write_arrays(path, arrays, compressed=False)
        return arrays

    def read(self, key: str) -> dict[str, Any]:
        """The arrays of a part on disk.

        Raises:
          FileNotFoundError: the part is not there.
        """
        if self.directory is None:
            raise FileNotFoundError(key)
        with np.load(self.directory / f"{key}.npz") as arrays:
            return dict(arrays)

    def keys(self) -> set[str]:
        """The parts on disk."""
        if self.directory is None or not self.directory.exists():
            return set()
        return {path.stem for path in self.directory.glob("*.npz") if not files.is_temporary(path)}

    def inner(self, key: str) -> "Ledger":
        """A ledger of the same settings in a directory below this one."""
        return Ledger(None if self.directory is None else self.directory / key, self._settings)

    def close(self) -> None:
        """Removes the parts, once the evaluation is finished; another process may do so too."""
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)


def number_of_shards(directory: pathlib.Path | None) -> int:
    """In how many shards an evaluation with parts in a directory is; 1 without such parts."""
    if directory is None:
        return 1
    try:
        return int(json.loads((directory / "settings.json").read_text()).get("shards", 1))
    except (OSError, ValueError, AttributeError):
        return 1

"""Finished parts of a long evaluation on disk, so that a killed one goes on where it stopped."""

import json
import pathlib
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from igam_tf.core import files
from igam_tf.core.errors import InputError


class Ledger:
    """Arrays by key under a directory, each part written whole or not at all; without a directory,
    nothing is kept.

    Args:
      settings: what the parts are parts of, as plain data.

    Raises:
      InputError: the directory holds parts of something else, or other files.
    """

    def __init__(self, directory: pathlib.Path | None, settings: Mapping[str, Any]) -> None:
        self.directory = directory
        if directory is None:
            return
        text = json.dumps(settings, indent=1, sort_keys=True)
        begun = directory / "settings.json"
        if begun.exists() and begun.read_text() != text:
            raise InputError(
                f"{directory} holds an unfinished evaluation with other settings; remove it, or finish that one"
            )
        directory.mkdir(parents=True, exist_ok=True)
        if not begun.exists() and any(not files.is_temporary(path) for path in directory.iterdir()):
            raise InputError(
                f"{directory} holds other files; parts need a directory of their own, removed at the end"
            )
        files.write_text(begun, text)

    def part(self, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The arrays of a part: read back if it was finished before, else made and kept."""
        if self.directory is None:
            return make()
        path = self.directory / f"{key}.npz"
        if path.exists():
            with np.load(path) as found:
                return dict(found)
        arrays = make()
        files.write_arrays(path, arrays, compressed=False)
        return arrays

    def close(self) -> None:
        """Removes the parts: what they were for is finished."""
        if self.directory is not None:
            shutil.rmtree(self.directory)

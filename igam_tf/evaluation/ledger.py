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
        self.directory = directory
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
        if not file.exists() and any(not files.is_temporary(path) for path in directory.iterdir()):
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
            with np.load(path) as arrays:
                return dict(arrays)
        arrays = compute()
        files.write_arrays(path, arrays, compressed=False)
        return arrays

    def close(self) -> None:
        """Removes the parts, once the evaluation is finished."""
        if self.directory is not None:
            shutil.rmtree(self.directory)

"""From what a user names (a directory, a prefix, one of the files) to a checkpoint's prefix."""

import os
import pathlib
import re

from madry_checkpoints import table
from madry_checkpoints.errors import CheckpointError

_SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_NEWEST = re.compile(r'^\s*model_checkpoint_path:\s*"([^"]+)"', re.MULTILINE)


def prefix_of(path: str | os.PathLike[str]) -> str:
    """The prefix of the checkpoint at `path`.

    In a directory that is the one its `checkpoint` file calls newest. The entry may be another machine's absolute path, so
    only its base name counts. Without that file the directory must hold one checkpoint.

    Raises:
      CheckpointError: there is no checkpoint, or no telling which.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        return _newest(pathlib.Path(path))
    prefix = _SUFFIX.sub("", path)
    if os.path.isfile(f"{prefix}.index"):
        return prefix
    if os.path.isfile(path) and prefix == path:
        raise CheckpointError(f"{path}: {_what_it_is(path)}")
    raise CheckpointError(f"{path}: no checkpoint here: expected a directory, or a prefix with the file {prefix}.index")


def _newest(directory: pathlib.Path) -> str:
    # A leading dot: what macOS adds beside every file of an archive.
    present = sorted(file.name.removesuffix(".index") for file in directory.glob("[!.]*.index"))
    state = directory / "checkpoint"
    if state.is_file():
        found = _NEWEST.search(state.read_text("utf-8", "replace"))
        if found is None:
            raise CheckpointError(f"{state}: expected a line 'model_checkpoint_path: \"...\"'")
        name = re.split(r"[/\\]+", found[1])[-1]
        if name in present:
            return str(directory / name)
        raise CheckpointError(f"{state}: names {name}, but {directory} holds {_listed(present)}")
    if len(present) == 1:
        return str(directory / present[0])
    advice = "; name one of them" if present else ""
    raise CheckpointError(f"{directory}: no 'checkpoint' file, and {_listed(present)} in it{advice}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "no .index file"


def _what_it_is(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(8)
        file.seek(max(0, os.path.getsize(path) - len(table.MAGIC)))
        end = file.read()
    if end == table.MAGIC:
        return (
            "a TensorFlow V1-format checkpoint (one file, before TensorFlow 0.12), which is not read; restore it with a "
            "TensorFlow 1 Saver and save it again"
        )
    if start.startswith(b"PK"):
        return "a zip archive (perhaps a Keras file), not a TensorFlow 1 checkpoint; unpack it first if it holds one"
    if start.startswith(b"\x89HDF"):
        return "an HDF5 file, not a TensorFlow 1 checkpoint"
    return "not a TensorFlow 1 checkpoint, which is a directory or a prefix with .index and .data files"

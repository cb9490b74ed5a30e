"""The prefix of a checkpoint, by its directory, its prefix or one of its files."""

import os
import pathlib
import re

from madry_checkpoints.checkpoint_error import CheckpointError, shorten

_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # the last bytes of a LevelDB table
_SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_NEWEST = re.compile(r'^\s*model_checkpoint_path:\s*"([^"]+)"', re.MULTILINE)


def prefix_of(path: str | os.PathLike[str]) -> str:
    """The prefix of the checkpoint at `path`.

    In a directory it is the newest by the file `checkpoint`, whose entry may be an absolute path of
    another machine: only its base name counts. Without that file the directory must hold one
    checkpoint.

    Raises:
      CheckpointError: there is no checkpoint, or several and no `checkpoint` file.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        return _newest(pathlib.Path(path))
    prefix = _SUFFIX.sub("", path)
    if os.path.isfile(f"{prefix}.index"):
        return prefix
    if os.path.isfile(path) and prefix == path:
        raise CheckpointError(f"{path}: {_describe_file(path)}")
    expected = f"a directory, or a prefix with the file {prefix}.index"
    raise CheckpointError(f"{path}: no checkpoint here: expected {expected}")


def _newest(directory: pathlib.Path) -> str:
    # macOS adds files with a leading dot beside every file of an archive.
    names = sorted(file.name.removesuffix(".index") for file in directory.glob("[!.]*.index"))
    all_names = shorten(names) or "no .index file"
    state = directory / "checkpoint"
    if state.is_file():
        entry = _NEWEST.search(state.read_text("utf-8", "replace"))
        if entry is None:
            raise CheckpointError(f"{state}: expected a line 'model_checkpoint_path: \"...\"'")
        name = re.split(r"[/\\]+", entry[1])[-1]
        if name in names:
            return str(directory / name)
        raise CheckpointError(f"{state}: names {name}, but {directory} holds {all_names}")
    if len(names) == 1:
        return str(directory / names[0])
    advice = "; name one of them" if names else ""
    raise CheckpointError(f"{directory}: no 'checkpoint' file, and {all_names} in it{advice}")


def _describe_file(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(8)
        file.seek(max(0, os.path.getsize(path) - len(_TABLE_MAGIC)))
        end = file.read()
    if end == _TABLE_MAGIC:
        return (
            "a TensorFlow V1-format checkpoint (one file, before TensorFlow 0.12), which is not "
            "read; restore it with a TensorFlow 1 Saver and save it again"
        )
    if start.startswith(b"PK"):
        return "a zip archive or a Keras file; unpack it first if it holds a checkpoint"
    if start.startswith(b"\x89HDF"):
        return "an HDF5 file, not a TensorFlow 1 checkpoint"
    return "not a TensorFlow 1 checkpoint, which has an .index file and .data files"

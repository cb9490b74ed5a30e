"""Converts TensorFlow 1 checkpoints and RobustBench's files to Keras files, and back."""

import os
import pathlib
import zipfile
from typing import TYPE_CHECKING

from igam_tf.core import files
from madry_checkpoints.checkpoint_error import CheckpointError
from madry_checkpoints.kinds import detect
from madry_checkpoints.loader import load_model
from madry_checkpoints.writer import write

if TYPE_CHECKING:
    import keras

_KERAS_SUFFIXES = (".keras", ".weights.h5")
_FILE_SUFFIXES = (*_KERAS_SUFFIXES, ".h5", ".hdf5", ".pb", ".ckpt", ".index", ".npz", ".zip")


def convert(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    kind: str | None = None,
    normalization: str | None = None,
    input_shape: tuple[int, int, int] | None = None,
    overwrite: bool = False,
) -> "keras.Model":
    """Writes the network in `source` to `out`, complete or not at all, and returns it.

    Args:
      source: a TensorFlow 1 checkpoint (see `read`), a network of RobustBench as
        `robustbench:ARCHITECTURE:PATH[:OPTION=VALUE...]` (`igam_tf.models.robustbench_source`) or,
        if `out` is a directory, a `.keras` file.
      out: `*.keras`, `*.weights.h5`, or a directory for a TensorFlow 1 checkpoint of this network
        alone, without slots.
      kind, normalization, input_shape: as for `load_model`; a `.keras` file needs `kind` and takes
        no other, and a network of RobustBench none of them.
      overwrite: whether to replace what is at `out`.

    Raises:
      CheckpointError: as `load_model` and `write`; `out` is there already, or is another sort of
        file.
      InputError: as `igam_tf.models.robustbench`.
    """
    source, target = os.fspath(source), pathlib.Path(out)
    to_directory = not target.name.endswith(_FILE_SUFFIXES)
    if not to_directory and not target.name.endswith(_KERAS_SUFFIXES):
        expected = "a .keras or .weights.h5 file, or a directory for a checkpoint"
        raise CheckpointError(f"{target}: expected {expected}")
    is_empty_directory = to_directory and target.is_dir() and not any(target.iterdir())
    if target.exists() and not is_empty_directory and not overwrite:
        raise CheckpointError(f"{target}: is there already; --overwrite replaces it")
    if source.endswith(".keras"):
        if not to_directory or kind is None or normalization or input_shape:
            problem = "a .keras file is converted to a directory; name its kind alone"
            raise CheckpointError(f"{source}: {problem}")
        model = _load_keras_file(source)
    elif source.startswith("robustbench:"):
        if to_directory or kind or normalization or input_shape:
            problem = "is converted to a .keras or .weights.h5 file, by its own options alone"
            raise CheckpointError(f"{source}: {problem}")
        model = _load_robustbench(source)
    else:
        model = load_model(source, kind, normalization, input_shape)
        kind = kind or detect(source).pop()  # the only one, or it would not have loaded
    if to_directory and kind:
        write(model, kind, target)
    else:
        _save(model, target)
    return model


def _load_robustbench(source: str) -> "keras.Model":
    from igam_tf import models

    parts = models.robustbench_source(source)
    assert parts is not None  # by its first word
    return parts.load()


def _load_keras_file(source: str) -> "keras.Model":
    import keras

    import igam_tf.models  # noqa: F401  # registers the layers

    if not zipfile.is_zipfile(source):
        raise CheckpointError(f"{source}: no such Keras file")
    try:
        return keras.models.load_model(source, compile=False)
    except (ValueError, TypeError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{source}: Keras cannot load it ({reason})") from error


def _save(model: "keras.Model", target: pathlib.Path) -> None:
    try:
        with files.replacing(target) as temporary:
            save = model.save if target.name.endswith(".keras") else model.save_weights
            save(temporary)
    except OSError as error:
        raise CheckpointError(f"{target}: cannot be written ({error})") from error

"""Keras model to checkpoint."""

import os
import pathlib
import shutil
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from madry_checkpoints import kinds
from madry_checkpoints.bundle import Array
from madry_checkpoints.errors import CheckpointError
from madry_checkpoints.loader import variable_of

if TYPE_CHECKING:
    import keras


def variables(model: "keras.Model", kind: str) -> dict[str, Array]:
    """A model's weights under the original names (no slots, no `global_step`): the inverse of `load_model`.

    Raises:
      CheckpointError: the model is not of this kind, or has weights for which the kind has no name.
    """
    chosen = kinds.kind_named(kind)
    try:
        network = chosen.network.of_model(model)
        kinds.check_classes(chosen, network)
    except CheckpointError as error:
        raise CheckpointError(f"the model is no {kind}: {error}") from error
    values = {}
    for name, weight in network.weights().items():
        try:
            value = np.asarray(variable_of(model, weight.layer, weight.name))
        except (ValueError, StopIteration) as error:
            raise CheckpointError(f"the model is no {kind}: no weight {weight.layer}/{weight.name}") from error
        if value.shape != weight.shape or value.dtype != np.float32:
            raise CheckpointError(
                f"the model is no {kind}: {weight.layer}/{weight.name} is {value.dtype} {list(value.shape)}, "
                f"expected float32 {list(weight.shape)}"
            )
        values[chosen.scope + name] = value
    if len(model.weights) != len(values):
        raise CheckpointError(f"the model is no {kind}: it has {len(model.weights)} weights, {kind} {len(values)}")
    return values


def write(model: "keras.Model", kind: str, directory: str | os.PathLike[str], global_step: int = 0) -> str:
    """Saves a TensorFlow 1 checkpoint that the original code's `tf.train.Saver` restores; returns its prefix.

    The files are `checkpoint-STEP.index` and `.data-...`, with `global_step` beside the weights, and the state file
    `checkpoint` with a relative name. They are written under another name first, the index is renamed after the data, and
    the state file last. The format does not record the input normalisation: see `load_model`.

    Raises:
      CheckpointError: as `variables`, or the directory cannot be written to.
    """
    import tensorflow as tf

    values = {**variables(model, kind), "global_step": np.asarray(global_step, np.int64)}
    name = f"checkpoint-{global_step}"
    target = pathlib.Path(directory)
    temporary = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=".writing-", dir=target))
        # The operation behind Saver.save, without a graph and a second copy of every variable.
        tf.raw_ops.SaveV2(
            prefix=str(temporary / name),
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=[tf.constant(value) for value in values.values()],
        )
        state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
        (temporary / "checkpoint").write_text(state, "utf-8")
        for file in (f"{name}.data-00000-of-00001", f"{name}.index", "checkpoint"):
            os.replace(temporary / file, target / file)
    except (OSError, tf.errors.OpError) as error:
        raise CheckpointError(f"{target}: cannot write a checkpoint there ({error})") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return str(target / name)

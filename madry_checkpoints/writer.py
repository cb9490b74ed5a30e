"""Writes a Keras model as a TensorFlow 1 checkpoint."""

import os
import pathlib
import shutil
import tempfile
from typing import TYPE_CHECKING

import numpy as np

from madry_checkpoints import kinds
from madry_checkpoints.checkpoint_error import CheckpointError
from madry_checkpoints.loader import weight_of
from madry_checkpoints.reader import Array

if TYPE_CHECKING:
    import keras


def variables(model: "keras.Model", kind: str) -> dict[str, Array]:
    """A model's weights by original name, without slots; the inverse of `load_model`.

    Raises:
      CheckpointError: the model is not of this kind, or has weights that the kind does not have.
    """
    network_kind = kinds.kind_named(kind)
    try:
        network = network_kind.network.from_model(model)
        kinds.check_network(network_kind, network)
    except CheckpointError as error:
        raise CheckpointError(f"the model is no {kind}: {error}") from error
    values = {}
    for name, weight in network.weights().items():
        keras_name = f"{weight.layer}/{weight.name}"
        try:
            value = np.asarray(weight_of(model, weight.layer, weight.name))
        except (ValueError, StopIteration) as error:
            raise CheckpointError(f"the model is no {kind}: no weight {keras_name}") from error
        if value.shape != weight.shape or value.dtype != np.float32:
            raise CheckpointError(
                f"the model is no {kind}: {keras_name} is {value.dtype} {list(value.shape)}, "
                f"expected float32 {list(weight.shape)}"
            )
        values[network_kind.scope + name] = value
    if len(model.weights) != len(values):
        counts = f"it has {len(model.weights)} weights, {kind} {len(values)}"
        raise CheckpointError(f"the model is no {kind}: {counts}")
    return values


def write(
    model: "keras.Model",
    kind: str,
    directory: str | os.PathLike[str],
    global_step: int = 0,
) -> str:
    """Writes a TensorFlow 1 checkpoint, which the original code's `tf.train.Saver` restores.

    The files are `checkpoint-STEP.index` and `.data-...`, with `global_step` beside the weights,
    and `checkpoint`, which names the newest. They are written in a temporary directory and then
    moved: the index after the data, `checkpoint` last. The format does not record the input
    normalisation: see `load_model`.

    Returns:
      The prefix of the files.

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

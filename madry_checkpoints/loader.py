"""Loads a network of a checkpoint as a Keras model."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from igam_tf.core.errors import InputError
from madry_checkpoints import kinds
from madry_checkpoints.checkpoint_error import CheckpointError, shorten
from madry_checkpoints.kinds import Kind
from madry_checkpoints.networks import DiscriminatorNames, MnistCnn, Network, WideResnet
from madry_checkpoints.reader import Array, Path, VariableSpec, open_checkpoint, specs_of

if TYPE_CHECKING:
    import keras

InputShape = tuple[int, int, int]


def load_model(
    path_or_mapping: Path | Mapping[str, Array],
    kind: str | None = None,
    normalization: str | None = None,
    input_shape: InputShape | None = None,
) -> "keras.Model":
    """The network of one kind, with the checkpoint's weights.

    Only the kind's scope is read, and strictly: every weight of the model is assigned, and every
    variable of the scope is used, except optimiser slots. Width, depth and classes follow from the
    shapes.

    Args:
      path_or_mapping: as for `read`, or arrays by original name.
      kind: needed where the checkpoint holds several (see `detect`).
      normalization: of the input, which no checkpoint records: `"per_image"`, `"unit_norm"` or
        `"l2"`. The default is that of the code which used the checkpoint: `per_image` for
        `cifar10_challenge` and for an `igam_teacher` of 10 source classes; `unit_norm` for
        `igam_student` and `igam_tiny_source`; `l2` for an `igam_teacher` of 200 source classes,
        which was trained with a zero mean as well.
      input_shape: (height, width, channels). The default is 32x32, and 64x64 for 200 source
        classes; a discriminator's follows from its last layer.

    Returns:
      A model of images `[B, H, W, C]` float32 (in [0, 1] for `mnist_challenge`, in [0, 255]
      otherwise; input gradients for a discriminator) that returns logits. Its `statistics` is
      `"moving"`, or `"batch"` where the scope holds no moving averages (the release's fine-tuned
      teachers): then a call with moving averages raises.

    Raises:
      CheckpointError: no kind, or several kinds and no `kind`; anything missing, unused or
        misshaped, by name; a damaged file.
    """
    values = open_checkpoint(path_or_mapping)
    path = "checkpoint" if isinstance(path_or_mapping, Mapping) else os.fspath(path_or_mapping)
    specs = specs_of(values)
    try:
        network_kind = kinds.kind_named(kind) if kind else _only_kind(specs)
        audit = kinds.audit(network_kind, specs)
        if audit.problems():
            raise CheckpointError(f"not a whole {network_kind.name}: {'; '.join(audit.problems())}")
        model = _build(network_kind, audit.network, normalization, input_shape)
    except InputError as error:
        raise CheckpointError(f"{path}: {error}") from error
    for name, weight in audit.weights.items():
        weight_of(model, weight.layer, weight.name).assign(values[name])
    model.statistics = "moving" if getattr(audit.network, "moving_averages", True) else "batch"
    return model


def weight_of(model: "keras.Model", layer: str, name: str) -> Any:
    """The weight `name` of a layer of `model`.

    Raises:
      ValueError: there is no such layer.
      StopIteration: the layer has no such weight.
    """
    return next(weight for weight in model.get_layer(layer).weights if weight.name == name)


def _only_kind(specs: Mapping[str, VariableSpec]) -> Kind:
    names = sorted(kinds.kinds_in(specs))
    if len(names) == 1:
        return kinds.KINDS[names[0]]
    if names:
        raise CheckpointError(f"holds {', '.join(names)}: choose one with kind=")
    if "input/init_conv/DW" in specs:
        raise CheckpointError(
            f"a wide residual network of {kinds.root_classes(specs)} classes, "
            "neither the 10 nor the 200 of a known kind"
        )
    variables = [name for name in specs if not kinds.is_slot(name)]
    raise CheckpointError(f"no known network; its variables are {shorten(variables) or 'none'}")


def _build(
    kind: Kind,
    network: Network,
    normalization: str | None,
    input_shape: InputShape | None,
) -> "keras.Model":
    from igam_tf import models

    if normalization and not isinstance(network, WideResnet):
        raise CheckpointError(f"normalization: {kind.name} has no choice of it")
    if isinstance(network, MnistCnn):
        if input_shape not in (None, (28, 28, 1)):
            raise CheckpointError(f"input_shape: expected (28, 28, 1), got {input_shape}")
        return models.mnist_cnn(network.classes, network.channels, network.hidden)
    shape = input_shape or _default_input_shape(kind, network)
    if len(shape) != 3 or shape[2] != network.input_channels:
        expected = f"(height, width, {network.input_channels})"
        raise CheckpointError(f"input_shape: expected {expected}, got {input_shape}")
    if isinstance(network, DiscriminatorNames):
        return _build_discriminator(network, shape)
    model = models.wide_resnet(
        network.classes,
        network.width,
        network.blocks,
        shape,
        normalization or _default_normalization(kind, network),
        moving_averages=network.moving_averages,
    )
    if network.target_classes is None:
        return model
    return models.with_new_head(model, network.target_classes)


def _build_discriminator(network: DiscriminatorNames, shape: InputShape) -> "keras.Model":
    from igam_tf import models

    model = models.discriminator(shape, network.layers, network.base_channels)
    features = model.get_layer("logits").kernel.shape[0]
    if features != network.features:
        difference = f"{features} features, the checkpoint has {network.features}"
        raise CheckpointError(f"input_shape: {shape} gives {difference}")
    return model


def _default_input_shape(kind: Kind, network: WideResnet | DiscriminatorNames) -> InputShape:
    if isinstance(network, DiscriminatorNames):
        side = network.input_size()
    else:
        side = 64 if network.classes == 200 and kind.name != "igam_student" else 32
    return side, side, network.input_channels


def _default_normalization(kind: Kind, network: WideResnet) -> str:
    if kind.name == "cifar10_challenge":
        return "per_image"
    if kind.name != "igam_teacher":
        return "unit_norm"
    if network.classes not in (10, 200):
        raise CheckpointError(
            f"an igam_teacher of {network.classes} source classes: "
            "its input normalisation is not known; pass normalization="
        )
    # The 200-class network was trained with a zero mean too; its users as a teacher omit that.
    return "per_image" if network.classes == 10 else "l2"

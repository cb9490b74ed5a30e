"""Checkpoint to Keras model."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from igam_tf.errors import InputError
from madry_checkpoints import kinds
from madry_checkpoints.bundle import Array
from madry_checkpoints.errors import CheckpointError
from madry_checkpoints.kinds import Kind
from madry_checkpoints.networks import Discriminator, MnistCnn, Network, WideResnet
from madry_checkpoints.reader import Path, opened

if TYPE_CHECKING:
    import keras

_SIDE = 32
_SIDE_OF_TINY = 64


def load_model(
    path_or_mapping: Path | Mapping[str, Array],
    kind: str | None = None,
    normalization: str | None = None,
    input_shape: tuple[int, int, int] | None = None,
) -> "keras.Model":
    """The network of one kind, with the checkpoint's weights.

    Only the kind's scope is read, and strictly: every weight of the model is assigned and every variable of the scope
    used, except optimiser slots. Width, depth and classes come from the shapes. `model.statistics` is `"batch"` where the
    scope holds no moving averages (the release's fine-tuned teachers): then every moving-average call raises. Otherwise
    it is `"moving"`.

    Args:
      path_or_mapping: as for `read`, or arrays by original name.
      kind: needed where the checkpoint holds several (see `detect`).
      normalization: of the input, which no checkpoint records: `"per_image"`, `"unit_norm"` or `"l2"`. By default that of
        the code which used the checkpoint: `per_image` for `cifar10_challenge` and for an `igam_teacher` of 10 source
        classes; `unit_norm` for `igam_student` and `igam_tiny_source`; `l2`, without the zero mean it was trained with, for
        an `igam_teacher` of 200 source classes.
      input_shape: (height, width, channels); by default 32x32, 64x64 for 200 source classes, and for a discriminator what
        its last layer says.

    Raises:
      CheckpointError: no or several kinds and no `kind`; anything missing, unused or misshaped, by name; a damaged file.
    """
    values = opened(path_or_mapping)
    where = "checkpoint" if isinstance(path_or_mapping, Mapping) else os.fspath(path_or_mapping)
    variables = kinds.described(values)
    try:
        chosen = kinds.kind_named(kind) if kind else _only_kind(variables)
        found = kinds.audit(chosen, variables)
        if found.problems():
            raise CheckpointError(f"not a whole {chosen.name}: {'; '.join(found.problems())}")
        model = _built(chosen, found.network, normalization, input_shape)
    except InputError as error:
        raise CheckpointError(f"{where}: {error}") from error
    for name, weight in found.weights.items():
        variable_of(model, weight.layer, weight.name).assign(values[name])
    model.statistics = "moving" if getattr(found.network, "moving_averages", True) else "batch"
    return model


def variable_of(model: "keras.Model", layer: str, name: str) -> Any:
    """The variable `name` of a layer of `model`."""
    return next(variable for variable in model.get_layer(layer).weights if variable.name == name)


def _only_kind(variables: Mapping[str, kinds.Variable]) -> Kind:
    found = sorted(kinds.kinds_in(variables))
    if len(found) == 1:
        return kinds.KINDS[found[0]]
    if found:
        raise CheckpointError(f"holds {', '.join(found)}: choose one with kind=")
    if "input/init_conv/DW" in variables:
        classes = kinds.root_classes(variables)
        raise CheckpointError(
            f"a wide residual network of {classes} classes, neither the 10 nor the 200 of a known kind"
        )
    names = [name for name in variables if not kinds.is_slot(name)]
    raise CheckpointError(f"no known network; its variables are {kinds.listed(tuple(names)) or 'none'}")


def _built(
    kind: Kind, network: Network, normalization: str | None, input_shape: tuple[int, int, int] | None
) -> "keras.Model":
    from igam_tf import models

    if normalization and not isinstance(network, WideResnet):
        raise CheckpointError(f"normalization: {kind.name} has no choice of it")
    if isinstance(network, MnistCnn):
        if input_shape not in (None, (28, 28, 1)):
            raise CheckpointError(f"input_shape: expected (28, 28, 1), got {input_shape}")
        return models.mnist_cnn(network.classes, network.channels, network.hidden)
    side = network.input_size() if input_shape is None and isinstance(network, Discriminator) else _SIDE
    if isinstance(network, WideResnet) and network.classes == 200 and kind.name != "igam_student":
        side = _SIDE_OF_TINY
    shape = tuple(input_shape or (side, side, network.input_channels))
    if len(shape) != 3 or shape[2] != network.input_channels:
        raise CheckpointError(f"input_shape: expected (height, width, {network.input_channels}), got {input_shape}")
    if isinstance(network, Discriminator):
        model = models.discriminator(shape, network.layers, network.base_channels)
        features = model.get_layer("logits").kernel.shape[0]
        if features != network.features:
            raise CheckpointError(
                f"input_shape: {shape} gives {features} features, the checkpoint has {network.features}"
            )
        return model
    model = models.wide_resnet(
        network.classes,
        network.width,
        network.blocks,
        shape,
        normalization or _normalization(kind, network),
        moving_averages=network.moving_averages,
    )
    return model if network.target_classes is None else models.with_new_head(model, network.target_classes)


def _normalization(kind: Kind, network: WideResnet) -> str:
    if kind.name == "cifar10_challenge":
        return "per_image"
    if kind.name != "igam_teacher":
        return "unit_norm"
    if network.classes not in (10, 200):
        raise CheckpointError(
            f"an igam_teacher of {network.classes} source classes: its input normalisation is not known; pass normalization="
        )
    # The Tiny-ImageNet network was trained with a zero mean, but the scripts that use it as a teacher leave that out.
    return "per_image" if network.classes == 10 else "l2"

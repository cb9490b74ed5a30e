"""Robust networks in PyTorch's formats, such as RobustBench's, as Keras models."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.models.robustbench.architectures import ARCHITECTURES, Layout, layout_of
from igam_tf.models.robustbench.assignment import assign
from igam_tf.models.robustbench.dimensions import Dimensions, dimensions_of
from igam_tf.models.robustbench.residual import Variant, residual_network
from igam_tf.models.robustbench.state_files import read_state_file
from igam_tf.models.robustbench.state_names import StateDict, unwrapped

__all__ = ["ARCHITECTURES", "robustbench"]

Statistic = float | Sequence[float]  # one number, or one per channel


def robustbench(
    architecture: str,
    state_dict: str | os.PathLike[str] | Mapping[str, Any],
    image_size: int = 32,
    activation: Any = None,
    mean: Statistic | None = None,
    std: Statistic | None = None,
    *,
    out_shortcut: bool | None = None,
    padding: int = 0,
    bias_last: bool = True,
    entry: str | None = None,
) -> keras.Model:
    """A network of RobustBench with trained weights: float32 images in [0, 255] to logits.

    Depth, widths, optional layers and the number of classes follow from the names and shapes in the
    state dict. The usual wrappings are undone: `module.`, `model.` and others before names, and a
    state dict inside of another mapping. BatchNorm layers are `igam_tf.layers.BatchNorm` with
    PyTorch's epsilon, 1e-5, and momentum.

    Args:
      architecture: `WideResNet`, `DMWideResNet`, `PreActResNet`, `DMPreActResNet`, `ResNet18` or
        `ResNet50`. The last two build RobustBench's network for CIFAR if its logit layer is named
        `linear`, and torchvision's if it is named `fc`, of any depth.
      state_dict: a `.safetensors` file, a `.pt`, `.pth`, `.pth.tar` or `.ckpt` file (through
        PyTorch, with `weights_only=True`), or a mapping from PyTorch's names to arrays in its
        layouts.
      image_size: height and width of the images.
      activation: one of keras.activations, as a name or a function; by default `swish` for
        DeepMind's networks (DM...) and `relu` for all others.
      mean, std: what pixels in [0, 1] are normalised by, inside the model; one number or one per
        channel. By default the state dict's own (`normalize.mean`, `mu`, ...). Without them:
        CIFAR-10's for DeepMind's networks, ImageNet's for torchvision's, 0 and 1 for all others.
      out_shortcut: for `PreActResNet`, whether shortcut layers start after the activation, which no
        name tells. By default they do where the network has a BatchNorm before its logit layer
        (`bn_before_fc`), as in all networks of RobustBench.
      padding: width of the zeros around an image (DeepMind's networks for MNIST).
      bias_last: False for a network whose logit layer has no bias.
      entry: which mapping in the file to read, where several are state dicts, e.g. `last`.

    Returns:
      The model of images [B, image_size, image_size, C]. RobustBench's networks pool windows of a
      fixed size. Feature maps on which they fail, since they have no window or several, are pooled
      whole.

    Raises:
      InputError: one line with what is missing, unknown or of another shape, or with the argument
        that does not fit.

    Source: https://github.com/RobustBench/robustbench (Croce et al., 2021) and torchvision.
    """
    layout_of(architecture, ())  # refuses an unknown architecture before it reads a file
    _require_counts(image_size, padding)
    place, content = "state_dict", state_dict
    if isinstance(state_dict, str | os.PathLike):
        place, content = os.fspath(state_dict), read_state_file(state_dict)
    try:
        state = unwrapped(content, entry)
        layout = layout_of(architecture, state.arrays)
        dimensions = dimensions_of(layout, state.arrays)
        variant = Variant(
            image_size,
            _activation(layout.activation if activation is None else activation),
            *_normalization(layout, state, mean, std, dimensions.channels),
            _starts_after_activation(layout, dimensions, out_shortcut),
            padding,
            bias_last,
        )
        model = residual_network(layout, dimensions, variant, architecture)
        assign(model, layout, state.arrays, dimensions.has_unused_stage)
    except InputError as error:
        raise InputError(f"{place}: {architecture}: {error}") from error
    return model


def _require_counts(image_size: int, padding: int) -> None:
    for name, value, least in (("image_size", image_size, 1), ("padding", padding, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name}: expected a whole number of at least {least}, got {value!r}")


def _activation(activation: Any) -> Any:
    try:
        return keras.activations.get(activation)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"activation: expected one of keras.activations, such as relu or swish, got "
            f"{activation!r}"
        ) from error


def _normalization(
    layout: Layout,
    state: StateDict,
    mean: Statistic | None,
    std: Statistic | None,
    channels: int,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation by channel: arguments, the state dict's own, or the layout's."""
    default_mean, default_std = layout.scaling or ((0.0,) * channels, (1.0,) * channels)
    is_default = (mean is None and state.mean is None) or (std is None and state.std is None)
    if is_default and len(default_mean) != channels:
        raise InputError(
            f"{layout.stem}.weight takes {channels} channels; pass mean and std for them"
        )
    return (
        _by_channel("mean", mean, state.mean, default_mean, channels),
        _by_channel("std", std, state.std, default_std, channels),
    )


def _by_channel(
    name: str,
    argument: Statistic | None,
    own: Statistic | None,
    default: Statistic,
    channels: int,
) -> tuple[float, ...]:
    value = next(each for each in (argument, own, default) if each is not None)
    try:
        numbers = np.broadcast_to(np.asarray(value, np.float64).ravel(), (channels,))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name}: expected a number for each of {channels} channels, got {value!r}"
        ) from error
    if not np.isfinite(numbers).all() or (name == "std" and (numbers <= 0).any()):
        raise InputError(
            f"{name}: expected {'positive' if name == 'std' else 'finite'} numbers, got {value!r}"
        )
    if own is not None and not np.allclose(numbers, own, rtol=1e-4):
        raise InputError(f"{name}: the state dict has its own, {own}; got {value!r}")
    return tuple(map(float, numbers))


def _starts_after_activation(
    layout: Layout, dimensions: Dimensions, out_shortcut: bool | None
) -> bool:
    if layout.out_shortcut is not None:
        if out_shortcut not in (None, layout.out_shortcut):
            raise InputError(
                f"out_shortcut: is {layout.out_shortcut} in this architecture, got {out_shortcut}"
            )
        return layout.out_shortcut
    if dimensions.convolutions == 3:  # PreActBottleneck ignores its own argument
        return True
    return dimensions.has_final_norm if out_shortcut is None else out_shortcut

"""The original networks: the name and shape of each variable, and the Keras weight that holds it.

Names are relative to a scope. Widths, depths and class counts follow from the shapes in a
checkpoint or from a model's layers. This module needs no TensorFlow.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from madry_checkpoints.checkpoint_error import CheckpointError

Shape = tuple[int, ...]
_STEM_CHANNELS = 16
_MOVING_AVERAGES = ("moving_mean", "moving_variance")


class Weight(NamedTuple):
    """The weight `name` of the Keras layer `layer`."""

    layer: str
    name: str
    shape: Shape


Weights = dict[str, Weight]


@dataclasses.dataclass(frozen=True)
class MnistCnn:
    """mnist_challenge/model.py, whose variables are only numbered."""

    channels: tuple[int, int]
    hidden: int
    classes: int

    @staticmethod
    def from_shapes(shapes: Mapping[str, Shape]) -> "MnistCnn":
        """Raises CheckpointError where a variable that gives a size is missing."""
        channels = _size(shapes, "Variable_1", -1), _size(shapes, "Variable_3", -1)
        return MnistCnn(channels, _size(shapes, "Variable_5", -1), _size(shapes, "Variable_7", -1))

    @staticmethod
    def from_model(model: Any) -> "MnistCnn":
        """Raises CheckpointError where a layer that gives a size is missing."""
        channels = _units(model, "conv1"), _units(model, "conv2")
        return MnistCnn(channels, _units(model, "hidden"), _units(model, "logits"))

    def weights(self) -> Weights:
        """By original name."""
        first, second = self.channels
        kernels = [
            ("conv1", (5, 5, 1, first)),
            ("conv2", (5, 5, first, second)),
            ("hidden", (7 * 7 * second, self.hidden)),
            ("logits", (self.hidden, self.classes)),
        ]
        weights = []
        for layer, shape in kernels:
            weights += [Weight(layer, "kernel", shape), Weight(layer, "bias", shape[-1:])]
        names = ["Variable", *(f"Variable_{index}" for index in range(1, len(weights)))]
        return dict(zip(names, weights, strict=True))


@dataclasses.dataclass(frozen=True)
class WideResnet:
    """cifar10_challenge/model.py and the release's networks.

    Attributes:
      target_classes: of a fine-tuned teacher's second head; None without one.
      moving_averages: whether BatchNorm has them.
    """

    width: int
    blocks: int
    input_channels: int
    classes: int
    target_classes: int | None
    moving_averages: bool

    @staticmethod
    def from_shapes(shapes: Mapping[str, Shape]) -> "WideResnet":
        """Raises CheckpointError where a variable that gives a size is missing."""
        units = [re.match(r"unit_[123]_(\d{1,4})/", name) for name in shapes]
        target_heads = ("target_task_logit/biases", "target_task_logit/DW")
        target_head = next((name for name in target_heads if name in shapes), None)
        return WideResnet(
            width=max(1, _size(shapes, "unit_1_0/sub1/conv1/DW", -1) // _STEM_CHANNELS),
            blocks=1 + max((int(unit[1]) for unit in units if unit), default=0),
            input_channels=_size(shapes, "input/init_conv/DW", 2),
            classes=_size(shapes, "logit/biases", -1),
            target_classes=_size(shapes, target_head, -1) if target_head else None,
            # The release saved its fine-tuned teachers' trainable variables only.
            moving_averages=any(name.endswith(_MOVING_AVERAGES) for name in shapes),
        )

    @staticmethod
    def from_model(model: Any) -> "WideResnet":
        """Raises CheckpointError where a layer that gives a size is missing."""
        layers = {layer.name: layer for layer in model.layers}
        has_target_head = "source_logits" in layers
        last_bn = layers.get("unit_last_bn")
        return WideResnet(
            width=max(1, _units(model, "unit_1_0_conv1") // _STEM_CHANNELS),
            blocks=sum(re.fullmatch(r"unit_1_\d+_conv1", name) is not None for name in layers),
            input_channels=int(_kernel(model, "init_conv")[2]),
            classes=_units(model, "source_logits" if has_target_head else "logits"),
            target_classes=_units(model, "logits") if has_target_head else None,
            moving_averages=last_bn is None or bool(last_bn.moving_averages),
        )

    def weights(self) -> Weights:
        """By original name."""
        stem = (3, 3, self.input_channels, _STEM_CHANNELS)
        weights = {"input/init_conv/DW": Weight("init_conv", "kernel", stem)}
        channels = _STEM_CHANNELS
        for stage, base in enumerate((16, 32, 64), 1):
            for block in range(self.blocks):
                weights |= self._unit(f"unit_{stage}_{block}", channels, base * self.width)
                channels = base * self.width
        weights |= self._batch_norm("unit_last/BatchNorm", "unit_last_bn", channels)
        if self.target_classes is None:
            return weights | _affine("logit", "logits", (channels, self.classes))
        weights |= _affine("logit", "source_logits", (channels, self.classes))
        return weights | _affine("target_task_logit", "logits", (channels, self.target_classes))

    def _unit(self, unit: str, channels: int, filters: int) -> Weights:
        first = "shared_activation" if unit == "unit_1_0" else "residual_only_activation"
        conv1 = Weight(f"{unit}_conv1", "kernel", (3, 3, channels, filters))
        conv2 = Weight(f"{unit}_conv2", "kernel", (3, 3, filters, filters))
        return {
            **self._batch_norm(f"{unit}/{first}/BatchNorm", f"{unit}_1_bn", channels),
            f"{unit}/sub1/conv1/DW": conv1,
            **self._batch_norm(f"{unit}/sub2/BatchNorm", f"{unit}_2_bn", filters),
            f"{unit}/sub2/conv2/DW": conv2,
        }

    def _batch_norm(self, name: str, layer: str, channels: int) -> Weights:
        return _batch_norm(name, layer, channels, self.moving_averages)


@dataclasses.dataclass(frozen=True)
class DiscriminatorNames:
    """The release's discriminator; `features` is the length of the last layer's input."""

    layers: int
    base_channels: int
    input_channels: int
    features: int

    @staticmethod
    def from_shapes(shapes: Mapping[str, Shape]) -> "DiscriminatorNames":
        """Raises CheckpointError where a variable that gives a size is missing."""
        convolutions = [re.match(r"conv(\d{1,2})/", name) for name in shapes]
        return DiscriminatorNames(
            layers=1 + max((int(match[1]) for match in convolutions if match), default=0),
            base_channels=_size(shapes, "conv0/DW", -1),
            input_channels=_size(shapes, "conv0/DW", 2),
            features=_size(shapes, "logit/DW", 0),
        )

    @staticmethod
    def from_model(model: Any) -> "DiscriminatorNames":
        """Raises CheckpointError where a layer that gives a size is missing."""
        return DiscriminatorNames(
            layers=sum(re.fullmatch(r"conv\d+", layer.name) is not None for layer in model.layers),
            base_channels=_units(model, "conv0"),
            input_channels=int(_kernel(model, "conv0")[2]),
            features=int(_kernel(model, "logits")[0]),
        )

    def weights(self) -> Weights:
        """By original name."""
        weights: Weights = {}
        channels = self.input_channels
        for index in range(self.layers):
            filters = self.base_channels * 2**index
            name = f"BatchNorm_{index}" if index else "BatchNorm"
            weights |= _affine(f"conv{index}", f"conv{index}", (4, 4, channels, filters))
            weights |= _batch_norm(name, f"bn{index}", filters, moving_averages=True)
            channels = filters
        return weights | _affine("logit", "logits", (self.features, 2))

    def input_size(self) -> int:
        """Height and width of the square input that every layer halves without a remainder.

        Raises:
          CheckpointError: there is no such input.
        """
        channels = self.base_channels * 2 ** (self.layers - 1)
        side = math.isqrt(self.features // channels)
        if side < 1 or side * side * channels != self.features:
            features = f"{self.features} features of {channels} channels"
            raise CheckpointError(f"discriminator: {features} are no square; pass input_shape=")
        return side * 2**self.layers


Network = MnistCnn | WideResnet | DiscriminatorNames


def _affine(name: str, layer: str, kernel: Shape) -> Weights:
    return {
        f"{name}/DW": Weight(layer, "kernel", kernel),
        f"{name}/biases": Weight(layer, "bias", kernel[-1:]),
    }


def _batch_norm(name: str, layer: str, channels: int, moving_averages: bool) -> Weights:
    weights = ("beta", "gamma", *(_MOVING_AVERAGES if moving_averages else ()))
    return {f"{name}/{weight}": Weight(layer, weight, (channels,)) for weight in weights}


def _size(shapes: Mapping[str, Shape], name: str, axis: int) -> int:
    if name not in shapes:
        raise CheckpointError(f"missing {name}")
    try:
        return max(1, shapes[name][axis])
    except IndexError:
        shape = list(shapes[name])
        raise CheckpointError(f"{name} has the shape {shape}, of too low a rank") from None


def _kernel(model: Any, name: str) -> Shape:
    layer = next((layer for layer in model.layers if layer.name == name), None)
    if layer is None or not hasattr(layer, "kernel"):
        raise CheckpointError(f"{model.name}: no layer '{name}' with a kernel")
    return tuple(layer.kernel.shape)


def _units(model: Any, layer: str) -> int:
    return int(_kernel(model, layer)[-1])

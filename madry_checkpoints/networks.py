"""The original networks as tables: every variable's name and shape, and the Keras layer and weight that holds it.

Names are relative to a scope; widths, depths and class counts are found from a checkpoint's shapes or a model's layers.
TensorFlow is not needed here.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from madry_checkpoints.errors import CheckpointError

Shape = tuple[int, ...]
_STEM = 16
_MOVING = ("moving_mean", "moving_variance")


class Weight(NamedTuple):
    """The weight `name` of the Keras layer `layer`."""

    layer: str
    name: str
    shape: Shape


Weights = dict[str, Weight]


@dataclasses.dataclass(frozen=True)
class MnistCnn:
    """mnist_challenge/model.py, whose variables have no names of their own."""

    channels: tuple[int, int]
    hidden: int
    classes: int

    @staticmethod
    def of_variables(shapes: Mapping[str, Shape]) -> "MnistCnn":
        channels = _size(shapes, "Variable_1", -1), _size(shapes, "Variable_3", -1)
        return MnistCnn(channels, _size(shapes, "Variable_5", -1), _size(shapes, "Variable_7", -1))

    @staticmethod
    def of_model(model: Any) -> "MnistCnn":
        channels = _units(model, "conv1"), _units(model, "conv2")
        return MnistCnn(channels, _units(model, "hidden"), _units(model, "logits"))

    def weights(self) -> Weights:
        first, second = self.channels
        kernels = [
            ("conv1", (5, 5, 1, first)),
            ("conv2", (5, 5, first, second)),
            ("hidden", (7 * 7 * second, self.hidden)),
            ("logits", (self.hidden, self.classes)),
        ]
        table = []
        for layer, shape in kernels:
            table += [Weight(layer, "kernel", shape), Weight(layer, "bias", shape[-1:])]
        return {f"Variable_{index}" if index else "Variable": weight for index, weight in enumerate(table)}


@dataclasses.dataclass(frozen=True)
class WideResnet:
    """cifar10_challenge/model.py and the release's networks; a fine-tuned teacher has `target_classes` too."""

    width: int
    blocks: int
    input_channels: int
    classes: int
    target_classes: int | None
    moving_averages: bool

    @staticmethod
    def of_variables(shapes: Mapping[str, Shape]) -> "WideResnet":
        units = [re.match(r"unit_[123]_(\d{1,4})/", name) for name in shapes]
        heads = [name for name in ("target_task_logit/biases", "target_task_logit/DW") if name in shapes]
        return WideResnet(
            width=max(1, _size(shapes, "unit_1_0/sub1/conv1/DW", -1) // _STEM),
            blocks=1 + max((int(unit[1]) for unit in units if unit), default=0),
            input_channels=_size(shapes, "input/init_conv/DW", 2),
            classes=_size(shapes, "logit/biases", -1),
            target_classes=_size(shapes, heads[0], -1) if heads else None,
            # The release saved its fine-tuned teachers' trainable variables only.
            moving_averages=any(name.endswith(_MOVING) for name in shapes),
        )

    @staticmethod
    def of_model(model: Any) -> "WideResnet":
        layers = {layer.name: layer for layer in model.layers}
        with_source = "source_logits" in layers
        return WideResnet(
            width=max(1, _units(model, "unit_1_0_conv1") // _STEM),
            blocks=sum(re.fullmatch(r"unit_1_\d+_conv1", name) is not None for name in layers),
            input_channels=int(_kernel(model, "init_conv")[2]),
            classes=_units(model, "source_logits" if with_source else "logits"),
            target_classes=_units(model, "logits") if with_source else None,
            moving_averages=bool(layers["unit_last_bn"].moving_averages) if "unit_last_bn" in layers else True,
        )

    def weights(self) -> Weights:
        table: Weights = {"input/init_conv/DW": Weight("init_conv", "kernel", (3, 3, self.input_channels, _STEM))}
        channels = _STEM
        for stage, base in enumerate((16, 32, 64), 1):
            for unit in range(self.blocks):
                here, there = f"unit_{stage}_{unit}", base * self.width
                first = "shared_activation" if (stage, unit) == (1, 0) else "residual_only_activation"
                table |= _batch_norm(f"{here}/{first}/BatchNorm", f"{here}_1_bn", channels, self.moving_averages)
                table[f"{here}/sub1/conv1/DW"] = Weight(f"{here}_conv1", "kernel", (3, 3, channels, there))
                table |= _batch_norm(f"{here}/sub2/BatchNorm", f"{here}_2_bn", there, self.moving_averages)
                table[f"{here}/sub2/conv2/DW"] = Weight(f"{here}_conv2", "kernel", (3, 3, there, there))
                channels = there
        table |= _batch_norm("unit_last/BatchNorm", "unit_last_bn", channels, self.moving_averages)
        if self.target_classes is None:
            return table | _affine("logit", "logits", (channels, self.classes))
        table |= _affine("logit", "source_logits", (channels, self.classes))
        return table | _affine("target_task_logit", "logits", (channels, self.target_classes))


@dataclasses.dataclass(frozen=True)
class Discriminator:
    """The release's discriminator; `features` is the length of what its last layer sees."""

    layers: int
    base_channels: int
    input_channels: int
    features: int

    @staticmethod
    def of_variables(shapes: Mapping[str, Shape]) -> "Discriminator":
        indices = [re.match(r"conv(\d{1,2})/", name) for name in shapes]
        return Discriminator(
            layers=1 + max((int(index[1]) for index in indices if index), default=0),
            base_channels=_size(shapes, "conv0/DW", -1),
            input_channels=_size(shapes, "conv0/DW", 2),
            features=_size(shapes, "logit/DW", 0),
        )

    @staticmethod
    def of_model(model: Any) -> "Discriminator":
        return Discriminator(
            layers=sum(re.fullmatch(r"conv\d+", layer.name) is not None for layer in model.layers),
            base_channels=_units(model, "conv0"),
            input_channels=int(_kernel(model, "conv0")[2]),
            features=int(_kernel(model, "logits")[0]),
        )

    def weights(self) -> Weights:
        table: Weights = {}
        channels = self.input_channels
        for index in range(self.layers):
            there = self.base_channels * 2**index
            table |= _affine(f"conv{index}", f"conv{index}", (4, 4, channels, there))
            table |= _batch_norm(f"BatchNorm_{index}" if index else "BatchNorm", f"bn{index}", there, True)
            channels = there
        return table | _affine("logit", "logits", (self.features, 2))

    def input_size(self) -> int:
        """Height and width of the square input whose sides halve evenly in every layer.

        Raises:
          CheckpointError: there is no such input.
        """
        channels = self.base_channels * 2 ** (self.layers - 1)
        side = math.isqrt(self.features // channels)
        if side < 1 or side * side * channels != self.features:
            raise CheckpointError(
                f"discriminator: {self.features} features of {channels} channels are no square image; pass input_shape="
            )
        return side * 2**self.layers


Network = MnistCnn | WideResnet | Discriminator


def _affine(name: str, layer: str, kernel: Shape) -> Weights:
    return {f"{name}/DW": Weight(layer, "kernel", kernel), f"{name}/biases": Weight(layer, "bias", kernel[-1:])}


def _batch_norm(name: str, layer: str, channels: int, moving_averages: bool) -> Weights:
    weights = ("beta", "gamma", *(_MOVING if moving_averages else ()))
    return {f"{name}/{weight}": Weight(layer, weight, (channels,)) for weight in weights}


def _size(shapes: Mapping[str, Shape], name: str, axis: int) -> int:
    if name not in shapes:
        raise CheckpointError(f"missing {name}")
    try:
        return max(1, shapes[name][axis])
    except IndexError:
        raise CheckpointError(f"{name} has the shape {list(shapes[name])}, of too low a rank") from None


def _kernel(model: Any, layer: str) -> Shape:
    found = next((candidate for candidate in model.layers if candidate.name == layer), None)
    if found is None or not hasattr(found, "kernel"):
        raise CheckpointError(f"{model.name}: no layer '{layer}' with a kernel")
    return tuple(found.kernel.shape)


def _units(model: Any, layer: str) -> int:
    return int(_kernel(model, layer)[-1])

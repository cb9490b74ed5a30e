"""The residual networks of RobustBench: which layers each has, and their names in a state dict."""

import dataclasses
from collections.abc import Collection

from igam_tf.core.errors import InputError

# Mean and standard deviation of red, green and blue in [0, 1].
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))


@dataclasses.dataclass(frozen=True)
class Layout:
    """A family of residual networks of any depth and width.

    Attributes:
      stem: name of the first convolution.
      channels: of its input; None where that follows from its shape.
      stem_norm: name of the BatchNorm after it; None where units normalise their inputs.
      unit: name of a residual unit, with `{stage}` and `{unit}`.
      first_stage: number of the first stage in these names.
      convolutions, norms: names inside a unit, in their order; a third one makes a bottleneck.
      shortcut: name of the shortcut's convolution inside a unit.
      shortcut_norm: name of the BatchNorm after it, if there is one.
      shortcut_size: side of its kernel.
      final_norm: name of the BatchNorm before pooling, which `final_norm_is_optional` may lack.
      head: name of the logit layer.
      strides: of the stages.
      pool: side of the feature map that the original pools; None for one of any size.
      imagenet_stem: a 7x7 convolution and 3x3 max-pooling, each of stride 2, instead of a 3x3
        convolution.
      pads_at_end: a 3x3 convolution of stride 2 pads below and to the right alone.
      shortcut_by_stride: a unit of stride 2 has a shortcut layer even if channels stay the same.
      out_shortcut: shortcut layers start after the unit's first activation; None where that depends
        on the network.
      unused_stage: name of a stage that checkpoints hold and no image passes, and the stage that it
        repeats.
      activation: by default.
      scaling: mean and standard deviation of pixels in [0, 1], by default; None leaves them.
    """

    stem: str
    unit: str
    head: str
    convolutions: tuple[str, ...]
    norms: tuple[str, ...]
    shortcut: str
    strides: tuple[int, ...]
    pool: int | None
    channels: int | None = 3
    first_stage: int = 1
    stem_norm: str | None = None
    shortcut_norm: str | None = None
    shortcut_size: int = 1
    final_norm: str | None = None
    final_norm_is_optional: bool = False
    imagenet_stem: bool = False
    pads_at_end: bool = False
    shortcut_by_stride: bool = True
    out_shortcut: bool | None = False
    unused_stage: tuple[str, str] | None = None
    activation: str = "relu"
    scaling: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def unit_name(self, stage: int, unit: int) -> str:
        """Both count from 0."""
        return self.unit.format(stage=stage + self.first_stage, unit=unit)


# https://github.com/RobustBench/robustbench, model_zoo/architectures: wide_resnet.py,
# dm_wide_resnet.py and resnet.py; torchvision/models/resnet.py.
_WIDE_RESNET = Layout(
    stem="conv1",
    unit="block{stage}.layer.{unit}",
    head="fc",
    convolutions=("conv1", "conv2"),
    norms=("bn1", "bn2"),
    shortcut="convShortcut",
    strides=(1, 2, 2),
    pool=8,
    final_norm="bn1",
    shortcut_by_stride=False,
    out_shortcut=True,
    unused_stage=("sub_block1.", "block1."),
)
_DM_WIDE_RESNET = Layout(
    stem="init_conv",
    channels=None,
    unit="layer.{stage}.block.{unit}",
    first_stage=0,
    head="logits",
    convolutions=("conv_0", "conv_1"),
    norms=("batchnorm_0", "batchnorm_1"),
    shortcut="shortcut",
    strides=(1, 2, 2),
    pool=8,
    final_norm="batchnorm",
    pads_at_end=True,
    shortcut_by_stride=False,
    out_shortcut=True,
    activation="swish",
    scaling=_CIFAR10,
)
_PREACT_RESNET = Layout(
    stem="conv1",
    unit="layer{stage}.{unit}",
    head="linear",
    convolutions=("conv1", "conv2", "conv3"),
    norms=("bn1", "bn2", "bn3"),
    shortcut="shortcut.0",
    strides=(1, 2, 2, 2),
    pool=4,
    final_norm="bn",
    final_norm_is_optional=True,
    out_shortcut=None,
)
_DM_PREACT_RESNET = Layout(
    stem="conv_2d",
    channels=None,
    unit="layer_{stage}.{unit}",
    first_stage=0,
    head="logits",
    convolutions=("conv_2d_1", "conv_2d_2"),
    norms=("batchnorm_0", "batchnorm_1"),
    shortcut="shortcut",
    shortcut_size=3,
    strides=(1, 2, 2, 2),
    pool=4,
    final_norm="batchnorm",
    pads_at_end=True,
    activation="swish",
    scaling=_CIFAR10,
)
_CIFAR_RESNET = Layout(
    stem="conv1",
    stem_norm="bn1",
    unit="layer{stage}.{unit}",
    head="linear",
    convolutions=("conv1", "conv2", "conv3"),
    norms=("bn1", "bn2", "bn3"),
    shortcut="shortcut.0",
    shortcut_norm="shortcut.1",
    strides=(1, 2, 2, 2),
    pool=4,
)
_TORCHVISION_RESNET = dataclasses.replace(
    _CIFAR_RESNET,
    head="fc",
    shortcut="downsample.0",
    shortcut_norm="downsample.1",
    pool=None,
    imagenet_stem=True,
    scaling=_IMAGENET,
)
_LAYOUTS = {
    "WideResNet": _WIDE_RESNET,
    "DMWideResNet": _DM_WIDE_RESNET,
    "PreActResNet": _PREACT_RESNET,
    "DMPreActResNet": _DM_PREACT_RESNET,
    "ResNet18": _CIFAR_RESNET,
    "ResNet50": _TORCHVISION_RESNET,
}
ARCHITECTURES = tuple(_LAYOUTS)


def layout_of(architecture: str, names: Collection[str]) -> Layout:
    """The layout of an architecture.

    `ResNet18` and `ResNet50` are each RobustBench's network for CIFAR or torchvision's: the name of
    the logit layer, `linear` or `fc`, decides between them.

    Raises:
      InputError: unknown architecture.
    """
    if architecture not in _LAYOUTS:
        raise InputError(
            f"architecture: expected one of {', '.join(ARCHITECTURES)}, got {architecture!r}"
        )
    if architecture in ("ResNet18", "ResNet50"):
        for layout in (_CIFAR_RESNET, _TORCHVISION_RESNET):
            if any(name.startswith(f"{layout.head}.") for name in names):
                return layout
    return _LAYOUTS[architecture]

"""Depth, widths and numbers of classes that follow from a state dict's names and shapes."""

import collections
import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.models.robustbench.architectures import Layout

Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Stage:
    """A row of residual units.

    Attributes:
      units: their number.
      inner: channels of a unit's convolutions but the last one.
      outer: channels of a unit's last convolution, and of its output.
    """

    units: int
    inner: int
    outer: int


@dataclasses.dataclass(frozen=True)
class Dimensions:
    """The sizes of a network, and which optional layers it has.

    Attributes:
      channels: of the images.
      stem: channels of the first convolution.
      convolutions: per unit, 2 or 3 (a bottleneck).
    """

    channels: int
    stem: int
    stages: tuple[Stage, ...]
    convolutions: int
    has_final_norm: bool
    has_unused_stage: bool
    classes: int


def dimensions_of(layout: Layout, arrays: Arrays) -> Dimensions:
    """The sizes that most arrays have, so that one array of another size stands out.

    Raises:
      InputError: no array of a whole part of the network; a logit layer of two sizes.
    """
    units = [_units(layout, arrays, stage) for stage in range(len(layout.strides))]
    names = [
        layout.unit_name(stage, unit) for stage, count in enumerate(units) for unit in range(count)
    ]
    convolutions = len(layout.convolutions)
    if convolutions == 3:
        thirds = [f"{name}.{layout.convolutions[2]}.weight" in arrays for name in names]
        convolutions = 3 if 2 * sum(thirds) > len(thirds) else 2
    channels = layout.channels
    if channels is None:
        stem = arrays.get(f"{layout.stem}.weight")
        channels = stem.shape[1] if stem is not None and stem.ndim == 4 else 3
    has_final_norm = layout.final_norm is not None
    if layout.final_norm_is_optional:
        has_final_norm = _is_part(arrays, f"{layout.final_norm}.")
    return Dimensions(
        channels=channels,
        stem=_size(arrays, [layout.stem], [layout.stem_norm or f"{names[0]}.{layout.norms[0]}"]),
        stages=tuple(
            _stage(layout, arrays, stage, count, convolutions) for stage, count in enumerate(units)
        ),
        convolutions=convolutions,
        has_final_norm=has_final_norm,
        has_unused_stage=layout.unused_stage is not None
        and _is_part(arrays, layout.unused_stage[0]),
        classes=_classes(layout, arrays),
    )


def _is_part(arrays: Arrays, prefix: str) -> bool:
    """Whether more than one name has the prefix: a single one is rather a name too many."""
    return sum(name.startswith(prefix) for name in arrays) > 1


def _units(layout: Layout, arrays: Arrays, stage: int) -> int:
    """The number of units of a stage, which count from 0 without a gap."""
    for unit in itertools.count():
        if not _is_part(arrays, f"{layout.unit_name(stage, unit)}."):
            if unit == 0:
                raise InputError(f"no names such as {layout.unit_name(stage, 0)}.*")
            return unit
    raise AssertionError


def _stage(layout: Layout, arrays: Arrays, stage: int, units: int, convolutions: int) -> Stage:
    names = [layout.unit_name(stage, unit) for unit in range(units)]
    *inner, outer = layout.convolutions[:convolutions]
    if layout.stem_norm:  # the BatchNorm after each convolution, else the one before it
        inner_norms, outer_norm = layout.norms[: convolutions - 1], layout.norms[convolutions - 1]
        outer_norms = [f"{name}.{outer_norm}" for name in names]
    else:
        inner_norms = layout.norms[1:convolutions]
        outer_norms = [f"{name}.{layout.norms[0]}" for name in names[1:]]
    return Stage(
        units,
        _size(
            arrays,
            [f"{name}.{each}" for name in names for each in inner],
            [f"{name}.{each}" for name in names for each in inner_norms],
        ),
        _size(arrays, [f"{name}.{outer}" for name in names], outer_norms),
    )


def _size(arrays: Arrays, convolutions: list[str], norms: list[str]) -> int:
    """The number of channels that most of these layers have."""
    names = [f"{name}.weight" for name in convolutions]
    for part in ("weight", "bias", "running_mean", "running_var"):
        names += [f"{name}.{part}" for name in norms]
    sizes = [arrays[name].shape[0] for name in names if name in arrays and arrays[name].ndim]
    if not sizes:
        raise InputError(f"no names such as {names[0]}")
    return collections.Counter(sizes).most_common(1)[0][0]


def _classes(layout: Layout, arrays: Arrays) -> int:
    names = (f"{layout.head}.weight", f"{layout.head}.bias")
    sizes = {name: arrays[name].shape[0] for name in names if name in arrays and arrays[name].ndim}
    if not sizes:
        raise InputError(f"no names such as {names[0]}")
    if len(set(sizes.values())) > 1:
        shapes = [f"{name} {list(arrays[name].shape)}" for name in sizes]
        raise InputError(f"{' and '.join(shapes)} differ in the number of classes")
    return next(iter(sizes.values()))

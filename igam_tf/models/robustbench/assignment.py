"""A state dict's arrays to a model's weights, strictly: every name used, every weight assigned."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.layers import BatchNorm
from igam_tf.models.robustbench.architectures import Layout
from igam_tf.models.robustbench.dimensions import Arrays

_AXES = {2: (1, 0), 4: (2, 3, 1, 0)}  # from PyTorch's kernels to Keras'
_COUNTER = re.compile(r"(.*)\.num_batches_tracked")
_LISTED = 4  # names per message


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where an array belongs: a variable, or None for weights that no image passes."""

    variable: Any
    shape: tuple[int, ...]


def assign(model: keras.Model, layout: Layout, arrays: Arrays, has_unused_stage: bool) -> None:
    """Writes a state dict's arrays to the model's weights.

    BatchNorm's counters `num_batches_tracked` are no weights, and may be absent.

    Raises:
      InputError: names that are missing or unknown, or arrays of another shape; nothing is written.
    """
    places = dict(_places(model, layout))
    if has_unused_stage and layout.unused_stage:
        unused, repeated = layout.unused_stage
        for name in [name for name in places if name.startswith(repeated)]:
            places[unused + name.removeprefix(repeated)] = _Place(None, places[name].shape)
    norms = {name.removesuffix(".running_mean") for name in places}
    counters = {
        name for name in arrays if (match := _COUNTER.fullmatch(name)) and match[1] in norms
    }
    wrong = [
        f"{name} {list(arrays[name].shape)} instead of {list(place.shape)}"
        for name, place in places.items()
        if name in arrays and arrays[name].shape != place.shape
    ]
    problems = {
        "missing": [name for name in places if name not in arrays],
        "unknown": [name for name in arrays if name not in places and name not in counters],
        "of another shape": wrong,
    }
    if any(problems.values()):
        raise InputError(
            "; ".join(f"{problem}: {_list(names)}" for problem, names in problems.items() if names)
        )
    for name, place in places.items():
        if place.variable is not None:
            value = arrays[name]
            place.variable.assign(np.transpose(value, _AXES.get(value.ndim)))


def _places(model: keras.Model, layout: Layout) -> Iterator[tuple[str, _Place]]:
    for layer in model.layers:
        if isinstance(layer, BatchNorm):
            variables = {
                "weight": layer.gamma,
                "bias": layer.beta,
                "running_mean": layer.moving_mean,
                "running_var": layer.moving_variance,
            }
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            variables = {"weight": layer.kernel, "bias": layer.bias if layer.use_bias else None}
        else:
            continue
        name = layout.head if isinstance(layer, keras.layers.Dense) else layer.name
        for part, variable in variables.items():
            if variable is not None:
                shape = tuple(variable.shape)
                torch_shape = (*shape[:-3:-1], *shape[:-2])  # [..., in, out] to [out, in, ...]
                yield f"{name}.{part}", _Place(variable, torch_shape)


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more

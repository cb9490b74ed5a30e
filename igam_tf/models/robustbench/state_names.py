"""A state dict without its wrappings: plain names, NumPy arrays, and the input normalisation."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from igam_tf.core.errors import InputError

# Entries of training code's files. They are preferred to others beside them, such as
# `unaveraged_model_state_dict`.
_ENTRIES = ("state_dict", "model_state_dict")
# DataParallel, normalize_model and other wrappers, torch.compile, nn.Sequential.
_WRAPPER = re.compile(r"(?:module|model|net|_orig_mod|\d+)\.")
# The package `robustness` stores its model a second time, as a part of the attacker.
_COPY = "attacker."
_NORMALIZATION = re.compile(r"(?:norm\w*\.)?(?:(?P<mean>mean|mu|new_mean)|std|sigma|new_std)")
_COUNTER = "n_averaged"  # of torch.optim.swa_utils.AveragedModel


@dataclasses.dataclass(frozen=True)
class StateDict:
    """A network's arrays by plain name, and what pixels in [0, 1] are normalised by."""

    arrays: dict[str, np.ndarray]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None


def unwrapped(content: Any, entry: str | None = None) -> StateDict:
    """The state dict in the content of a file.

    Args:
      content: a mapping from names to arrays or tensors, or a mapping with such a mapping in it.
      entry: the name of that mapping, where `content` has several.

    Raises:
      InputError: no state dict or several, a value that is no array, a name that occurs twice, half
        a normalisation, or a second copy that differs.
    """
    parts: dict[bool, dict[str, np.ndarray]] = {False: {}, True: {}}
    for name, value in _selected(content, entry).items():
        plain, is_copy = _plain_name(str(name))
        if plain in parts[is_copy]:
            raise InputError(f"{name}: {plain} occurs twice, in different wrappings")
        if plain != _COUNTER:
            parts[is_copy][plain] = _array(str(name), value)
    state, copy = _split(parts[False]), _split(parts[True])
    different = [
        name
        for name, value in copy.arrays.items()
        if name not in state.arrays or not np.array_equal(value, state.arrays[name])
    ]
    if different or (copy.mean, copy.std) not in ((None, None), (state.mean, state.std)):
        names = ", ".join(different[:3]) or "mean and std"
        raise InputError(f"{_COPY}*: expected a copy of the model, it differs in {names}")
    return state


def _selected(content: Any, entry: str | None) -> Mapping[Any, Any]:
    """The mapping from names to arrays."""
    if not isinstance(content, Mapping):
        raise InputError(f"expected names and arrays, got {type(content).__name__}")
    nested = [name for name, value in content.items() if isinstance(value, Mapping)]
    if entry is not None:
        if entry not in nested:
            names = ", ".join(map(str, nested)) or "none"
            raise InputError(f"entry: expected one of its mappings ({names}), got {entry!r}")
        return _selected(content[entry], None)
    if preferred := [name for name in _ENTRIES if name in nested]:
        return _selected(content[preferred[0]], None)
    if any(np.ndim(value) for value in content.values() if hasattr(value, "shape")):
        return content
    candidates = [
        name
        for name in nested
        if any(hasattr(value, "shape") for value in content[name].values())
        or any(isinstance(content[name].get(usual), Mapping) for usual in _ENTRIES)
    ]
    if len(candidates) != 1:
        names = ", ".join(map(str, candidates))
        raise InputError(
            f"several state dicts ({names}); entry= selects one"
            if names
            else "no state dict, which has names and arrays"
        )
    return _selected(content[candidates[0]], None)


def _plain_name(name: str) -> tuple[str, bool]:
    """The name without wrappers, and whether it belongs to a second copy of the model."""
    is_copy = False
    while True:
        if match := _WRAPPER.match(name):
            name = name[match.end() :]
        elif name.startswith(_COPY):
            name, is_copy = name.removeprefix(_COPY), True
        else:
            return name, is_copy


def _array(name: str, value: Any) -> np.ndarray:
    """float32, or float64 as it is."""
    if hasattr(value, "detach"):  # a tensor of PyTorch; NumPy has no bfloat16
        value = value.detach().cpu()
        value = value.double() if value.dtype.itemsize == 8 else value.float()
    try:
        array = np.asarray(value)
        return array if array.dtype == np.float64 else array.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected an array, got {type(value).__name__}") from error


def _split(arrays: Mapping[str, np.ndarray]) -> StateDict:
    weights, statistics = {}, {}
    for name, array in arrays.items():
        match = _NORMALIZATION.fullmatch(name)
        if match is None:
            weights[name] = array
            continue
        kind = "mean" if match["mean"] else "std"
        if kind in statistics:
            raise InputError(f"{name}: the input normalisation's {kind} occurs twice")
        statistics[kind] = tuple(float(each) for each in array.ravel())
    if len(statistics) == 1:
        (kind,) = statistics
        raise InputError(f"missing: the input normalisation has {kind} alone")
    return StateDict(weights, statistics.get("mean"), statistics.get("std"))

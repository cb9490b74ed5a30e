"""Which networks a checkpoint holds: kinds, their scopes, optimiser slots, and what is missing, unused or misshaped.

A file of the IGAM release holds a student (`classifier/`), a discriminator (`discriminator/`) and a teacher (all the
rest) together with the slots of their optimisers. TensorFlow is not needed here.
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from madry_checkpoints.bundle import Array, Bundle
from madry_checkpoints.errors import CheckpointError
from madry_checkpoints.networks import Discriminator, MnistCnn, Network, Shape, Weights, WideResnet

_SLOT = re.compile(r"(.*/)?(Momentum|Adam)(_\d+)?|(.*/)?beta[12]_power(_\d+)?|global_step")
_SCOPES = ("classifier/", "discriminator/")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of network. `classes` limits the (source) classes to those with which the kind was published."""

    name: str
    network: type[MnistCnn] | type[WideResnet] | type[Discriminator]
    scope: str = ""
    classes: tuple[int, ...] = ()


KINDS = {
    kind.name: kind
    for kind in (
        Kind("mnist_challenge", MnistCnn, classes=(10,)),
        Kind("cifar10_challenge", WideResnet, classes=(10,)),
        Kind("igam_student", WideResnet, "classifier/"),
        Kind("igam_teacher", WideResnet),
        Kind("igam_discriminator", Discriminator, "discriminator/"),
        Kind("igam_tiny_source", WideResnet, classes=(200,)),
    )
}


@dataclasses.dataclass(frozen=True)
class Variable:
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def count(self) -> int:
        return math.prod(self.shape)


def described(values: Mapping[str, Array]) -> dict[str, Variable]:
    """Shape and type of every variable, without reading those of a file."""
    if isinstance(values, Bundle):
        return {name: Variable(values.shape(name), values.dtype(name)) for name in values}
    arrays = {name: np.asarray(value) for name, value in values.items()}
    return {name: Variable(array.shape, array.dtype) for name, array in arrays.items()}


def is_slot(name: str) -> bool:
    """Whether the variable belongs to an optimiser or counts steps, and so to no network."""
    return _SLOT.fullmatch(name) is not None


def kind_named(name: str) -> Kind:
    if name not in KINDS:
        raise CheckpointError(f"kind: expected one of {', '.join(KINDS)}, got {name!r}")
    return KINDS[name]


def in_scope(kind: Kind, variables: Mapping[str, Variable]) -> dict[str, Variable]:
    """The non-slot variables of a kind's scope, by their names inside it."""
    found = {}
    for name, variable in variables.items():
        scope = next((scope for scope in _SCOPES if name.startswith(scope)), "")
        if scope == kind.scope and not is_slot(name):
            found[name.removeprefix(scope)] = variable
    return found


def kinds_in(variables: Mapping[str, Variable]) -> set[str]:
    """The kinds whose networks are there, by their first and last layers; they may yet prove incomplete."""
    found = set()
    if len(variables["Variable"].shape if "Variable" in variables else ()) == 4 and "Variable_7" in variables:
        found.add("mnist_challenge")
    if "classifier/input/init_conv/DW" in variables:
        found.add("igam_student")
    if "discriminator/conv0/DW" in variables:
        found.add("igam_discriminator")
    if "input/init_conv/DW" in variables:
        if any(name.startswith("target_task_logit/") for name in variables):
            found.add("igam_teacher")
        else:
            classes = root_classes(variables)
            found |= {name for name in ("cifar10_challenge", "igam_tiny_source") if classes in KINDS[name].classes}
    return found


def root_classes(variables: Mapping[str, Variable]) -> int | None:
    """The classes of the logit layer outside every scope."""
    head = variables.get("logit/biases") or variables.get("logit/DW")
    return head.shape[-1] if head and head.shape else None


@dataclasses.dataclass(frozen=True)
class Audit:
    """What a checkpoint holds of one kind, against that kind's table. Full names everywhere."""

    network: Network
    weights: Weights
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    misshaped: tuple[str, ...]

    def problems(self) -> list[str]:
        named = (
            ("missing", self.missing),
            ("not part of it", self.unused),
            ("of another shape or type", self.misshaped),
        )
        return [f"{what}: {listed(names)}" for what, names in named if names]


def audit(kind: Kind, variables: Mapping[str, Variable]) -> Audit:
    """Compares the kind's scope with its table.

    Raises:
      CheckpointError: the scope lacks what would tell the network's sizes, or has the wrong number of classes.
    """
    inside = in_scope(kind, variables)
    try:
        network = kind.network.of_variables({name: variable.shape for name, variable in inside.items()})
        check_classes(kind, network)
    except CheckpointError as error:
        others = sorted(kinds_in(variables) - {kind.name})
        hint = f"; this checkpoint looks like {' and '.join(others)}" if others else ""
        scope = f" (in {kind.scope})" if kind.scope else ""
        raise CheckpointError(f"not a whole {kind.name}: {error}{scope}{hint}") from error
    weights = network.weights()
    misshaped = [
        f"{kind.scope}{name} ({found.dtype} {list(found.shape)}, expected float32 {list(weights[name].shape)})"
        for name, found in inside.items()
        if name in weights and (found.shape != weights[name].shape or found.dtype != np.float32)
    ]
    return Audit(
        network=network,
        weights={kind.scope + name: weight for name, weight in weights.items()},
        missing=tuple(kind.scope + name for name in weights if name not in inside),
        unused=tuple(kind.scope + name for name in inside if name not in weights),
        misshaped=tuple(misshaped),
    )


def check_classes(kind: Kind, network: Network) -> None:
    """Raises CheckpointError for a network that is not the kind's, or has other classes than the kind was published with."""
    if not isinstance(network, kind.network):
        raise CheckpointError(f"{kind.name} is another network")
    if isinstance(network, Discriminator):
        return
    if kind.classes and network.classes not in kind.classes:
        raise CheckpointError(f"{network.classes} classes instead of {kind.classes[0]}")
    if isinstance(network, WideResnet) and (network.target_classes is not None) != (kind.name == "igam_teacher"):
        there = "has no" if network.target_classes is None else "has a"
        raise CheckpointError(f"{there} head for a target task (target_task_logit)")


def listed(names: tuple[str, ...], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

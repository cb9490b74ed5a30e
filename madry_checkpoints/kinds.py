"""Which networks a checkpoint holds, and what is missing, unused or misshaped in each.

A file of the IGAM release holds a student (`classifier/`), a discriminator (`discriminator/`) and a
teacher (everything else), together with the slots of their optimisers.
"""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from madry_checkpoints.checkpoint_error import CheckpointError, shorten
from madry_checkpoints.networks import DiscriminatorNames, MnistCnn, Network, Weights, WideResnet
from madry_checkpoints.reader import Array, Path, VariableSpec, open_checkpoint, specs_of

_SLOT = re.compile(r"(.*/)?(Momentum|Adam)(_\d+)?|(.*/)?beta[12]_power(_\d+)?|global_step")
_SCOPES = ("classifier/", "discriminator/")


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of network.

    Attributes:
      name: as `load_model` and `detect` use it.
      network: the class that knows the variables.
      scope: prefix of the variables' names; empty for all names outside every scope.
      classes: the numbers of (source) classes with which it was published; empty for any.
    """

    name: str
    network: type[MnistCnn] | type[WideResnet] | type[DiscriminatorNames]
    scope: str = ""
    classes: tuple[int, ...] = ()


KINDS = {
    kind.name: kind
    for kind in (
        Kind("mnist_challenge", MnistCnn, classes=(10,)),
        Kind("cifar10_challenge", WideResnet, classes=(10,)),
        Kind("igam_student", WideResnet, "classifier/"),
        Kind("igam_teacher", WideResnet),
        Kind("igam_discriminator", DiscriminatorNames, "discriminator/"),
        Kind("igam_tiny_source", WideResnet, classes=(200,)),
    )
}


def detect(path_or_mapping: Path | Mapping[str, Array]) -> set[str]:
    """The kinds of networks in a checkpoint; `load_model` checks whether one is complete.

    The CIFAR-10 challenge's network and the Tiny-ImageNet source network have the same names: the
    10 or 200 classes tell them apart.

    Args:
      path_or_mapping: as for `read`, or arrays by original name.

    Raises:
      CheckpointError: as `read`.
    """
    return kinds_in(specs_of(open_checkpoint(path_or_mapping)))


def is_slot(name: str) -> bool:
    """Whether a variable belongs to an optimiser or counts steps, and so to no network."""
    return _SLOT.fullmatch(name) is not None


def kind_named(name: str) -> Kind:
    """Raises CheckpointError, which lists the kinds, for an unknown name."""
    if name not in KINDS:
        raise CheckpointError(f"kind: expected one of {', '.join(KINDS)}, got {name!r}")
    return KINDS[name]


def in_scope(kind: Kind, specs: Mapping[str, VariableSpec]) -> dict[str, VariableSpec]:
    """The non-slot variables of a kind's scope, by their names inside it."""
    inside = {}
    for name, spec in specs.items():
        scope = next((scope for scope in _SCOPES if name.startswith(scope)), "")
        if scope == kind.scope and not is_slot(name):
            inside[name.removeprefix(scope)] = spec
    return inside


def kinds_in(specs: Mapping[str, VariableSpec]) -> set[str]:
    """The kinds whose first and last layers are there; a network may prove incomplete later."""
    names = set()
    if "Variable" in specs and len(specs["Variable"].shape) == 4 and "Variable_7" in specs:
        names.add("mnist_challenge")
    if "classifier/input/init_conv/DW" in specs:
        names.add("igam_student")
    if "discriminator/conv0/DW" in specs:
        names.add("igam_discriminator")
    if "input/init_conv/DW" in specs:
        if any(name.startswith("target_task_logit/") for name in specs):
            names.add("igam_teacher")
        else:
            challenge_kinds = ("cifar10_challenge", "igam_tiny_source")
            classes = root_classes(specs)
            names |= {name for name in challenge_kinds if classes in KINDS[name].classes}
    return names


def root_classes(specs: Mapping[str, VariableSpec]) -> int | None:
    """The number of classes of the logit layer outside every scope; None without such a layer."""
    head = specs.get("logit/biases") or specs.get("logit/DW")
    return head.shape[-1] if head and head.shape else None


@dataclasses.dataclass(frozen=True)
class Audit:
    """A kind's scope of a checkpoint, compared with the network. Names include the scope.

    Attributes:
      network: with the sizes of this checkpoint.
      weights: where each variable belongs in the Keras model.
      missing, unused: names.
      misshaped: descriptions of variables of another shape or dtype.
    """

    network: Network
    weights: Weights
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    misshaped: tuple[str, ...]

    def problems(self) -> list[str]:
        """One phrase for each sort of problem; empty for a complete network."""
        names_by_problem = {
            "missing": self.missing,
            "not part of it": self.unused,
            "of another shape or type": self.misshaped,
        }
        return [f"{what}: {shorten(names)}" for what, names in names_by_problem.items() if names]


def audit(kind: Kind, specs: Mapping[str, VariableSpec]) -> Audit:
    """Compares the kind's scope with the variables of its network.

    Raises:
      CheckpointError: the scope lacks variables that give the network's sizes, or has another
        number of classes than the kind.
    """
    inside = in_scope(kind, specs)
    try:
        network = kind.network.from_shapes({name: spec.shape for name, spec in inside.items()})
        check_network(kind, network)
    except CheckpointError as error:
        others = sorted(kinds_in(specs) - {kind.name})
        hint = f"; this checkpoint looks like {' and '.join(others)}" if others else ""
        scope = f" (in {kind.scope})" if kind.scope else ""
        raise CheckpointError(f"not a whole {kind.name}: {error}{scope}{hint}") from error
    weights = network.weights()
    misshaped = []
    for name, spec in inside.items():
        shape = weights[name].shape if name in weights else spec.shape
        if name in weights and (spec.shape != shape or spec.dtype != np.float32):
            expected = f"expected float32 {list(shape)}"
            misshaped.append(f"{kind.scope}{name} ({spec.dtype} {list(spec.shape)}, {expected})")
    return Audit(
        network=network,
        weights={kind.scope + name: weight for name, weight in weights.items()},
        missing=tuple(kind.scope + name for name in weights if name not in inside),
        unused=tuple(kind.scope + name for name in inside if name not in weights),
        misshaped=tuple(misshaped),
    )


def check_network(kind: Kind, network: Network) -> None:
    """Raises CheckpointError for another network than the kind's or another number of classes."""
    if not isinstance(network, kind.network):
        raise CheckpointError(f"{kind.name} is another network")
    if isinstance(network, DiscriminatorNames):
        return
    if kind.classes and network.classes not in kind.classes:
        raise CheckpointError(f"{network.classes} classes instead of {kind.classes[0]}")
    if isinstance(network, WideResnet):
        has_target_head = network.target_classes is not None
        if has_target_head != (kind.name == "igam_teacher"):
            verb = "has a" if has_target_head else "has no"
            raise CheckpointError(f"{verb} head for a target task (target_task_logit)")

"""usage: python -m madry_checkpoints COMMAND ...

  list                 the published checkpoints, their kinds, and where they come from
  fetch NAME           download, verify and unpack one of them
  inspect PATH         kinds, variables, shapes, parameters, slots, what is missing or unknown
  convert PATH OUT     to a .keras or .weights.h5 file, or to a TensorFlow 1 checkpoint; also a
                       network of RobustBench, robustbench:ARCHITECTURE:PATH

COMMAND --help says more of each and lists its flags."""

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from igam_tf.core.command import Command
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import NORMALIZATIONS
from madry_checkpoints import kinds
from madry_checkpoints.convert import convert
from madry_checkpoints.fetch import fetch
from madry_checkpoints.location import prefix_of
from madry_checkpoints.manifest import manifest
from madry_checkpoints.reader import Checkpoint, VariableSpec

Path = Annotated[str, Setting("A directory, a prefix or one of its files.", positional=True)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FetchFlags(Settings):
    name: Annotated[str, Setting("As `list` has it.", positional=True)]
    directory: Annotated[str, Setting("Where checkpoints go.")] = "checkpoints"


@dataclasses.dataclass(frozen=True, kw_only=True)
class InspectFlags(Settings):
    path: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertFlags(Settings):
    path: Annotated[
        str,
        Setting(
            "A directory, a prefix or one of its files; a .keras file; or a network of "
            "RobustBench, robustbench:ARCHITECTURE:PATH[:OPTION=VALUE...] (docs/robustbench.md).",
            positional=True,
        ),
    ]
    out: Annotated[str, Setting("A .keras or .weights.h5 file, or a directory.", positional=True)]
    kind: Annotated[
        str | None,
        Setting("The network; needed where PATH holds several.", choices=tuple(kinds.KINDS)),
    ] = None
    normalization: Annotated[
        str | None, Setting("Of the input; by default the kind's.", choices=NORMALIZATIONS)
    ] = None
    input_shape: Annotated[
        tuple[int, int, int] | None,
        Setting("HEIGHT,WIDTH,CHANNELS; by default the kind's.", at_least=1),
    ] = None
    overwrite: Annotated[bool, Setting("Replace OUT.")] = False


_LIST = Command(
    "madry_checkpoints list",
    "The published checkpoints, their kinds, where they come from, and their published accuracies.",
    Settings,
)
_FETCH = Command(
    "madry_checkpoints fetch",
    "Downloads, verifies and unpacks the published checkpoint NAME, and prints where it is.",
    FetchFlags,
)
_INSPECT = Command(
    "madry_checkpoints inspect",
    "Prints the kinds, variables, shapes, parameters and slots in a checkpoint, and what is\n"
    "missing or unknown; verifies the checksums.",
    InspectFlags,
)
_CONVERT = Command(
    "madry_checkpoints convert",
    "Converts a network of a TensorFlow 1 checkpoint or of RobustBench to a .keras or .weights.h5\n"
    "file; if OUT is a directory, a network of a checkpoint or a .keras file to a TensorFlow 1\n"
    "checkpoint.",
    ConvertFlags,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (see `igam_tf.core.command`)."""
    verb, *arguments = (sys.argv[1:] if argv is None else argv) or [""]
    if verb in ("--help", "-h"):
        print(__doc__)
        return 0
    commands: dict[str, tuple[Command[Any], Callable[[Any], None]]] = {
        "list": (_LIST, _list),
        "fetch": (_FETCH, lambda flags: print(fetch(flags.name, flags.directory))),
        "inspect": (_INSPECT, lambda flags: _inspect(flags.path)),
        "convert": (_CONVERT, _convert),
    }
    if verb not in commands:
        names = ", ".join(commands)
        message = f"madry_checkpoints: expected a command ({names}), got {verb!r}; see --help"
        print(message, file=sys.stderr)
        return 2
    command, function = commands[verb]
    return command.run(function, arguments)


def _list(_: Settings) -> None:
    for name, entry in manifest().items():
        kind, by_hand = entry.kind or "several kinds", "by hand: " if entry.manual else ""
        print(f"{name:<20} {kind:<18} {by_hand}{entry.url}")
        if entry.published_accuracy:
            accuracies = [f"{name} {value} %" for name, value in entry.published_accuracy.items()]
            print(f"{'':<20} published: {'; '.join(accuracies)} ({entry.published_setting})")


def _convert(flags: ConvertFlags) -> None:
    model = convert(
        flags.path, flags.out, flags.kind, flags.normalization, flags.input_shape, flags.overwrite
    )
    parameters, input_shape = model.count_params(), list(model.input_shape[1:])
    print(f"{flags.out}: {model.name}, {parameters:,} parameters, input {input_shape}")


def _inspect(path: str) -> None:
    checkpoint = Checkpoint(prefix_of(path))
    specs = checkpoint.specs
    slots = [name for name in specs if kinds.is_slot(name)]
    counts = f"{len(specs)} variables, {len(slots)} of them optimiser slots or counters"
    print(f"{checkpoint.prefix}: {counts}")
    owners = dict.fromkeys(slots, "slot")
    kind_names = sorted(kinds.kinds_in(specs))
    for kind in kind_names:
        owners |= dict.fromkeys(_inspect_kind(kinds.KINDS[kind], specs), kind)
    if not kind_names:
        print("no known network")
    print("variables:")
    for name, spec in specs.items():
        print(f"  {name} {list(spec.shape)} {spec.dtype} {owners.get(name, 'UNKNOWN')}")
    for name in checkpoint:
        _ = checkpoint[name]  # raises where the data are damaged
    print("checksums: right for every variable")


def _inspect_kind(kind: kinds.Kind, specs: Mapping[str, VariableSpec]) -> list[str]:
    """Prints what a checkpoint holds of a kind; returns the names of the kind's variables."""
    try:
        audit = kinds.audit(kind, specs)
    except InputError as error:
        print(f"{kind.name}: {error}")
        return []
    parameters = sum(specs[name].count for name in audit.weights if name in specs)
    state = "incomplete" if audit.problems() else "complete"
    print(f"{kind.name}: {state}, {parameters:,} parameters, {audit.network}")
    problems = (("missing", audit.missing), ("unknown", audit.unused), ("wrong", audit.misshaped))
    for problem, names in problems:
        for name in names:
            print(f"  {problem}: {name}")
    return list(audit.weights)

"""usage: python -m madry_checkpoints COMMAND ...

  list                 the published checkpoints, their kinds, and where they come from
  fetch NAME           download, verify and unpack one of them
  inspect PATH         kinds, variables, shapes, parameters, slots, what is missing or unknown; verifies checksums
  convert PATH OUT     to a .keras or .weights.h5 file, or (OUT a directory) to a TensorFlow 1 checkpoint

PATH is a directory, a checkpoint's prefix or one of its files; for convert also a .keras file."""

import os
import sys
from collections.abc import Callable, Sequence

from absl import flags

from igam_tf.errors import InputError
from madry_checkpoints import kinds
from madry_checkpoints.bundle import Bundle
from madry_checkpoints.convert import convert
from madry_checkpoints.fetch import fetch
from madry_checkpoints.location import prefix_of
from madry_checkpoints.manifest import manifest

_NORMALIZATIONS = ("per_image", "unit_norm", "l2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status: 0, or 2 with one line on standard error."""
    values = _flags()
    try:
        words = values(["madry_checkpoints", *(sys.argv[1:] if arguments is None else arguments)])[1:]
        if values.help:
            print(f"{__doc__}\n\nFlags:\n{_flags_help(values)}")
        else:
            _run(words, values)
        sys.stdout.flush()
    except (InputError, flags.Error) as error:
        print(f"madry_checkpoints: {error}".replace("\n", " "), file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 130
    return 0


def _flags() -> flags.FlagValues:
    values = flags.FlagValues()
    values.set_gnu_getopt(True)  # flags may follow the words
    flags.DEFINE_boolean("help", False, "show this help", short_name="h", flag_values=values)
    flags.DEFINE_enum(
        "kind", None, list(kinds.KINDS), "convert: the network; needed where PATH holds several", flag_values=values
    )
    flags.DEFINE_enum(
        "normalization", None, _NORMALIZATIONS, "convert: of the input; by default the kind's", flag_values=values
    )
    flags.DEFINE_list("input_shape", None, "convert: height,width,channels; by default the kind's", flag_values=values)
    flags.DEFINE_boolean("overwrite", False, "convert: replace OUT", flag_values=values)
    flags.DEFINE_string("directory", "checkpoints", "fetch: where checkpoints go", flag_values=values)
    return values


def _flags_help(values: flags.FlagValues) -> str:
    return "\n".join(f"  --{name:<14} {values[name].help}" for name in sorted(values) if name == values[name].name)


def _run(words: list[str], values: flags.FlagValues) -> None:
    commands: dict[str, tuple[int, Callable[..., None]]] = {
        "list": (0, _list),
        "fetch": (1, lambda name: print(fetch(name, values.directory))),
        "inspect": (1, _inspect),
        "convert": (2, lambda path, out: _convert(path, out, values)),
    }
    command, *rest = words or [""]
    if command not in commands:
        raise InputError(f"expected a command ({', '.join(commands)}), got {command!r}; see --help")
    count, function = commands[command]
    if len(rest) != count:
        raise InputError(f"{command}: expected {count} arguments, got {len(rest)}; see --help")
    function(*rest)


def _list() -> None:
    for name, entry in manifest().items():
        print(f"{name:<20} {entry.kind or 'several kinds':<18} {'by hand: ' if entry.manual else ''}{entry.url}")
        if entry.published_accuracy:
            accuracies = "; ".join(f"{attack} {accuracy} %" for attack, accuracy in entry.published_accuracy.items())
            print(f"{'':<20} published: {accuracies} ({entry.published_setting})")


def _convert(path: str, out: str, values: flags.FlagValues) -> None:
    shape = values.input_shape
    if shape is not None and (len(shape) != 3 or not all(size.isdecimal() and int(size) for size in shape)):
        raise InputError(f"--input_shape: expected height,width,channels, got {','.join(shape)!r}")
    sizes = (int(shape[0]), int(shape[1]), int(shape[2])) if shape else None
    model = convert(path, out, values.kind, values.normalization, sizes, values.overwrite)
    print(f"{out}: {model.name}, {model.count_params():,} parameters, input {list(model.input_shape[1:])}")


def _inspect(path: str) -> None:
    prefix = prefix_of(path)
    bundle = Bundle(prefix)
    variables = kinds.described(bundle)
    slots = [name for name in variables if kinds.is_slot(name)]
    print(f"{prefix}: {len(variables)} variables, {len(slots)} of them optimiser slots or counters")
    owner = dict.fromkeys(slots, "slot")
    found = sorted(kinds.kinds_in(variables))
    for name in found:
        owner |= dict.fromkeys(_inspect_kind(kinds.KINDS[name], variables), name)
    if not found:
        print("no known network")
    print("variables:")
    for name, variable in variables.items():
        print(f"  {name} {list(variable.shape)} {variable.dtype} {owner.get(name, 'UNKNOWN')}")
    for name in bundle:
        _ = bundle[name]  # raises where the data are damaged
    print("checksums: right for every variable")


def _inspect_kind(kind: kinds.Kind, variables: dict[str, kinds.Variable]) -> list[str]:
    """Prints what is there of a kind; returns the names that it accounts for."""
    try:
        found = kinds.audit(kind, variables)
    except InputError as error:
        print(f"{kind.name}: {error}")
        return []
    parameters = sum(variables[name].count for name in found.weights if name in variables)
    print(
        f"{kind.name}: {'incomplete' if found.problems() else 'complete'}, {parameters:,} parameters, {found.network}"
    )
    for what, names in (("missing", found.missing), ("unknown", found.unused), ("wrong", found.misshaped)):
        for name in names:
            print(f"  {what}: {name}")
    return list(found.weights)

"""benchmark: this library's speed beside its peers', on this machine.

WHAT is attacks: PGD by this library, by ART, CleverHans and Foolbox where they are installed (pip install "igam_tf[bench]"),
and the floor below them all, the input gradients alone. All attack the same wide residual network with the same images,
take turns in one process, and must return images that an attack returns.

  benchmark attacks --widths=1,2 --batch_sizes=64 --output=attacks.json
  benchmark attacks --widths=1 --batch_sizes=64 --curve       readings at 5, 10, 20, 50 and 100 steps
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from igam_tf.cli.command import Command
from igam_tf.errors import InputError

_COMMAND = Command("benchmark", __doc__, positional="what")
_VALUES = _COMMAND.flags
flags.DEFINE_list("widths", ["1", "2", "10"], "Widths of the network, each measured on its own.", flag_values=_VALUES)
flags.DEFINE_integer("blocks", 5, "Residual units per stage of the network.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_list("batch_sizes", ["64", "16"], "Images at a time, each measured on its own.", flag_values=_VALUES)
flags.DEFINE_integer("steps", 20, "Of PGD.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer(
    "rounds", 5, "Calls of each contender that are timed, after one that is not.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_integer(
    "images", None, "Images per call; one batch of them by default.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_list(
    "contenders",
    ["floor", "ours", "art", "cleverhans", "foolbox"],
    "Which to measure; ratios need floor and ours.",
    flag_values=_VALUES,
)
flags.DEFINE_bool(
    "curve",
    False,
    "Also the readings at 5, 10, 20, 50 and 100 steps: one attack of ours, five of a peer's.",
    flag_values=_VALUES,
)
flags.DEFINE_string(
    "output", None, "Write every time there, with what it ran on, as JSON; renewed at each table.", flag_values=_VALUES
)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    if values.target != "attacks":
        raise InputError(f"expected attacks, got {values.target!r}")
    widths, batch_sizes = (_sizes(name, values[name].value) for name in ("widths", "batch_sizes"))
    from igam_tf import files, runtime
    from igam_tf.benchmark import attacks, text
    from igam_tf.benchmark.task import random_task

    attacks.require_contenders(values.contenders)
    record = {"what": values.target, "environment": runtime.environment(), "rounds": values.rounds, "results": []}
    for width in widths:
        for batch_size in batch_sizes:
            task = random_task(width, values.blocks, batch_size, values.images or batch_size)
            prepared = attacks.prepare(task, values.contenders)
            for steps in ((values.steps,), *((attacks.SET,) if values.curve else ())):
                measured = attacks.measure(task, steps, prepared, values.rounds)
                print(f"width {width}, blocks {values.blocks}; {text.table(measured)}\n", flush=True)
                record["results"].append({"width": width, "blocks": values.blocks, **measured.record()})
                if values.output:
                    files.write_text(pathlib.Path(values.output), json.dumps(record, indent=1) + "\n")


def _sizes(flag: str, texts: list[str]) -> list[int]:
    if not texts or not all(text.isdecimal() and int(text) for text in texts):
        raise InputError(f"{flag}: expected comma-separated whole numbers from 1, got {','.join(texts)!r}")
    return [int(text) for text in texts]

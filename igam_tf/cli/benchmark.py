"""benchmark: this library's speed beside its peers' and the machine's limits, on this machine.

WHAT is attacks: PGD by this library, by ART, CleverHans and Foolbox where they are installed (pip install "igam_tf[bench]"),
and the floor below them all, the input gradients alone. All attack the same wide residual network with the same images,
take turns in one process, and must return images that an attack returns.

WHAT is train: training steps, plain, PGD7 and IGAM's (igam-: the teacher is a network like the student; mnist-: MNIST's CNN
behind its adapter; each under both protocols), PGD7's attack alone (attack) and its seven gradients (gradients), in turn with
the bare convolutions that they are made of.

  benchmark attacks --widths=1,2 --batch_sizes=64 --output=attacks.json
  benchmark attacks --widths=1 --batch_sizes=64 --curve       readings at 5, 10, 20, 50 and 100 steps
  benchmark train --widths=1 --batch_sizes=64 --fit           also model.fit beside a bare loop, and the input pipeline
  benchmark train --widths=10 --batch_sizes=8 --rounds=1 --contenders=plain,igam-paper --memory
"""

import itertools
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command
from igam_tf.errors import InputError

_COMMAND = Command("benchmark", __doc__, positional="what")
_VALUES = _COMMAND.flags
flags.DEFINE_list(
    "widths", [], "Widths of the network, each measured on its own; attacks: 1,2,10, train: 1.", flag_values=_VALUES
)
flags.DEFINE_integer("blocks", 5, "Residual units per stage of the network.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_list(
    "batch_sizes", [], "Images at a time, each measured on its own; attacks: 64,16, train: 64.", flag_values=_VALUES
)
flags.DEFINE_integer("steps", 20, "Attacks: of PGD. Train: a round's, with --fit.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer(
    "rounds", 5, "Calls of each contender that are timed, after one that is not.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_integer(
    "images", None, "Attacks: images per call; one batch of them by default.", lower_bound=1, flag_values=_VALUES
)
flags.DEFINE_list(
    "contenders",
    [],
    "Which to measure, all by default. Attacks: floor, ours, art, cleverhans, foolbox; ratios need floor and ours. Train: "
    "plain, pgd7, gradients, attack, igam-paper, igam-release, mnist-paper, mnist-release.",
    flag_values=_VALUES,
)
flags.DEFINE_bool(
    "curve",
    False,
    "Attacks: also the readings at 5, 10, 20, 50 and 100 steps: one attack of ours, five of a peer's.",
    flag_values=_VALUES,
)
flags.DEFINE_bool(
    "fit", False, "Train: also model.fit beside a bare loop, and the input pipeline.", flag_values=_VALUES
)
flags.DEFINE_bool(
    "memory", False, "Train: also each contender's peak memory, in a process of its own.", flag_values=_VALUES
)
shared.define_precision(_COMMAND)
shared.define_jit(_COMMAND)
flags.DEFINE_string(
    "output", None, "Write every time there, with what it ran on, as JSON; renewed at each table.", flag_values=_VALUES
)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    if values.target not in _DEFAULTS:
        raise InputError(f"expected attacks or train, got {values.target!r}")
    sizes = {name: _sizes(name, values[name].value or default) for name, default in _DEFAULTS[values.target].items()}
    from igam_tf import files, runtime

    output = pathlib.Path(values.output) if values.output else None
    if output:
        files.require_place(output, "output")
    record = {"what": values.target, "environment": runtime.environment(), "rounds": values.rounds, "results": []}
    measure = {"attacks": _attacks, "train": _train}[values.target]
    for text, results in measure(values, **sizes):
        print(text, flush=True)
        record["results"].extend(results)
        if output:
            files.write_text(output, json.dumps(record, indent=1) + "\n")


_DEFAULTS = {
    "attacks": {"widths": ["1", "2", "10"], "batch_sizes": ["64", "16"]},
    "train": {"widths": ["1"], "batch_sizes": ["64"]},
}


def _attacks(values: Any, widths: list[int], batch_sizes: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import attacks, text
    from igam_tf.benchmark.task import random_task

    contenders = values.contenders or attacks.CONTENDERS
    attacks.require_contenders(contenders)
    for width, batch_size in itertools.product(widths, batch_sizes):
        task = random_task(width, values.blocks, batch_size, values.images or batch_size)
        prepared = attacks.prepare(task, contenders)
        for steps in ((values.steps,), *((attacks.SET,) if values.curve else ())):
            measured = attacks.measure(task, steps, prepared, values.rounds)
            yield (
                f"width {width}, blocks {values.blocks}; {text.table(measured)}\n",
                [{"width": width, "blocks": values.blocks, **measured.record()}],
            )


def _train(values: Any, widths: list[int], batch_sizes: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import feeding, memory, training, training_text

    contenders = values.contenders or training.CONTENDERS
    training.require_contenders(contenders)
    for width, batch_size in itertools.product(widths, batch_sizes):
        setting = training.Setting(width, values.blocks, batch_size, values.precision, values.jit)
        measured = training.measure(setting, training.prepare(setting, contenders), values.rounds)
        lines, record = [training_text.table(measured)], measured.record()
        if values.fit:
            fed = feeding.measure(setting, values.steps, values.rounds)
            lines.append(feeding.text(fed))
            record["feeding"] = fed.record()
        if values.memory:
            taken = memory.measure(setting, contenders)
            lines.append(memory.text(taken))
            record["memory"] = taken
        yield "\n".join(lines) + "\n", [record]


def _sizes(flag: str, texts: list[str]) -> list[int]:
    if not all(text.isdecimal() and int(text) for text in texts):
        raise InputError(f"{flag}: expected comma-separated whole numbers from 1, got {','.join(texts)!r}")
    return [int(text) for text in texts]

"""benchmark: this library's speed beside its peers' and the machine's limits, on this machine.

WHAT is attacks: PGD by this library, by ART, CleverHans and Foolbox where they are installed (pip
install "igam_tf[bench]"), and the floor below them all, the input gradients alone. All attack the
same wide residual network with the same images, take turns in one process, and must return images
that an attack returns.

WHAT is train: training steps, plain, PGD7 and IGAM's (igam-: the teacher is a network like the
student; mnist-: MNIST's CNN behind its adapter; each under both protocols), PGD7's attack alone
(attack) and its seven gradients (gradients), in turn with the bare convolutions that they are made
of.

  benchmark attacks --widths=1,2 --batch_sizes=64 --output=attack_speed.json
  benchmark attacks --widths=1 --batch_sizes=64 --curve       readings at 5, 10, 20, 50 and 100
  steps benchmark train --widths=1 --batch_sizes=64 --fit           also model.fit beside a bare
  loop, and the input pipeline benchmark train --widths=10 --batch_sizes=8 --rounds=1
  --contenders=plain,igam-paper --memory
"""

import dataclasses
import itertools
import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from igam_tf.benchmark.contenders import ATTACKS, FLOOR, OURS, TRAINING
from igam_tf.core.command import Command
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import PRECISIONS


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkFlags(Settings):
    what: Annotated[
        str, Setting("What is measured.", choices=("attacks", "train"), positional=True)
    ]
    widths: Annotated[
        tuple[int, ...],
        Setting(
            "Widths of the network, each measured on its own; attacks: 1,2,10, train: 1.",
            at_least=1,
        ),
    ] = ()
    blocks: Annotated[int, Setting("Residual units per stage of the network.", at_least=1)] = 5
    batch_sizes: Annotated[
        tuple[int, ...],
        Setting(
            "Images at a time, each measured on its own; attacks: 64,16, train: 64.", at_least=1
        ),
    ] = ()
    steps: Annotated[int, Setting("Attacks: of PGD. Train: a round's, with --fit.", at_least=1)] = (
        20
    )
    rounds: Annotated[
        int, Setting("Calls of each contender that are timed, after one that is not.", at_least=1)
    ] = 5
    images: Annotated[
        int | None, Setting("Attacks: images per call; one batch of them by default.", at_least=1)
    ] = None
    contenders: Annotated[
        tuple[str, ...],
        Setting(
            f"Which to measure, all by default. Attacks: {', '.join(ATTACKS)}; ratios need {FLOOR} and {OURS}. Train: "
            f"{', '.join(TRAINING)}."
        ),
    ] = ()
    curve: Annotated[
        bool,
        Setting(
            "Attacks: also the readings at 5, 10, 20, 50 and 100 steps: one attack of ours, five of a peer's."
        ),
    ] = False
    fit: Annotated[
        bool, Setting("Train: also model.fit beside a bare loop, and the input pipeline.")
    ] = False
    memory: Annotated[
        bool, Setting("Train: also each contender's peak memory, in a process of its own.")
    ] = False
    precision: Annotated[str, Setting("Of convolutions and activations.", choices=PRECISIONS)] = (
        "float32"
    )
    jit: Annotated[bool, Setting("Compile training steps with XLA; takes minutes at first.")] = (
        False
    )
    output: Annotated[
        pathlib.Path | None,
        Setting("Write every time there, with what it ran on, as JSON; renewed at each table."),
    ] = None


COMMAND = Command("benchmark", __doc__, BenchmarkFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: BenchmarkFlags) -> None:
    from igam_tf.core import files, runtime

    if flags.output:
        files.require_place(flags.output, "output")
    flags = dataclasses.replace(
        flags, **{name: getattr(flags, name) or sizes for name, sizes in _SIZES[flags.what].items()}
    )
    record: dict[str, Any] = {
        "what": flags.what,
        "environment": runtime.environment(),
        "rounds": flags.rounds,
        "results": [],
    }
    for text, results in {"attacks": _attacks, "train": _train}[flags.what](flags):
        print(text, flush=True)
        record["results"].extend(results)
        if flags.output:
            files.write_text(flags.output, json.dumps(record, indent=1) + "\n")


_SIZES: dict[str, dict[str, Any]] = {
    "attacks": {"widths": (1, 2, 10), "batch_sizes": (64, 16)},
    "train": {"widths": (1,), "batch_sizes": (64,)},
}


def _attacks(flags: BenchmarkFlags) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import attack_speed, attack_text
    from igam_tf.benchmark.task import random_task

    contenders = flags.contenders or ATTACKS
    attack_speed.require_contenders(contenders)
    for width, batch_size in itertools.product(flags.widths, flags.batch_sizes):
        task = random_task(width, flags.blocks, batch_size, flags.images or batch_size)
        prepared = attack_speed.prepare(task, contenders)
        for steps in ((flags.steps,), *((attack_speed.SET,) if flags.curve else ())):
            measured = attack_speed.measure(task, steps, prepared, flags.rounds)
            yield (
                f"width {width}, blocks {flags.blocks}; {attack_text.table(measured)}\n",
                [{"width": width, "blocks": flags.blocks, **measured.record()}],
            )


def _train(flags: BenchmarkFlags) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import feeding, memory, training_speed, training_text

    contenders = flags.contenders or TRAINING
    training_speed.require_contenders(contenders)
    for width, batch_size in itertools.product(flags.widths, flags.batch_sizes):
        setting = training_speed.TrainingSize(
            width, flags.blocks, batch_size, flags.precision, flags.jit
        )
        measured = training_speed.measure(
            setting, training_speed.prepare(setting, contenders), flags.rounds
        )
        lines, record = [training_text.table(measured)], measured.record()
        if flags.fit:
            throughput = feeding.measure(setting, flags.steps, flags.rounds)
            lines.append(feeding.text(throughput))
            record["feeding"] = throughput.record()
        if flags.memory:
            peaks = memory.measure(setting, contenders)
            lines.append(memory.text(peaks))
            record["memory"] = peaks
        yield "\n".join(lines) + "\n", [record]

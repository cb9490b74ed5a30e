"""benchmark: the speed of attacks, training steps and several processes on this machine.

WHAT=attacks compares PGD by this library with PGD by ART, CleverHans and Foolbox, where these are
installed (pip install "igam_tf[bench]"). The input gradients alone (floor) are the lower limit. All
attack the same wide residual network on the same images, in turn in one process. An attack that
changes nothing, or leaves the ball or the pixel range, is not measured.

WHAT=train compares training steps with the convolutions that they consist of. The steps are plain,
pgd7, and igam-PROTOCOL (the teacher is a network like the student) and mnist-PROTOCOL (the teacher
is the MNIST CNN behind its adapter). attack is the attack of pgd7 alone, and gradients are the
seven input gradients of that attack.

WHAT=scaling compares the workers of one job with as many independent processes that run at the same
time. Each process has a core to itself and the same work. pgd7 and plain are training
(--strategy=multi_worker), evaluation is PGD (--shards). An efficiency of 1 says that workers lose
no time on each other.

  # The accuracy after 5, 10, 20, 50 and 100 steps as well:
  benchmark attacks --widths=1 --batch_sizes=64 --curve
  # AutoAttack instead of PGD:
  benchmark attacks --suite --images=100
  benchmark attacks --widths=1,2 --batch_sizes=64 --output=attack_speed.json
  # model.fit beside a bare loop, and the input pipeline, as well:
  benchmark train --widths=1 --batch_sizes=64 --fit
  benchmark train --widths=10 --batch_sizes=8 --rounds=1 --contenders=plain,igam-paper --memory
  # Two workers, five training steps a round in each:
  benchmark scaling --workers=2 --steps=5 --contenders=pgd7,plain
"""

import dataclasses
import itertools
import json
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from igam_tf.benchmark.contenders import ATTACKS, FLOOR, OURS, SCALING, TRAINING
from igam_tf.core.command import Command
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import PRECISIONS


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkFlags(Settings):
    what: Annotated[
        str, Setting("What to measure.", choices=("attacks", "train", "scaling"), positional=True)
    ]
    widths: Annotated[
        tuple[int, ...],
        Setting(
            "Widths of the network, each measured separately. By default 1,2,10 for attacks, else "
            "1.",
            at_least=1,
        ),
    ] = ()
    blocks: Annotated[int, Setting("Residual units per stage of the network.", at_least=1)] = 5
    batch_sizes: Annotated[
        tuple[int, ...],
        Setting(
            "Batch sizes, each measured separately; for scaling of each process. By default 64,16 "
            "for attacks, else 64.",
            at_least=1,
        ),
    ] = ()
    steps: Annotated[
        int,
        Setting(
            "attacks: steps of PGD. train: steps per round of --fit. scaling: training steps per "
            "round, and steps of PGD in an evaluation.",
            at_least=1,
        ),
    ] = 20
    rounds: Annotated[
        int, Setting("Timed calls of each contender, after one call to warm up.", at_least=1)
    ] = 5
    images: Annotated[
        int | None,
        Setting(
            "attacks: images per call; one batch by default, 100 for --suite. scaling: images that "
            "each process evaluates per round; two batches by default.",
            at_least=1,
        ),
    ] = None
    contenders: Annotated[
        tuple[str, ...],
        Setting(
            f"What to compare; all by default. attacks: {', '.join(ATTACKS)} (the ratios need "
            f"{FLOOR} and {OURS}). train: {', '.join(TRAINING)}. scaling: {', '.join(SCALING)}."
        ),
    ] = ()
    curve: Annotated[
        bool,
        Setting(
            "attacks: also time the accuracies after 5, 10, 20, 50 and 100 steps. This library "
            "runs one attack for all five, its peers run five."
        ),
    ] = False
    suite: Annotated[
        bool,
        Setting(
            "attacks: time AutoAttack instead, on the packaged model pgd7: its gradients and "
            "forward passes, their time alone (floor), and ART's gradient attacks."
        ),
    ] = False
    fit: Annotated[
        bool, Setting("train: also time model.fit, a bare loop of steps, and the input pipeline.")
    ] = False
    memory: Annotated[
        bool, Setting("train: also measure each contender's peak memory, in a separate process.")
    ] = False
    workers: Annotated[
        int, Setting("scaling: processes of a job, and independent ones.", at_least=2)
    ] = 2
    precision: Annotated[
        str, Setting("Precision of convolutions and activations.", choices=PRECISIONS)
    ] = "float32"
    jit: Annotated[bool, Setting("Compile training steps with XLA, which takes minutes.")] = False
    output: Annotated[
        pathlib.Path | None,
        Setting("Write all times and the environment to this JSON file, after each table."),
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
    for text, results in MEASUREMENTS[flags.what](flags):
        print(text, flush=True)
        record["results"].extend(results)
        if flags.output:
            files.write_text(flags.output, json.dumps(record, indent=1) + "\n")


_SIZES: dict[str, dict[str, Any]] = {
    "attacks": {"widths": (1, 2, 10), "batch_sizes": (64, 16)},
    "train": {"widths": (1,), "batch_sizes": (64,)},
    "scaling": {"widths": (1,), "batch_sizes": (64,)},
}


def _attacks(flags: BenchmarkFlags) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import attack_speed, attack_text
    from igam_tf.benchmark.task import random_task

    if flags.suite:
        yield _suite(flags)
        return
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


def _suite(flags: BenchmarkFlags) -> tuple[str, list[dict[str, Any]]]:
    from igam_tf.attacks.registry import autoattack
    from igam_tf.benchmark import suite_speed
    from igam_tf.benchmark.task import packaged_task

    task = packaged_task("pgd7", flags.images or 100, flags.images or 100)
    measured = suite_speed.measure(task, autoattack(task.epsilon))
    return f"pgd7, {suite_speed.table(measured)}\n", [measured.record()]


def _train(flags: BenchmarkFlags) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import feeding, memory, training_speed, training_text, training_times

    contenders = flags.contenders or TRAINING
    training_speed.require_contenders(contenders)
    for width, batch_size in itertools.product(flags.widths, flags.batch_sizes):
        setting = training_times.TrainingSize(
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


def _scaling(flags: BenchmarkFlags) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    from igam_tf.benchmark import scaling
    from igam_tf.core import runtime

    contenders = flags.contenders or SCALING
    sizes = [
        scaling.ScalingSize(
            flags.workers,
            width,
            flags.blocks,
            batch_size,
            flags.steps,
            flags.images or 2 * batch_size,
        )
        for width, batch_size in itertools.product(flags.widths, flags.batch_sizes)
    ]
    for size in sizes:
        scaling.require(size, contenders)
    for size in sizes:
        measured = [scaling.measure(size, name, flags.rounds) for name in contenders]
        yield (
            scaling.table(measured, runtime.environment()) + "\n",
            [times.record() for times in measured],
        )


MEASUREMENTS = {"attacks": _attacks, "train": _train, "scaling": _scaling}


if __name__ == "__main__":
    sys.exit(main())

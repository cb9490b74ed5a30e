"""The speed and memory of attacks and training steps, and the hours of the paper's rows."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from igam_tf import models
from igam_tf.benchmark import attack_speed, counting, memory, training_speed
from igam_tf.benchmark.contenders import FLOOR, OURS
from igam_tf.benchmark.task import SHAPE, Task
from igam_tf.benchmark.training_times import TrainingSize, TrainingTimes
from igam_tf.experiments import costs, plan, tables
from igam_tf.experiments.configs import StudentRun, Table
from igam_tf.experiments.options import Options
from igam_tf.selfcheck.findings import CheckFinding, DeviationLimits

STEP = "igam-paper"
FLOOR_LIMITS = DeviationLimits(1.15, 3.0)  # of the attack's time over its gradients'
LEAST_SHARE = 0.5  # of the convolutions' peak
MOST_HOURS = 30 * 24
_ATTACK_STEPS = 10
_ROUNDS = 3
PAPER_TABLES = [name for name in tables.TABLES if name.isdigit() or name.startswith("figure")]


def attack_at_floor(task: Task) -> Iterator[CheckFinding]:
    """PGD's time beside that of its input gradients alone."""
    contenders = attack_speed.prepare(task, (FLOOR, OURS))
    measured = attack_speed.measure(task, (_ATTACK_STEPS,), contenders, _ROUNDS)
    # The least times: a burst of other work on the machine is none of the attack's.
    ours, floor = (min(measured.timings[name].rounds) for name in (OURS, FLOOR))
    yield CheckFinding(
        FLOOR_LIMITS.status(ours / floor),
        f"PGD{_ATTACK_STEPS} on {task.batch_size} images",
        f"{ours / floor:.2f} of the time of its input gradients alone "
        f"(bound {FLOOR_LIMITS.warn:g})",
        measured.record(),
    )


def training_step(size: TrainingSize) -> Iterator[CheckFinding]:
    """An IGAM step's share of the convolutions' peak, and its memory."""
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    contenders = training_speed.prepare(size, [STEP])
    if has_gpu:
        tf.config.experimental.reset_memory_stats("GPU:0")
    measured = training_speed.measure(size, contenders, _ROUNDS)
    yield share_of_peak(measured)
    predicted = max(cost.memory for cost in measured.costs.values())
    if has_gpu:
        taken_bytes = float(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    else:
        peak = memory.measure(size, [STEP])[STEP]
        taken_bytes = peak["peak"] - peak["before"]
    yield memory_of(size, taken_bytes, predicted, None if has_gpu else memory_of_machine())


def share_of_peak(measured: TrainingTimes) -> CheckFinding:
    size, share = measured.setting, measured.share_of_peak(STEP)
    return CheckFinding(
        "PASS" if share >= LEAST_SHARE else "WARN",
        f"IGAM step of width {size.width}, {size.batch_size} images, {size.precision}",
        f"{measured.seconds(STEP):.3g} s, {share:.0%} of the convolutions' peak of "
        f"{measured.peak / 1e9:.0f} GFLOP/s (bound {LEAST_SHARE:.0%}), "
        f"{measured.share_of_attainable(STEP):.0%} of every convolution's speed alone",
        measured.record(),
    )


def memory_of(
    size: TrainingSize, taken_bytes: float, predicted: float, machine: float | None
) -> CheckFinding:
    """The step's memory, and whether the paper's step would fit into the machine's.

    Args:
      taken_bytes: what the step took.
      predicted: by `igam_tf.benchmark.counting`.
      machine: bytes of the machine; None where they are unknown.
    """
    paper = max(1.0, taken_bytes / predicted) * paper_step_bytes()
    fits = machine is None or paper < machine
    where = "" if machine is None else f" of this machine's {machine / 1e9:.1f} GB"
    return CheckFinding(
        "PASS" if fits else "WARN",
        f"memory of an IGAM step of width {size.width}, {size.batch_size} images",
        f"{taken_bytes / 1e9:.2f} GB where its tensors are {predicted / 1e9:.2f} GB; the paper's "
        f"step would take about {paper / 1e9:.1f} GB{where}",
        {"bytes": taken_bytes, "predicted": predicted, "paper": paper, "machine": machine},
    )


def paper_step_bytes() -> int:
    """The predicted memory of a step of Table 2's students, whose teacher is as large."""
    run = next(run for run in _table("2").rows.values() if isinstance(run, StudentRun))
    size = TrainingSize(run.network.width, run.network.blocks, run.schedule.batch_size)
    student = counting.NetworkSize.of(training_speed.network(size))
    judge = counting.NetworkSize.of(models.discriminator(SHAPE))
    cost = counting.igam(
        student, student, judge, size.batch_size, judge_steps=True, second_forward=True
    )
    return cost.memory


def memory_of_machine() -> float:
    """Bytes of physical memory."""
    return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def paper_hours(
    names: Sequence[str] = PAPER_TABLES,
    seconds_per_pass: Callable[[costs.SizedNetwork], float] = plan.seconds_per_pass,
) -> Iterator[CheckFinding]:
    """The hours of each row of the paper's tables, with its teacher's training, on this machine."""
    seconds_per_pass = functools.cache(seconds_per_pass)  # tables share networks
    for name in names:
        steps = plan.plan(_table(name), Options()).steps
        rows = dict.fromkeys(row for step in steps for row in step.rows)
        hours = {
            row: sum(step.cost.hours(seconds_per_pass) for step in steps if row in step.rows)
            for row in rows
        }
        yield CheckFinding(
            "PASS" if max(hours.values()) <= MOST_HOURS else "WARN",
            f"hours of {'Table ' if name.isdigit() else ''}{name} at the paper's sizes",
            ", ".join(f"{row} {each:,.0f}" for row, each in hours.items())
            + f" (bound {MOST_HOURS})",
            {"hours": hours},
        )


def _table(name: str) -> Table:
    return tables.table(name, "paper")

"""Times of AutoAttack by this library, of its model's passes alone, and of ART's AutoAttack."""

import dataclasses
import time
from typing import Any

import numpy as np

from igam_tf.attacks import APGD, FAB, Attack, AttackResult, Chain, Square
from igam_tf.benchmark import passes, peers, timing
from igam_tf.benchmark.passes import CountingModel
from igam_tf.benchmark.peers import Unusable
from igam_tf.benchmark.task import Task

ART_IMAGES = 20


@dataclasses.dataclass(frozen=True)
class StageTimes:
    """One attack of a suite, on the survivors of those before it.

    Attributes:
      images: how many it attacked; survivors: how many of these stay correct.
      gradients: input gradients; forward_passes: beside these. Both of single images.
      seconds: of the attack, once compiled; floor_seconds: of its passes of the model alone.
    """

    name: str
    images: int
    survivors: int
    gradients: int
    forward_passes: int
    seconds: float
    floor_seconds: float


@dataclasses.dataclass(frozen=True)
class SuiteTimes:
    """A suite's stages, and a peer's AutoAttack with its own attacks on the first images.

    Attributes:
      art: None where ART has no times; `absent` says why.
    """

    suite: str
    stages: tuple[StageTimes, ...]
    art: StageTimes | None
    absent: str | None

    def record(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def measure(task: Task, suite: Chain, clock: timing.Clock = time.perf_counter) -> SuiteTimes:
    """Runs a suite once, and then the passes that it took, stage by stage."""
    counting, stages = CountingModel(task.model), []

    def run(attack: Attack, places: np.ndarray) -> AttackResult:
        return attack.run(
            counting,
            task.images[places],
            task.labels[places],
            bounds=task.bounds,
            seed=0,
            indices=places,
            batch_size=task.batch_size,
        )

    def run_stage(stage: Attack, places: np.ndarray) -> AttackResult:
        run(_shortest(stage), places[:2])  # compiles it
        counting.reset()
        seconds, result = timing.timed(lambda: run(stage, places), clock)
        survivors = int(result.correct.sum())
        stages.append(_stage(stage.name, task, len(places), survivors, counting, seconds, clock))
        return result

    correct = run(Square(queries=1, epsilon=0), np.arange(len(task.images))).correct
    for _ in suite.in_turn(correct, False, run_stage):
        pass
    art, absent = None, None
    try:
        art = _art(task, clock)
    except Exception as error:  # a library may raise anything on versions it does not support
        absent = peers.reason(error)
    return SuiteTimes(suite.name, tuple(stages), art, absent)


def _art(task: Task, clock: timing.Clock) -> StageTimes:
    """ART's AutoAttack, with its own attacks, on the first correct images."""
    correct = Square(queries=1, epsilon=0).run(task.model, task.images, task.labels).correct
    places = np.flatnonzero(correct)[:ART_IMAGES]
    part = dataclasses.replace(task, images=task.images[places], labels=task.labels[places])
    counting = CountingModel(task.model)
    attack = peers.art_autoattack(part, counting)
    seconds, images = timing.timed(attack, clock)
    if images.shape != part.images.shape:
        raise Unusable(f"no attack: it returned the shape {images.shape}")
    judged = task.model(images, training=False).numpy().argmax(1) == part.labels
    return _stage("art", part, len(places), int(judged.sum()), counting, seconds, clock)


def _stage(
    name: str,
    task: Task,
    count: int,
    survivors: int,
    counting: CountingModel,
    seconds: float,
    clock: timing.Clock,
) -> StageTimes:
    calls = counting.passes
    floor = passes.seconds_alone(task.model, task.images, task.labels, calls, clock)
    return StageTimes(name, count, survivors, *calls.images, seconds, floor)


def _shortest(stage: Attack) -> Attack:
    """The same attack of one step or query."""
    match stage:
        case APGD() | FAB():
            return dataclasses.replace(stage, steps=1, num_targets=1)
        case Square():
            return dataclasses.replace(stage, queries=1)
    return stage


def table(measured: SuiteTimes) -> str:
    """A line for each stage: counts, seconds, and their ratio to the floor."""
    widths = (-14, 8, 11, 11, 15, 10, 10, 9, 15)
    head = ("attack", "images", "survivors", "gradients", "forward passes", "seconds", "floor s")
    rows: list[tuple[str, ...]] = [(*head, "x floor", "ms by gradient")]
    rows += [_cells(stage) for stage in (*measured.stages, measured.art) if stage]
    lines = [f"{measured.suite}, each attack on the survivors:", *timing.aligned(rows, widths)]
    gradients = sum(stage.gradients for stage in measured.stages)
    forward = sum(stage.forward_passes for stage in measured.stages)
    lines.append(f"in all {gradients} gradients and {forward} forward passes beside them")
    if measured.absent:
        lines.append(f"art: not measured: {measured.absent}")
    return "\n".join(lines)


def _cells(stage: StageTimes) -> tuple[str, ...]:
    counts = (stage.images, stage.survivors, stage.gradients, stage.forward_passes)
    by_gradient = 1000 * stage.seconds / stage.gradients if stage.gradients else None
    return (
        stage.name,
        *map(str, counts),
        f"{stage.seconds:.2f}",
        f"{stage.floor_seconds:.2f}",
        f"{stage.seconds / stage.floor_seconds:.2f}",
        "-" if by_gradient is None else f"{by_gradient:.3f}",
    )

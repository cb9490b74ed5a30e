"""Times of AutoAttack, of its model's passes alone, and of the gradient attacks of ART's."""

import dataclasses
import functools
import time
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import APGD, FAB, Attack, AttackResult, Chain, Square, fab_program
from igam_tf.attacks.balls import LINF
from igam_tf.attacks.projections import NORMS
from igam_tf.benchmark import passes, peers, timing
from igam_tf.benchmark.passes import Calls, CountingModel
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
      projection_seconds: of FAB's projections alone, one for each gradient; 0 of other attacks.
    """

    name: str
    images: int
    survivors: int
    gradients: int
    forward_passes: int
    seconds: float
    floor_seconds: float
    projection_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class SuiteTimes:
    """A suite's stages, and those of ART's AutoAttack that take gradients.

    Attributes:
      art: on the first correct images; empty where ART has no times, and `absent` says why.
    """

    suite: str
    stages: tuple[StageTimes, ...]
    art: tuple[StageTimes, ...]
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
        times = _stage(stage.name, task, len(places), survivors, counting, seconds, clock)
        if isinstance(stage, FAB):
            projections = _projection_seconds(task, counting.passes.gradients, clock)
            times = dataclasses.replace(times, projection_seconds=projections)
        stages.append(times)
        return result

    correct = run(Square(queries=1, epsilon=0), np.arange(len(task.images))).correct
    for _ in suite.in_turn(correct, False, run_stage):
        pass
    art: tuple[StageTimes, ...] = ()
    absent = None
    try:
        art = _art(task, clock)
    except Exception as error:  # a library may raise anything on versions it does not support
        absent = peers.reason(error)
    return SuiteTimes(suite.name, tuple(stages), art, absent)


def _art(task: Task, clock: timing.Clock) -> tuple[StageTimes, ...]:
    """ART's gradient attacks, each on the survivors among the first correct images.

    The seconds include what ART compiles.
    """
    correct = Square(queries=1, epsilon=0).run(task.model, task.images, task.labels).correct
    places = np.flatnonzero(correct)[:ART_IMAGES]
    counting, stages = CountingModel(task.model), []
    for name, attack in peers.art_autoattack(task, counting).items():
        images, labels = task.images[places], task.labels[places]
        counting.reset()
        seconds, adversarial = timing.timed(functools.partial(attack, images, labels), clock)
        if adversarial.shape != images.shape:
            raise Unusable(f"no attack: {name} returned the shape {adversarial.shape}")
        correct = task.model(adversarial, training=False).numpy().argmax(1) == labels
        survivors = int(correct.sum())
        stages.append(_stage(name, task, len(places), survivors, counting, seconds, clock))
        places = places[correct]
        if not survivors:
            break
    return tuple(stages)


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


def _projection_seconds(task: Task, calls: Calls, clock: timing.Clock) -> float:
    """Seconds of as many of FAB's projections as calls of the gradient, on the first images.

    They start at the distance epsilon and lead to the linearised boundary with the next class.
    """
    norm, seconds = NORMS[LINF], 0.0
    for size, count in calls.items():
        arguments = _fab_arguments(task, size)
        offset = LINF.boundary_offset(
            arguments.x, arguments.start_radius, arguments.seed, arguments.indices
        )
        at = tf.clip_by_value(arguments.x + offset, arguments.low, arguments.high)
        boundary = fab_program.boundary(arguments, lambda x: gradients.logits_of(task.model, x), at)
        cross = tf.function(functools.partial(fab_program.cross, arguments, norm), autograph=False)
        project = cross.get_concrete_function(at, *boundary)
        project(at, *boundary).numpy()  # the first call prepares its kernels

        def repeat(project: Any = project, values: Any = (at, *boundary), n: int = count) -> None:
            for _ in range(n):
                project(*values).numpy()

        seconds += timing.timed(repeat, clock)[0]
    return seconds


def _fab_arguments(task: Task, size: int) -> fab_program.FABArguments:
    """FAB's arguments for the first images; the target is the class beside the label."""
    x, y = tf.constant(task.images[:size]), tf.constant(task.labels[:size])
    return fab_program.FABArguments(
        x=x,
        y=y,
        targets=(y + 1) % task.model.output_shape[-1],
        indices=tf.range(size),
        seed=tf.constant(0),
        start_radius=tf.constant(task.epsilon, tf.float32),
        low=tf.constant(task.bounds.low, tf.float32),
        high=tf.constant(task.bounds.high, tf.float32),
        steps=tf.constant(1),
    )


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
    rows += [_cells(stage) for stage in (*measured.stages, *measured.art)]
    lines = [f"{measured.suite}, each attack on the survivors:", *timing.aligned(rows, widths)]
    gradients = sum(stage.gradients for stage in measured.stages)
    forward = sum(stage.forward_passes for stage in measured.stages)
    lines.append(f"in all {gradients} gradients and {forward} forward passes beside them")
    for stage in measured.stages:
        if stage.projection_seconds:
            share = stage.projection_seconds / stage.seconds
            lines.append(
                f"{stage.name}: {100 * share:.1f} % of its time are {stage.gradients} projections"
            )
    lines += _by_gradient(measured)
    if measured.absent:
        lines.append(f"art: not measured: {measured.absent}")
    return "\n".join(lines)


def _by_gradient(measured: SuiteTimes) -> list[str]:
    """How many times as long ART takes for a gradient of the same attack."""
    stages = {stage.name: stage for stage in (*measured.stages, *measured.art)}
    ours, art = (_milliseconds(stages.get(name)) for name in ("apgd-ce", "art-apgd-ce"))
    if ours is None or art is None:
        return []
    return [f"art-apgd-ce: {art / ours:.1f} times the ms by gradient of apgd-ce"]


def _milliseconds(stage: StageTimes | None) -> float | None:
    """By gradient, with the forward passes between them. None without gradients."""
    return 1000 * stage.seconds / stage.gradients if stage and stage.gradients else None


def _cells(stage: StageTimes) -> tuple[str, ...]:
    counts = (stage.images, stage.survivors, stage.gradients, stage.forward_passes)
    by_gradient = _milliseconds(stage)
    return (
        stage.name,
        *map(str, counts),
        f"{stage.seconds:.2f}",
        f"{stage.floor_seconds:.2f}",
        f"{stage.seconds / stage.floor_seconds:.2f}",
        "-" if by_gradient is None else f"{by_gradient:.3f}",
    )

"""PGD by this library, by its peers, and the floor below all of them: the gradients alone."""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import attacks, gradients, losses
from igam_tf.benchmark import peers, timing
from igam_tf.benchmark.contenders import ATTACKS, FLOOR, OURS
from igam_tf.benchmark.peers import PEERS, Unusable
from igam_tf.benchmark.task import Task
from igam_tf.core.errors import InputError

SET = (5, 10, 20, 50, 100)

Contender = Callable[
    [Sequence[int]], Any
]  # the steps that readings are wanted at, to the images after the most


@dataclasses.dataclass(frozen=True)
class AttackTimes:
    """One comparison: everybody's times for the same attack of the same images.

    Attributes:
      steps: of the PGD that was run, or the several whose readings were wanted.
      timings: by contender; `ours` is one attack whatever the steps, a peer's is one attack for
        each.
      gradients: that each contender computes.
      losses: mean cross-entropy of the images that each found, `clean` that of those it was given.
      absent: contenders without figures, and why.
    """

    task: Task
    steps: tuple[int, ...]
    timings: dict[str, timing.Timing]
    gradients: dict[str, int]
    losses: dict[str, float]
    absent: dict[str, str]

    @property
    def speedups(self) -> dict[str, float]:
        """By peer, its median time over ours; of all of them, the fastest's comes last as `fastest
        peer`.
        """
        found = {
            name: ratio
            for name, ratio in timing.ratios(self.timings, OURS).items()
            if name in PEERS
        }
        return {**found, "fastest peer": min(found.values())} if found else {}

    def record(self) -> dict[str, Any]:
        to_floor = timing.ratios(self.timings, FLOOR)
        return {
            "steps": list(self.steps),
            "batch_size": self.task.batch_size,
            "n": len(self.task.images),
            "parameters": self.task.model.count_params(),
            "epsilon": self.task.epsilon,
            "step_size": self.task.step_size,
            "bounds": [self.task.bounds.low, self.task.bounds.high],
            "clean_loss": self.losses["clean"],
            "contenders": {
                name: {
                    **found.record(),
                    "gradients": self.gradients[name],
                    "to_floor": to_floor.get(name),
                    "loss": self.losses.get(name),
                    "version": peers.version(name) if name in PEERS else None,
                }
                for name, found in self.timings.items()
            },
            "ours_faster_than": self.speedups,
            "absent": self.absent,
        }


def measure(
    task: Task,
    steps: Sequence[int],
    prepared: Mapping[str, Contender | Exception],
    rounds: int,
    clock: timing.Clock = time.perf_counter,
) -> AttackTimes:
    """Every contender's times for PGD read at each of `steps`.

    The first call of each, which is not in the rounds, must return what an attack returns, or its
    times say nothing: a peer that does not, or that fails, is reported instead.

    Args:
      prepared: what `prepare` returned.
    """
    absent = {
        name: peers.reason(found)
        for name, found in prepared.items()
        if isinstance(found, Exception)
    }
    first: dict[str, float] = {}
    calls: dict[str, Callable[[], Any]] = {}
    raised = {"clean": _loss(task, task.images)}
    for name, contender in prepared.items():
        if isinstance(contender, Exception):
            continue
        call = functools.partial(contender, steps)
        try:
            seconds, found = timing.timed(call, clock)
            if name != FLOOR:
                found = np.asarray(found)
                require_attacked(task, found)
                raised[name] = _loss(task, found)
        except Exception as error:
            if name not in PEERS:
                raise
            absent[name] = peers.reason(error)
        else:
            calls[name], first[name] = call, seconds
    seconds_of = timing.alternate(calls, rounds, clock)
    timings = {
        name: timing.Timing(first[name], seconds_of[name], len(task.images)) for name in calls
    }
    counts = {name: sum(steps) if name in PEERS else max(steps) for name in calls}
    return AttackTimes(task, tuple(steps), timings, counts, raised, absent)


def require_contenders(names: Sequence[str]) -> None:
    """Raises `InputError` unless every name is a contender's."""
    if not names or set(names) - set(ATTACKS):
        raise InputError(
            f"contenders: expected some of {', '.join(ATTACKS)}, got {','.join(names)!r}"
        )


def prepare(task: Task, names: Sequence[str]) -> dict[str, Contender | Exception]:
    """The contenders of those names; for a peer that cannot be built, why."""
    found: dict[str, Contender | Exception] = {}
    for name in names:
        try:
            found[name] = _BUILDERS[name](task)
        except Exception as error:  # whatever a library does on versions that it was not made for
            if name not in PEERS:
                raise
            found[name] = error
    return found


def gradients_alone(task: Task) -> Contender:
    """The floor: that many calls of one compiled input gradient, for the images as they are, and
    nothing else.
    """

    @tf.function(autograph=False)
    def gradient(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return gradients.input_gradient(task.model, images, labels, "xent")

    def run(steps: Sequence[int]) -> np.ndarray:
        def of_batch(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            x, y = tf.constant(images), tf.constant(labels)
            for _ in range(max(steps)):
                found = gradient(x, y)
            return found.numpy()  # waits for the device

        return task.in_batches(of_batch)

    return run


def ours(task: Task) -> Contender:
    """One trajectory, whatever it is read at; without readings on the way, images alone, as the
    peers give.
    """
    amounts: dict[str, Any] = {"epsilon": task.epsilon, "step_size": task.step_size, "seed": 0}

    def run(steps: Sequence[int]) -> np.ndarray:
        def of_batch(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            if len(steps) == 1:
                return attacks.pgd(task.model, images, labels, steps=steps[0], **amounts)
            return attacks.pgd_curve(task.model, images, labels, record_at=steps, **amounts).x_adv

        return task.in_batches(of_batch)

    return run


def by_peer(name: str, task: Task) -> Contender:
    """A peer begins anew for every number of steps: it has no readings on the way."""
    attack = PEERS[name](task)
    return lambda steps: [attack(count) for count in steps][-1]


_BUILDERS: dict[str, Callable[[Task], Contender]] = {
    FLOOR: gradients_alone,
    OURS: ours,
    **{name: functools.partial(by_peer, name) for name in PEERS},
}


def require_attacked(task: Task, found: np.ndarray) -> None:
    """Raises `Unusable` unless the images were moved, within the ball and the range."""
    if found.shape != task.images.shape:
        raise Unusable(f"no attack: it returned the shape {found.shape} for {task.images.shape}")
    slack = 1e-5 * task.bounds.range
    furthest = float(np.abs(found - task.images).max())
    if not furthest <= task.epsilon + slack:  # also where a pixel is no number
        raise Unusable(f"no attack: it moved a pixel by {furthest:.3g}, more than {task.epsilon:g}")
    if found.min() < task.bounds.low - slack or found.max() > task.bounds.high + slack:
        raise Unusable(
            f"no attack: pixels from {found.min():g} to {found.max():g}, outside {task.bounds}"
        )
    still = int((found == task.images).all((1, 2, 3)).sum())
    if still:
        raise Unusable(f"no attack: {still} of {len(found)} images came back as they were")


def _loss(task: Task, images: np.ndarray) -> float:
    def of_batch(some: np.ndarray, labels: np.ndarray) -> Any:
        return losses.cross_entropy(labels, gradients.logits_of(task.model, tf.constant(some)))

    return float(np.mean(dataclasses.replace(task, images=images).in_batches(of_batch)))

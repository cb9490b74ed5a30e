"""Times of PGD by this library, by its peers, and of the gradients alone: the floor."""

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

# The numbers of steps to read the attack at, to the images after the most steps.
Contender = Callable[[Sequence[int]], Any]


@dataclasses.dataclass(frozen=True)
class AttackTimes:
    """One comparison: each contender's times for the same attack of the same images.

    Attributes:
      task: network, images and ball.
      steps: numbers of PGD steps at which the attack is read.
      timings: by contender. `ours` reads one attack at all of `steps`, a peer runs one for each.
      gradients: the number of input gradients, by contender.
      losses: mean cross-entropy of the adversarial images by contender; `clean`, of the images.
      absent: reasons of contenders without times.
    """

    task: Task
    steps: tuple[int, ...]
    timings: dict[str, timing.Timing]
    gradients: dict[str, int]
    losses: dict[str, float]
    absent: dict[str, str]

    @property
    def speedups(self) -> dict[str, float]:
        """Each peer's median time over ours; the smallest of these as `fastest peer`."""
        to_ours = timing.ratios(self.timings, OURS)
        by_peer = {name: ratio for name, ratio in to_ours.items() if name in PEERS}
        return {**by_peer, "fastest peer": min(by_peer.values())} if by_peer else {}

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
                    **times.record(),
                    "gradients": self.gradients[name],
                    "to_floor": to_floor.get(name),
                    "loss": self.losses.get(name),
                    "version": peers.version(name) if name in PEERS else None,
                }
                for name, times in self.timings.items()
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

    Each is called once before the rounds, and the result of that call must be an attack's
    (`require_attacked`). A peer without such a result, or one that fails, is in `absent`.

    Args:
      prepared: what `prepare` returned.
    """
    absent = {
        name: peers.reason(contender)
        for name, contender in prepared.items()
        if isinstance(contender, Exception)
    }
    first: dict[str, float] = {}
    calls: dict[str, Callable[[], Any]] = {}
    mean_losses = {"clean": _loss(task, task.images)}
    for name, contender in prepared.items():
        if isinstance(contender, Exception):
            continue
        call = functools.partial(contender, steps)
        try:
            seconds, adversarial = timing.timed(call, clock)
            if name != FLOOR:
                adversarial = np.asarray(adversarial)
                require_attacked(task, adversarial)
                mean_losses[name] = _loss(task, adversarial)
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
    return AttackTimes(task, tuple(steps), timings, counts, mean_losses, absent)


def require_contenders(names: Sequence[str]) -> None:
    """Raises `InputError` unless every name is a contender's."""
    if not names or set(names) - set(ATTACKS):
        raise InputError(
            f"contenders: expected some of {', '.join(ATTACKS)}, got {','.join(names)!r}"
        )


def prepare(task: Task, names: Sequence[str]) -> dict[str, Contender | Exception]:
    """The contenders of these names; for a peer that cannot be built, the exception."""
    contenders: dict[str, Contender | Exception] = {}
    for name in names:
        try:
            contenders[name] = _BUILDERS[name](task)
        except Exception as error:  # a library may raise anything on versions it does not support
            if name not in PEERS:
                raise
            contenders[name] = error
    return contenders


def gradients_alone(task: Task) -> Contender:
    """The floor: as many calls of one compiled input gradient, of the clean images."""

    @tf.function(autograph=False)
    def gradient(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return gradients.input_gradient(task.model, images, labels, "xent")

    def run(steps: Sequence[int]) -> np.ndarray:
        def of_batch(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            x, y = tf.constant(images), tf.constant(labels)
            for _ in range(max(steps)):
                result = gradient(x, y)
            return result.numpy()  # waits for the device

        return task.in_batches(of_batch)

    return run


def ours(task: Task) -> Contender:
    """One trajectory for all of `steps`; a single number of steps takes `pgd`, as a peer does."""
    amounts: dict[str, Any] = {"epsilon": task.epsilon, "step_size": task.step_size, "seed": 0}

    def run(steps: Sequence[int]) -> np.ndarray:
        def of_batch(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            if len(steps) == 1:
                return attacks.pgd(task.model, images, labels, steps=steps[0], **amounts)
            return attacks.pgd_curve(task.model, images, labels, record_at=steps, **amounts).x_adv

        return task.in_batches(of_batch)

    return run


def by_peer(name: str, task: Task) -> Contender:
    """One attack for every number of steps: peers cannot be read on the way."""
    attack = PEERS[name](task)
    return lambda steps: [attack(count) for count in steps][-1]


_BUILDERS: dict[str, Callable[[Task], Contender]] = {
    FLOOR: gradients_alone,
    OURS: ours,
    **{name: functools.partial(by_peer, name) for name in PEERS},
}


def require_attacked(task: Task, images: np.ndarray) -> None:
    """Raises `Unusable` unless every image differs from the task's, within the ball and range."""
    if images.shape != task.images.shape:
        raise Unusable(f"no attack: it returned the shape {images.shape} for {task.images.shape}")
    slack = 1e-5 * task.bounds.range
    furthest = float(np.abs(images - task.images).max())
    if not furthest <= task.epsilon + slack:  # true of NaN as well
        raise Unusable(f"no attack: it moved a pixel by {furthest:.3g}, more than {task.epsilon:g}")
    low, high = images.min(), images.max()
    if low < task.bounds.low - slack or high > task.bounds.high + slack:
        raise Unusable(f"no attack: pixels from {low:g} to {high:g}, outside {task.bounds}")
    unchanged = int((images == task.images).all((1, 2, 3)).sum())
    if unchanged:
        raise Unusable(f"no attack: {unchanged} of {len(images)} images came back as they were")


def _loss(task: Task, images: np.ndarray) -> float:
    """The mean cross-entropy of images like the task's."""

    def of_batch(x: np.ndarray, y: np.ndarray) -> Any:
        return losses.cross_entropy(y, gradients.logits_of(task.model, tf.constant(x)))

    return float(np.mean(dataclasses.replace(task, images=images).in_batches(of_batch)))

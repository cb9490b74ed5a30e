"""Auto-PGD (Croce and Hein 2020, Algorithm 1) in the l-infinity ball: PGD that sets its own step
size.

What the paper leaves open is as in its authors' AutoAttack: the start, and that a step begins at
the best point with the gradient already taken there.
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.attacks.attack import Attack
from igam_tf.attacks.balls import LINF
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss

MOMENTUM = 0.75  # alpha: share of the new step
RISING = 0.75  # rho: the share of steps between two checkpoints that must raise the loss
# In hundredths of all steps, rounded up: p_1 = 0.22, then p_j + max(p_j - p_(j-1) - 0.03, 0.06).
CHECKPOINTS = np.array([0, 22, 41, 57, 70, 80, 87, 93, 99])

# The least number of classes for which a loss means something.
_CLASSES = {"xent": 2, "dlr": 3, "targeted_dlr": 4}
_SUFFIXES = {"xent": "ce", "dlr": "dlr", "targeted_dlr": "t"}

# Labels, targets, logits to the per-example loss to raise.
TargetedLossFn = Callable[[Any, Any, Any], tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class APGD(Attack):
    """Auto-PGD: of every example the first misclassified iterate, or else the one of highest loss.

    Images that are misclassified from the start are returned as they are.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      steps: of every run; each takes one gradient more than that.
      loss: `"xent"`, `"dlr"` (three classes or more), `"targeted_dlr"` (four or more; one run per
        target), or any callable (labels [B], logits [B, K]) to the loss to raise, [B].
      restarts: random starts (times targets), each for the examples that none before it fooled.
      num_targets: how many targets: the likeliest classes after the first on the clean image, or as
        many as there are.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"apgd(?P<steps>[1-9]\d*)?-(?P<loss>ce|dlr|t)(?:-x(?P<restarts>[1-9]\d*))?"
    )
    GRAMMAR: ClassVar[str] = "apgd[K]-ce|-dlr|-t[-xR]"

    epsilon: Amount = "8/255"
    steps: int = 100
    loss: AttackLoss = "xent"
    restarts: int = 1
    num_targets: int = 9

    def __post_init__(self) -> None:
        if not callable(self.loss) and self.loss not in _CLASSES:
            names = ", ".join(_CLASSES)
            raise InputError(f"loss: expected one of {names}, or a callable, got {self.loss!r}")
        if min(self.steps, self.restarts, self.num_targets) < 1:
            raise InputError(
                f"apgd: need steps, restarts, num_targets >= 1, got {self.steps}, {self.restarts}, {self.num_targets}"
            )

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "APGD":
        """The attack of a name that `PATTERN` matches."""
        loss = next(loss for loss, suffix in _SUFFIXES.items() if suffix == match["loss"])
        return cls(
            epsilon=epsilon,
            steps=int(match["steps"] or 100),
            loss=loss,
            restarts=int(match["restarts"] or 1),
        )

    @property
    def default_name(self) -> str:
        steps = "" if self.steps == 100 else str(self.steps)
        loss = losses.loss_name(self.loss)
        restarts = f"-x{self.restarts}" if self.restarts > 1 else ""
        return f"apgd{steps}-{_SUFFIXES.get(loss, loss)}{restarts}"

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        radius = bounds.amount(self.epsilon)
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        # A model of fewer classes has fewer targets.
        targeted = self.loss == "targeted_dlr"
        targets = f" towards up to {self.num_targets} classes" if targeted else ""
        return (
            f"linf, eps {bounds.describe(radius)}, {self.steps} steps, random start{restarts}, "
            f"loss {losses.loss_name(self.loss)}{targets}"
        )

    def cost(self, num_classes: int) -> tuple[int, int]:
        targets = min(self.num_targets, num_classes - 1) if self.loss == "targeted_dlr" else 1
        return self.steps * self.restarts * targets, 0

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        radius = bounds.amount(self.epsilon)
        amounts = {"epsilon": radius, "epsilon_shown": bounds.describe(radius), "norm": "linf"}
        return {**super().settings(bounds, image_shape), **amounts}

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        logits, limits = inputs.logits(), inputs.bounds
        self._require_classes(logits.shape[1])
        radius = limits.amount(self.epsilon)
        run = inputs.compiled(("apgd", self._loss_fn), functools.partial(_compile, self._loss_fn))
        num_targets = self.num_targets if self.loss == "targeted_dlr" else 1
        targets = np.argsort(-logits, 1, kind="stable")[:, 1 : num_targets + 1]
        x_adv, highest = inputs.images.copy(), np.full(len(inputs), -np.inf, np.float32)
        open_ = logits.argmax(1) == inputs.labels
        for number, (_, aims) in enumerate(itertools.product(range(self.restarts), targets.T)):
            if not open_.any():
                break
            chosen = inputs.survivors(open_)
            arrays = (inputs.images, inputs.labels, aims, inputs.indices, open_)
            images, right, reached = run(
                *(tf.constant(values[chosen]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, number)),
                *(tf.constant(value, tf.float32) for value in (radius, limits.low, limits.high)),
                tf.constant(_spans(self.steps)),
            )
            right, reached = right.numpy(), reached.numpy()
            better = open_[chosen] & (~right | (reached > highest[chosen]))
            x_adv[chosen[better]] = images.numpy()[better]
            highest[chosen[better]] = reached[better]
            open_[chosen] &= right
        return x_adv

    @property
    def _loss_fn(self) -> TargetedLossFn:
        if self.loss == "targeted_dlr":
            return losses.targeted_dlr
        return _untargeted(losses.attack_loss(self.loss))

    def _require_classes(self, classes: int) -> None:
        least = _CLASSES.get(losses.loss_name(self.loss), 2)
        if classes < least:
            raise InputError(
                f"loss: {self.loss} needs {least} classes or more, the model has {classes}"
            )


@functools.cache
def _untargeted(loss_fn: ascent.LossFn) -> TargetedLossFn:
    """Cached, so that the same loss is the same program."""
    return lambda labels, targets, logits: loss_fn(labels, logits)


def _spans(steps: int) -> np.ndarray:
    """For the iterates x_0 .. x_steps: at a checkpoint the number of steps since the one before,
    elsewhere 0. int32.
    """
    places = np.unique(-(-CHECKPOINTS * steps // 100))
    spans = np.zeros(steps + 1, np.int32)
    spans[places[1:]] = np.diff(places)
    return spans


class _State(NamedTuple):
    """What one iteration hands to the next, example by example."""

    index: tf.Tensor
    at: tf.Tensor
    before: tf.Tensor  # where the step to `at` began
    loss_before: tf.Tensor
    step_size: tf.Tensor
    rises: tf.Tensor  # steps since the last checkpoint that raised the loss
    halved: tf.Tensor  # whether the last checkpoint halved the step
    best: tf.Tensor
    best_gradient: tf.Tensor
    best_loss: tf.Tensor
    best_loss_checked: tf.Tensor  # best_loss at the last checkpoint
    fooling: tf.Tensor  # the first misclassified iterate
    open: tf.Tensor  # not fooled yet


def _ascend(
    logits_fn: ascent.LogitsFn,
    loss_fn: ascent.LossFn,
    x: tf.Tensor,
    y: tf.Tensor,
    start: tf.Tensor,
    open_: tf.Tensor,
    epsilon: tf.Tensor,
    low: tf.Tensor,
    high: tf.Tensor,
    spans: tf.Tensor,
) -> _State:
    """The loop. An iteration takes the gradient at a point, whose forward pass gives all else, and
    moves on.
    """
    project = LINF.projection(x, epsilon, low, high)

    def iterate(*fields: tf.Tensor) -> _State:
        s = _State(*fields)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(s.at)
            logits = tf.cast(logits_fn(s.at), tf.float32)
            loss = ascent.per_example(loss_fn(y, logits))
        gradient = ascent.gradient_of(tape, loss, s.at)
        fooled = s.open & ~ascent.is_correct(y, logits)
        improved = loss > s.best_loss
        best, best_gradient = (
            _where(improved, s.at, s.best),
            _where(improved, gradient, s.best_gradient),
        )
        best_loss = tf.where(improved, loss, s.best_loss)
        rises = s.rises + tf.cast(loss > s.loss_before, tf.float32)

        span = tf.cast(spans[s.index], tf.float32)
        stalls = (rises < RISING * span) | (~s.halved & (best_loss <= s.best_loss_checked))
        checkpoint = span > 0
        halve = checkpoint & stalls
        step_size = _where(halve, s.step_size / 2, s.step_size)
        at, gradient = _where(halve, best, s.at), _where(halve, best_gradient, gradient)

        share = tf.where(s.index > 0, MOMENTUM, 1.0)
        towards = project(at + step_size * tf.sign(gradient)) - at
        return _State(
            s.index + 1,
            project(at + share * towards + (1 - share) * (at - s.before)),
            at,
            tf.where(halve, best_loss, loss),
            step_size,
            tf.where(checkpoint, 0.0, rises),
            tf.where(checkpoint, halve, s.halved),
            best,
            best_gradient,
            best_loss,
            tf.where(checkpoint, best_loss, s.best_loss_checked),
            _where(fooled, s.at, s.fooling),
            s.open & ~fooled,
        )

    start = project(start)
    zeros = tf.zeros_like(y, tf.float32)
    step_size = tf.zeros_like(start[:, :1, :1, :1]) + 2 * epsilon
    no, none = tf.zeros_like(open_), zeros - np.inf
    first = _State(
        tf.constant(0), start, start, zeros + np.inf, step_size, zeros, no, start, tf.zeros_like(start), none, none, x, open_
    )  # fmt: skip
    last = tf.size(spans) - 1
    state = tf.while_loop(
        lambda *fields: (fields[0] <= last) & tf.reduce_any(_State(*fields).open),
        iterate,
        first,
        parallel_iterations=1,
        maximum_iterations=last + 1,
    )
    return _State(*state)


def _where(chosen: tf.Tensor, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    return tf.where(chosen[:, None, None, None], images, others)


def _compile(
    loss_fn: TargetedLossFn,
    shape: tuple[int, ...],
    statistics: str,
    reference: Callable[[], Any],
) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """One run as a concrete function: images to return, whether still right, highest loss."""

    def run(
        x: tf.Tensor,
        y: tf.Tensor,
        aims: tf.Tensor,
        indices: tf.Tensor,
        open_: tf.Tensor,
        seed: tf.Tensor,
        epsilon: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
        spans: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # Uniform in the cube, then stretched until it touches a face of the ball.
        noise = LINF.noise(x, seed, indices)
        start = x + epsilon * noise / tf.reduce_max(tf.abs(noise), [1, 2, 3], keepdims=True)
        end = _ascend(
            lambda images: gradients.logits_of(reference(), images, statistics),
            lambda labels, logits: loss_fn(labels, aims, logits),
            x, y, start, open_, epsilon, low, high, spans,
        )  # fmt: skip
        return _where(end.open, end.best, end.fooling), end.open, end.best_loss

    labels, real = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)
    places, whole, right = (
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([None], tf.bool),
    )
    return tf.function(run, autograph=False).get_concrete_function(
        tf.TensorSpec((None, *shape), tf.float32),
        labels,
        labels,
        places,
        right,
        whole,
        real,
        real,
        real,
        places,
    )

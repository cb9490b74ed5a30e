"""Auto-PGD (Croce and Hein 2020, Algorithm 1) in the l-infinity ball: PGD that sets its own step size.

What the paper leaves open is as in its authors' AutoAttack: the start, and that a step begins at the best point with the
gradient already taken there.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent, common
from igam_tf.bounds import Amount
from igam_tf.errors import InputError
from igam_tf.layers import check_statistics

MOMENTUM = 0.75  # alpha: share of the new step
RISING = 0.75  # rho: the share of steps between two checkpoints that must raise the loss
# In hundredths of all steps, rounded up: p_1 = 0.22, then p_j + max(p_j - p_(j-1) - 0.03, 0.06).
CHECKPOINTS = np.array([0, 22, 41, 57, 70, 80, 87, 93, 99])

# Labels, targets, logits to the per-example loss to raise, and the classes that it needs.
_LOSSES: dict[str, tuple[Callable[[Any, Any, Any], tf.Tensor], int]] = {
    "xent": (lambda labels, targets, logits: losses.cross_entropy(labels, logits), 2),
    "dlr": (lambda labels, targets, logits: losses.dlr(labels, logits), 3),
    "targeted_dlr": (losses.targeted_dlr, 4),
}


def apgd(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    steps: int = 100,
    bounds: Any = None,
    loss: str = "xent",
    restarts: int = 1,
    num_targets: int = 9,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
) -> np.ndarray:
    """Adversarial images, float32 like x: of every example the first misclassified iterate.

    Without one, the iterate of highest loss. Images that are misclassified from the start are returned as they are.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      steps: of every run; each takes one gradient more than that.
      bounds: pixel range, `Bounds` or (low, high); None asks the model.
      loss: `"xent"`, `"dlr"` (three classes or more) or `"targeted_dlr"` (four or more), which runs once per target.
      restarts: random starts (times targets), each for the examples that none before it fooled.
      num_targets: how many targets: the likeliest classes after the first on the clean image, or as many as there are.
      statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated. With `"batch"` every run attacks the whole
        batch, since its statistics are part of the model, and an iterate is fooled in the batch of that iteration.
      seed: of the starts; None draws one. Example i starts by (seed, run, `indices[i]`, by default i) whatever the batch.

    Raises:
      InputError: any argument out of its range, with the range; too few classes for the loss.
    """
    if loss not in _LOSSES:
        raise InputError(f"loss: expected one of {', '.join(_LOSSES)}, got {loss!r}")
    if min(steps, restarts, num_targets) < 1:
        raise InputError(f"apgd: need steps, restarts, num_targets >= 1, got {steps}, {restarts}, {num_targets}")
    limits, images, labels = common.checked(model, x, y, bounds)
    check_statistics(statistics, model)
    radius = limits.amount(epsilon)
    kind = (images.shape[1:], statistics)
    logits = common.logits(model, images, statistics)
    if logits.shape[1] < _LOSSES[loss][1]:
        raise InputError(f"loss: {loss} needs {_LOSSES[loss][1]} classes or more, the model has {logits.shape[1]}")
    run = common.compiled(model, ("apgd", loss, *kind), functools.partial(_compile, loss, *kind))
    targets = np.argsort(-logits, 1, kind="stable")[:, 1 : num_targets + 1 if loss == "targeted_dlr" else 2]
    seed, order = common.drawn(seed), common.order_of(indices, len(labels))
    x_adv, highest = images.copy(), np.full(len(labels), -np.inf, np.float32)
    open_ = logits.argmax(1) == labels
    for number, (_, aims) in enumerate(itertools.product(range(restarts), targets.T)):
        chosen = np.flatnonzero(open_) if statistics == "moving" else np.arange(len(labels))
        if not open_.any():
            break
        found, still, reached = run(
            *(tf.constant(values[chosen]) for values in (images, labels, aims, order, open_)),
            tf.constant(common.restart_seed(seed, number)),
            *(tf.constant(amount, tf.float32) for amount in (radius, limits.low, limits.high)),
            tf.constant(_spans(steps)),
        )
        still, reached = still.numpy(), reached.numpy()
        better = open_[chosen] & (~still | (reached > highest[chosen]))
        x_adv[chosen[better]] = found.numpy()[better]
        highest[chosen[better]] = reached[better]
        open_[chosen] &= still
    return x_adv


def _spans(steps: int) -> np.ndarray:
    """For the iterates x_0 .. x_steps: at a checkpoint the number of steps since the one before, elsewhere 0. int32."""
    places = np.unique(-(-CHECKPOINTS * steps // 100))
    spans = np.zeros(steps + 1, np.int32)
    spans[places[1:]] = np.diff(places)
    return spans


class State(NamedTuple):
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
    found: tf.Tensor  # the first misclassified iterate
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
) -> State:
    """The loop. An iteration looks at a point (one gradient, whose forward pass gives all else) and leaves it."""
    project = ascent.projection(x, epsilon, low, high, "linf")

    def iterate(*fields: tf.Tensor) -> State:
        s = State(*fields)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(s.at)
            logits = tf.cast(logits_fn(s.at), tf.float32)
            loss = loss_fn(y, logits)
        gradient = ascent.gradient_of(tape, loss, s.at)
        fooled = s.open & ~ascent.is_correct(y, logits)
        improved = loss > s.best_loss
        best, best_gradient = _where(improved, s.at, s.best), _where(improved, gradient, s.best_gradient)
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
        return State(
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
            _where(fooled, s.at, s.found),
            s.open & ~fooled,
        )

    start = project(start)
    zeros = tf.zeros_like(y, tf.float32)
    step_size = tf.zeros_like(start[:, :1, :1, :1]) + 2 * epsilon
    no, none = tf.zeros_like(open_), zeros - np.inf
    first = State(
        tf.constant(0), start, start, zeros + np.inf, step_size, zeros, no, start, tf.zeros_like(start), none, none, x, open_
    )  # fmt: skip
    last = tf.size(spans) - 1
    state = tf.while_loop(
        lambda *fields: (fields[0] <= last) & tf.reduce_any(State(*fields).open),
        iterate,
        first,
        parallel_iterations=1,
        maximum_iterations=last + 1,
    )
    return State(*state)


def _where(chosen: tf.Tensor, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    return tf.where(chosen[:, None, None, None], images, others)


def _compile(
    loss: str, shape: tuple[int, ...], statistics: str, reference: Callable[[], Any]
) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """One run as a concrete function: images to return, whether still right, highest loss."""
    loss_fn = _LOSSES[loss][0]

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
        noise = ascent.random_start(tf.zeros_like(x), 1.0, seed, indices)
        start = x + epsilon * noise / tf.reduce_max(tf.abs(noise), [1, 2, 3], keepdims=True)
        end = _ascend(
            lambda images: gradients.logits_of(reference(), images, statistics),
            lambda labels, logits: loss_fn(labels, aims, logits),
            x, y, start, open_, epsilon, low, high, spans,
        )  # fmt: skip
        return _where(end.open, end.best, end.found), end.open, end.best_loss

    labels, real = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)
    places, whole, right = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.bool)
    return tf.function(run, autograph=False).get_concrete_function(
        tf.TensorSpec((None, *shape), tf.float32), labels, labels, places, right, whole, real, real, real, places
    )

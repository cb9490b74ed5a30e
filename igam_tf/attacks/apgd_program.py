"""Algorithm 1 of Croce and Hein (2020), Auto-PGD, as one compiled program per model and loss.

What the paper leaves open is as in its authors' AutoAttack: the start on the ball's boundary, the
steepest steps and the projections of each norm, and that a step begins at the best point with the
gradient already taken there.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import ascent
from igam_tf.attacks.balls import Ball, Projection

MOMENTUM = 0.75  # alpha: share of the new step
RISING = 0.75  # rho: the share of steps between two checkpoints that must raise the loss
# In hundredths of all steps, rounded up: p_1 = 0.22, then p_j + max(p_j - p_(j-1) - 0.03, 0.06).
CHECKPOINTS = np.array([0, 22, 41, 57, 70, 80, 87, 93, 99])

# Labels, targets, logits to the per-example loss to raise.
TargetedLossFn = Callable[[Any, Any, Any], tf.Tensor]


class Arguments(NamedTuple):
    """What a program is called with, in this order."""

    x: tf.Tensor  # [B, H, W, C]
    y: tf.Tensor  # [B]
    targets: tf.Tensor  # [B], classes; an untargeted loss ignores them
    indices: tf.Tensor  # [B], the examples' own numbers
    survivors: tf.Tensor  # bool [B], the examples that are not fooled yet
    seed: tf.Tensor
    epsilon: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor
    spans: tf.Tensor  # `spans(steps)`


def build(
    loss_fn: TargetedLossFn,
    ball: Ball,
    eot_samples: int,
    image_shape: tuple[int, ...],
    statistics: str,
    reference: Callable[[], Any],
) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """A concrete function of `Arguments`.

    It returns images, the share of draws in which the model misclassifies them, and the highest
    loss.
    """

    def run(*tensors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        arguments = Arguments(*tensors)
        evaluation = functools.partial(
            _mean_evaluation,
            lambda images: gradients.logits_of(reference(), images, statistics),
            lambda labels, logits: loss_fn(labels, arguments.targets, logits),
            arguments.y,
            eot_samples,
        )
        end = _ascend(arguments, ball, evaluation)
        return ascent.select(end.wrong > 0, end.fooling, end.best), end.wrong, end.best_loss

    labels, numbers = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int32)
    real = tf.TensorSpec([], tf.float32)
    specs = Arguments(
        x=tf.TensorSpec((None, *image_shape), tf.float32),
        y=labels,
        targets=labels,
        indices=numbers,
        survivors=tf.TensorSpec([None], tf.bool),
        seed=tf.TensorSpec([], tf.int32),
        epsilon=real,
        low=real,
        high=real,
        spans=numbers,
    )
    return tf.function(run, autograph=False).get_concrete_function(*specs)


def spans(steps: int) -> np.ndarray:
    """For the iterates x_0 .. x_steps, int32: at a checkpoint the number of steps since the one
    before, elsewhere 0.
    """
    places = np.unique(-(-CHECKPOINTS * steps // 100))
    lengths = np.zeros(steps + 1, np.int32)
    lengths[places[1:]] = np.diff(places)
    return lengths


class _State(NamedTuple):
    """What one iteration passes to the next, example by example."""

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
    fooling: tf.Tensor  # the first of the iterates that most draws misclassify
    wrong: tf.Tensor  # the share of draws that misclassify it


class _Evaluation(NamedTuple):
    """The model at some images: means over its draws."""

    loss: tf.Tensor  # [B]
    gradient: tf.Tensor  # of the summed loss
    wrong: tf.Tensor  # [B], the share of draws that misclassify


def _mean_evaluation(
    logits_fn: ascent.LogitsFn,
    loss_fn: ascent.LossFn,
    y: tf.Tensor,
    samples: int,
    images: tf.Tensor,
) -> _Evaluation:
    """Means over that many passes, each with random numbers of its own if the model draws any."""

    def evaluation() -> _Evaluation:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = tf.cast(logits_fn(images), tf.float32)
            loss = ascent.per_example(loss_fn(y, logits))
        gradient = ascent.gradient_of(tape, loss, images)
        return _Evaluation(loss, gradient, tf.cast(~ascent.is_correct(y, logits), tf.float32))

    if samples == 1:
        return evaluation()
    zeros = tf.zeros_like(y, tf.float32)
    _, *sums = tf.while_loop(
        lambda index, *sums: index < samples,
        lambda index, *sums: (index + 1, *map(tf.add, sums, evaluation())),
        (tf.constant(0), zeros, tf.zeros_like(images), zeros),
        parallel_iterations=1,
    )
    return _Evaluation(*(total / samples for total in sums))


def _ascend(a: Arguments, ball: Ball, evaluation: Callable[[tf.Tensor], _Evaluation]) -> _State:
    """The loop. An iteration takes the gradient at a point and moves on.

    The gradient's forward pass gives all else: the loss, and which examples are fooled. An example
    is done where every draw misclassifies it; without random numbers in the model there is one.
    """
    project = ball.projection(a.x, a.epsilon, a.low, a.high)

    def iterate(*fields: tf.Tensor) -> _State:
        s = _State(*fields)
        loss, gradient, wrong = evaluation(s.at)
        more = wrong > s.wrong
        improved = loss > s.best_loss
        best = ascent.select(improved, s.at, s.best)
        best_gradient = ascent.select(improved, gradient, s.best_gradient)
        best_loss = tf.where(improved, loss, s.best_loss)
        rises = s.rises + tf.cast(loss > s.loss_before, tf.float32)

        span = tf.cast(a.spans[s.index], tf.float32)
        stalls = (rises < RISING * span) | (~s.halved & (best_loss <= s.best_loss_checked))
        checkpoint = span > 0
        halve = checkpoint & stalls
        step_size = ascent.select(halve, s.step_size / 2, s.step_size)
        at, gradient = (
            ascent.select(halve, best, s.at),
            ascent.select(halve, best_gradient, gradient),
        )

        share = tf.where(s.index > 0, MOMENTUM, 1.0)
        towards = project(at + step_size * ball.direction(gradient)) - at
        return _State(
            index=s.index + 1,
            at=project(at + share * towards + (1 - share) * (at - s.before)),
            before=at,
            loss_before=tf.where(halve, best_loss, loss),
            step_size=step_size,
            rises=tf.where(checkpoint, 0.0, rises),
            halved=tf.where(checkpoint, halve, s.halved),
            best=best,
            best_gradient=best_gradient,
            best_loss=best_loss,
            best_loss_checked=tf.where(checkpoint, best_loss, s.best_loss_checked),
            fooling=ascent.select(more, s.at, s.fooling),
            wrong=tf.where(more, wrong, s.wrong),
        )

    last = tf.size(a.spans) - 1
    state = tf.while_loop(
        lambda *fields: (fields[0] <= last) & tf.reduce_any(_State(*fields).wrong < 1),
        iterate,
        _first_state(a, ball, project),
        parallel_iterations=1,
        maximum_iterations=last + 1,
    )
    return _State(*state)


def _first_state(a: Arguments, ball: Ball, project: Projection) -> _State:
    start = project(a.x + ball.boundary_offset(a.x, a.epsilon, a.seed, a.indices))
    zeros = tf.zeros_like(a.y, tf.float32)
    return _State(
        index=tf.constant(0),
        at=start,
        before=start,
        loss_before=zeros + np.inf,
        step_size=tf.zeros_like(start[:, :1, :1, :1]) + 2 * a.epsilon,
        rises=zeros,
        halved=tf.zeros_like(a.survivors),
        best=start,
        best_gradient=tf.zeros_like(start),
        best_loss=zeros - np.inf,
        best_loss_checked=zeros - np.inf,
        fooling=a.x,
        wrong=tf.where(a.survivors, 0.0, 1.0),
    )

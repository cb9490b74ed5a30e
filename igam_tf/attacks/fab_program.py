"""Algorithm 1 of Croce and Hein (2020), FAB, towards one class: a program per model and norm.

Constants and start are those of its authors' AutoAttack. So is the rule that an iterate counts as
adversarial whatever its wrong class.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import ascent
from igam_tf.attacks.balls import Ball
from igam_tf.attacks.projections import NORMS, Norm, to_hyperplane

OVERSHOOT = 1.05  # eta: a step goes beyond the linearised boundary
BACKWARD = 0.9  # beta: the share of its offset that a misclassified iterate keeps
BIAS = 0.1  # alpha_max: the largest weight of the step from the clean image


class FABArguments(NamedTuple):
    """What a program is called with, in this order."""

    x: tf.Tensor  # [B, H, W, C]
    y: tf.Tensor  # [B]
    targets: tf.Tensor  # [B], classes
    indices: tf.Tensor  # [B], the examples' own numbers
    seed: tf.Tensor
    start_radius: tf.Tensor  # length of the random offset at the start; 0 starts at x
    low: tf.Tensor
    high: tf.Tensor
    steps: tf.Tensor


def build(
    ball: Ball, image_shape: tuple[int, ...], statistics: str, reference: Callable[[], Any]
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """A concrete function of `FABArguments`: `descend`'s results."""

    def run(*tensors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def logits_fn(images: tf.Tensor) -> tf.Tensor:
            return gradients.logits_of(reference(), images, statistics)

        return descend(FABArguments(*tensors), ball, logits_fn)

    labels, real = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.float32)
    specs = FABArguments(
        x=tf.TensorSpec((None, *image_shape), tf.float32),
        y=labels,
        targets=labels,
        indices=tf.TensorSpec([None], tf.int32),
        seed=tf.TensorSpec([], tf.int32),
        start_radius=real,
        low=real,
        high=real,
        steps=tf.TensorSpec([], tf.int32),
    )
    return tf.function(run, autograph=False).get_concrete_function(*specs)


def descend(a: FABArguments, ball: Ball, logits_fn: ascent.LogitsFn) -> tuple[tf.Tensor, tf.Tensor]:
    """The closest misclassified iterate x_1 .. x_steps, and its distance from x.

    Where none is misclassified, these are x and infinity.

    A step takes one gradient and one forward pass. The two rarely share a pass: nine iterates in
    ten are misclassified, and the next gradient is taken closer to x than such an iterate lies.
    """
    norm = NORMS[ball]

    def step(
        index: tf.Tensor, at: tf.Tensor, closest: tf.Tensor, distance: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        moved = cross(a, norm, at, *boundary(a, logits_fn, at))
        fooled = ~ascent.is_correct(a.y, logits_fn(moved))
        offset = moved - a.x
        length = norm.length(offset)
        closer = fooled & (length < distance)
        return (
            index + 1,
            _where(fooled, a.x + BACKWARD * offset, moved),
            _where(closer, moved, closest),
            tf.where(closer, length, distance),
        )

    start = a.x + ball.boundary_offset(a.x, a.start_radius, a.seed, a.indices)
    _, _, closest, distance = tf.while_loop(
        lambda index, *_: index < a.steps,
        step,
        (
            tf.constant(0),
            tf.clip_by_value(start, a.low, a.high),
            a.x,
            tf.zeros_like(a.y, tf.float32) + np.inf,
        ),
        parallel_iterations=1,
        maximum_iterations=a.steps,
    )
    return closest, distance


def boundary(
    a: FABArguments, logits_fn: ascent.LogitsFn, at: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The target's logit minus the label's, [B], and its gradient: the linearised boundary."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(at)
        logits = tf.cast(logits_fn(at), tf.float32)
        target, label = (
            tf.gather(logits, tf.cast(classes, tf.int32), batch_dims=1)
            for classes in (a.targets, a.y)
        )
        margin = target - label
    return margin, ascent.gradient_of(tape, margin, at)


def cross(
    a: FABArguments, norm: Norm, at: tf.Tensor, margin: tf.Tensor, gradient: tf.Tensor
) -> tf.Tensor:
    """The next iterate: beyond the linearised boundary, biased towards the clean image.

    It is a mean of two projections, that of the iterate and that of x.
    """
    points = tf.stack([at, a.x])
    at_x = margin + tf.reduce_sum(gradient * (a.x - at), [1, 2, 3])
    offsets = to_hyperplane(points, gradient, tf.stack([margin, at_x]), a.low, a.high, norm)
    # The floor decides between two offsets of 0, which lie on the boundary.
    lengths = tf.maximum(norm.length(offsets), 1e-8 * (a.high - a.low))
    bias = tf.minimum(lengths[0] / (lengths[0] + lengths[1]), BIAS)[:, None, None, None]
    crossed = points + OVERSHOOT * offsets
    return tf.clip_by_value((1 - bias) * crossed[0] + bias * crossed[1], a.low, a.high)


def _where(condition: tf.Tensor, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    return tf.where(condition[:, None, None, None], images, others)

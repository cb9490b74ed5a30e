"""The loop that all gradient attacks share: sign steps, projected onto the ball and the pixel range."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

LogitsFn = Callable[[tf.Tensor], tf.Tensor]  # images to logits, BatchNorm mode already chosen
LossFn = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # labels, logits to the per-example loss to raise


def ascend(
    logits_fn: LogitsFn,
    loss_fn: LossFn,
    x: tf.Tensor,
    y: tf.Tensor,
    start: tf.Tensor,
    *,
    epsilon: Any,
    step_size: Any,
    steps: Any,
    low: Any,
    high: Any,
) -> tuple[tf.Tensor, tf.TensorArray]:
    """Projected sign ascent of the summed loss from `start`; one compiled loop, one gradient a step.

    Args:
      x: clean images [B, ...], float32, the centre of the ball.
      y: integer labels [B].
      start: where the trajectory begins (clipped here to ball and range).
      epsilon, step_size, low, high: scalars in the images' unit; steps: integer. Tensors, so that no value retraces.

    Returns:
      The last iterate, and for the iterates x_0 .. x_{steps-1} whether they are still classified right, steps + 1 bool [B]:
      every gradient's forward pass tells that for nothing. The last place is empty, for a caller who runs that pass too.
    """
    floor = tf.maximum(x - epsilon, low)
    ceiling = tf.minimum(x + epsilon, high)
    steps = tf.convert_to_tensor(steps, tf.int32)
    correct = tf.TensorArray(tf.bool, size=steps + 1, element_shape=y.shape)

    def step(index: tf.Tensor, at: tf.Tensor, correct: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(at)
            logits = logits_fn(at)
            loss = tf.reduce_sum(loss_fn(y, logits))
        moved = at + step_size * tf.sign(tape.gradient(loss, at))
        return index + 1, tf.clip_by_value(moved, floor, ceiling), correct.write(index, is_correct(y, logits))

    _, last, correct = tf.while_loop(
        lambda index, *_: index < steps,
        step,
        (tf.constant(0), tf.clip_by_value(start, floor, ceiling), correct),
        parallel_iterations=1,
        maximum_iterations=steps,
    )
    return last, correct


def is_correct(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.argmax(logits, -1, y.dtype) == y


def uniform_start(x: tf.Tensor, epsilon: Any, seed: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """x plus uniform noise in [-epsilon, epsilon] that depends on (seed, an example's index) alone.

    So an example's start is the same in any batch, whatever its size and order. seed: int32 scalar; indices: int32 [B].
    """

    def noise(index: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform(tf.shape(x)[1:], tf.stack([seed, index]), -1.0, 1.0, x.dtype)

    return x + epsilon * tf.map_fn(noise, indices, fn_output_signature=tf.TensorSpec(x.shape[1:], x.dtype))

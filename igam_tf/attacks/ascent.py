"""The loop that all gradient attacks share: steps along the gradient, projected onto the ball and the pixel range."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from igam_tf.errors import InputError

LogitsFn = Callable[[tf.Tensor], tf.Tensor]  # images to logits, BatchNorm mode already chosen
LossFn = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # labels, logits to the per-example loss to raise

NORMS = ("linf", "l2")


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
    norm: str = "linf",
    uint8_first_step: bool = False,
) -> tuple[tf.Tensor, tf.TensorArray]:
    """Projected ascent of the summed loss from `start`; one compiled loop, one gradient a step.

    Args:
      x: clean images [B, ...], float32, the centre of the ball.
      y: integer labels [B].
      start: where the trajectory begins (projected here onto ball and range).
      epsilon, step_size, low, high: scalars in the images' unit; steps: integer. Tensors, so that no value retraces.
      norm: `"linf"`: steps along the gradient's sign; `"l2"`: along the gradient over its norm, image by image.
      uint8_first_step: the first step ends in 8-bit arithmetic that wraps around (`pgd.fgsm`).

    Returns:
      The last iterate, and for the iterates x_0 .. x_{steps-1} whether they are still classified right, steps + 1 bool [B]:
      every gradient's forward pass tells that for nothing. The last place is empty, for a caller who runs that pass too.
    """
    project = projection(x, epsilon, low, high, norm)
    steps = tf.convert_to_tensor(steps, tf.int32)
    correct = tf.TensorArray(tf.bool, size=steps + 1, element_shape=y.shape)

    def step(index: tf.Tensor, at: tf.Tensor, correct: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(at)
            logits = logits_fn(at)
            loss = tf.reduce_sum(loss_fn(y, logits))
        moved = at + step_size * direction(gradient_of(tape, loss, at), norm)
        if uint8_first_step:
            wrapped = tf.math.floormod(tf.cast(tf.cast(moved, tf.int32), moved.dtype), 256.0)
            moved = tf.where(tf.equal(index, 0), wrapped, moved)
        return index + 1, project(moved), correct.write(index, is_correct(y, logits))

    _, last, correct = tf.while_loop(
        lambda index, *_: index < steps,
        step,
        (tf.constant(0), project(start), correct),
        parallel_iterations=1,
        maximum_iterations=steps,
    )
    return last, correct


def gradient_of(tape: tf.GradientTape, loss: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """The gradient with respect to the images.

    Raises:
      InputError: there is none.
    """
    gradient = tape.gradient(loss, images)
    if gradient is None:
        raise InputError("the model's output does not depend on the images differentiably; a black-box attack may do")
    return gradient


def direction(gradient: tf.Tensor, norm: str) -> tf.Tensor:
    """Steepest ascent of unit length in the norm, image by image; 0 where the gradient is 0."""
    if norm == "linf":
        return tf.sign(gradient)
    # Scaled first: the squares of gradients below 1e-19 would vanish.
    gradient = tf.math.divide_no_nan(gradient, tf.reduce_max(tf.abs(gradient), [1, 2, 3], keepdims=True))
    return tf.math.divide_no_nan(gradient, _length(gradient))


def projection(x: tf.Tensor, epsilon: Any, low: Any, high: Any, norm: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """Images to images within epsilon of x and within the pixel range."""
    if norm == "linf":
        floor, ceiling = tf.maximum(x - epsilon, low), tf.minimum(x + epsilon, high)
        return lambda at: tf.clip_by_value(at, floor, ceiling)

    def project(at: tf.Tensor) -> tf.Tensor:
        offset = at - x
        offset *= tf.minimum(1.0, tf.math.divide_no_nan(epsilon, _length(offset)))
        # x lies in the range, so this moves no image further from it.
        return tf.clip_by_value(x + offset, low, high)

    return project


def is_correct(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.argmax(logits, -1, y.dtype) == y


def random_start(x: tf.Tensor, epsilon: Any, seed: tf.Tensor, indices: tf.Tensor, norm: str = "linf") -> tf.Tensor:
    """x plus noise that is uniform in the ball and depends on (seed, an example's index) alone.

    So an example's start is the same in any batch, whatever its size and order. seed: int32 scalar; indices: int32 [B].
    """
    shape = tf.shape(x)[1:]

    def noise(index: tf.Tensor) -> tf.Tensor:
        key = tf.stack([seed, index])
        if norm == "linf":
            return tf.random.stateless_uniform(shape, key, -1.0, 1.0, x.dtype)
        towards = tf.random.stateless_normal(shape, key, dtype=x.dtype)
        share = tf.random.stateless_uniform([], tf.stack([seed, -1 - index]), dtype=x.dtype)
        radius = share ** (1.0 / tf.cast(tf.reduce_prod(shape), x.dtype))
        return radius * towards / tf.norm(towards)

    return x + epsilon * tf.map_fn(noise, indices, fn_output_signature=tf.TensorSpec(x.shape[1:], x.dtype))


def _length(images: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(images), [1, 2, 3], keepdims=True))

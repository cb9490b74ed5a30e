"""PGD's loop: a gradient, a step by a step rule, a projection onto the ball."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from igam_tf.attacks.balls import LINF, Ball
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError

LogitsFn = Callable[[tf.Tensor], tf.Tensor]  # images to logits, in a fixed BatchNorm mode
LossFn = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # labels, logits to the loss to raise, [B]


@dataclasses.dataclass(frozen=True, eq=False)
class StepRule(abc.ABC):
    """How an iterate moves before it is projected.

    Subclasses are frozen dataclasses: equal rules share a compiled program. Instances of any other
    subclass are equal to themselves alone.
    """

    def begin(self, x: tf.Tensor) -> Any:
        """The rule's initial state: a tensor or a structure of tensors."""
        return ()

    @abc.abstractmethod
    def move(
        self,
        images: tf.Tensor,
        gradient: tf.Tensor,
        ball: Ball,
        step_size: tf.Tensor,
        index: tf.Tensor,
        state: Any,
    ) -> tuple[tf.Tensor, Any]:
        """The images after step number `index` (from 0), and the rule's next state."""

    def require(self, bounds: Bounds, random_start: bool) -> None:  # noqa: B027  # most rules fit
        """Raises an InputError where the rule does not apply."""

    def describe(self) -> str:
        """The rule's part of an attack's one-line description."""
        return repr(self)


@dataclasses.dataclass(frozen=True)
class SteepestStep(StepRule):
    """A step of `step_size` along the ball's steepest ascent (Madry et al. 2018)."""

    def move(
        self,
        images: tf.Tensor,
        gradient: tf.Tensor,
        ball: Ball,
        step_size: tf.Tensor,
        index: tf.Tensor,
        state: Any,
    ) -> tuple[tf.Tensor, Any]:
        return images + step_size * ball.direction(gradient), state


@dataclasses.dataclass(frozen=True)
class Uint8FirstStep(SteepestStep):
    """A slip of the release: it adds the first step to 8-bit pixels, which wrap around.

    3 - 8 becomes 251, which the projection onto the ball turns into 11. The attack is weaker on
    dark and on bright pixels.
    """

    def move(
        self,
        images: tf.Tensor,
        gradient: tf.Tensor,
        ball: Ball,
        step_size: tf.Tensor,
        index: tf.Tensor,
        state: Any,
    ) -> tuple[tf.Tensor, Any]:
        moved, state = super().move(images, gradient, ball, step_size, index, state)
        wrapped = tf.math.floormod(tf.cast(tf.cast(moved, tf.int32), moved.dtype), 256.0)
        return tf.where(tf.equal(index, 0), wrapped, moved), state

    def describe(self) -> str:
        return "first step in 8 bits that wrap around"

    def require(self, bounds: Bounds, random_start: bool) -> None:
        if random_start or (bounds.low, bounds.high) != (0, 255):
            raise InputError(
                "uint8_first_step: it is for pixels in [0, 255] and no random start, "
                "as in the release"
            )


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
    ball: Ball = LINF,
    step_rule: StepRule = SteepestStep(),
    unrolled: bool = False,
) -> tuple[tf.Tensor, tf.TensorArray]:
    """Projected ascent of the summed loss from `start`, one gradient a step.

    Args:
      logits_fn: images to logits.
      loss_fn: labels and logits to the loss to raise, [B].
      x: clean images [B, ...], float32, the centre of the ball.
      y: integer labels [B].
      start: where the trajectory begins, before its projection.
      epsilon, step_size, low, high: scalars in the images' unit. Tensors do not retrace.
      steps: integer scalar; a Python integer where the loop is unrolled.
      unrolled: True repeats the step in the graph, for models with collective operations
        (synchronised BatchNorm), which TensorFlow does not run inside a loop. By default a compiled
        loop holds it once.

    Returns:
      The last iterate, and whether each of x_0 .. x_{steps-1} is classified correctly: steps + 1
      times bool [B], read from the gradients' forward passes. The last place is empty, for a caller
      that runs one more pass.
    """
    project = ball.projection(x, epsilon, low, high)
    limit = tf.convert_to_tensor(steps, tf.int32)
    correct = tf.TensorArray(tf.bool, size=limit + 1, element_shape=y.shape)

    def step(index: tf.Tensor, images: tf.Tensor, correct: tf.TensorArray, state: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = logits_fn(images)
            loss = tf.reduce_sum(per_example(loss_fn(y, logits)))
        gradient = gradient_of(tape, loss, images)
        moved, state = step_rule.move(images, gradient, ball, step_size, index, state)
        return index + 1, project(moved), correct.write(index, is_correct(y, logits)), state

    variables = (tf.constant(0), project(start), correct, step_rule.begin(x))
    if unrolled:
        for _ in range(steps):
            variables = step(*variables)
    else:
        variables = tf.while_loop(
            lambda index, *_: index < limit,
            step,
            variables,
            parallel_iterations=1,
            maximum_iterations=limit,
        )
    return variables[1], variables[2]


def per_example(loss: tf.Tensor) -> tf.Tensor:
    """The loss, checked: it has one value per example.

    Raises:
      InputError: it has another shape. A mean over the batch would change each example's gradient.
    """
    if loss.shape.rank not in (None, 1):
        raise InputError(f"loss: expected one value per example [B], got the shape {loss.shape}")
    return loss


def gradient_of(tape: tf.GradientTape, loss: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """The gradient with respect to the images.

    Raises:
      InputError: the model's output does not depend on the images differentiably.
    """
    gradient = tape.gradient(loss, images)
    if gradient is None:
        raise InputError(
            "the model's output does not depend on the images differentiably; "
            "a black-box attack may do"
        )
    return gradient


def is_correct(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.argmax(logits, -1, y.dtype) == y


def select(condition: tf.Tensor, images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Image by image, or all by a scalar condition: `images` where it is true, else `others`.

    It copies whole images, which is faster than the broadcast condition of tf.where.
    """
    return tf.raw_ops.Select(condition=condition, x=images, y=others)

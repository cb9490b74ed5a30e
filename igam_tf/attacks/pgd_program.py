"""PGD's compiled program: one trajectory from its start to its last step, on tensors."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import ascent
from igam_tf.attacks.ascent import StepRule
from igam_tf.attacks.balls import Ball


@dataclasses.dataclass(frozen=True)
class PGDProgram:
    """What is compiled into a trajectory. All else is passed as tensors.

    Attributes:
      loss_fn: labels and logits to the loss to raise, [B].
      targeted: lowers the loss of the targets instead.
      readings: False leaves out the passes that tell which iterates are correct.
    """

    loss_fn: ascent.LossFn
    ball: Ball
    step_rule: StepRule
    random_start: bool
    targeted: bool
    readings: bool

    def build(
        self, image_shape: tuple[int, ...], statistics: str, reference: Callable[[], Any]
    ) -> Callable[..., Any]:
        """A concrete function for any batch size and any amounts; it is traced once.

        It takes images [B, H, W, C], labels [B], targets [B], indices [B], a seed, epsilon, step
        size, steps, low and high. It returns the last iterate, clean correctness [B], and
        correctness at x_0 .. x_steps, bool [steps + 1, B].
        """

        def run(
            x: tf.Tensor,
            y: tf.Tensor,
            targets: tf.Tensor,
            indices: tf.Tensor,
            seed: tf.Tensor,
            epsilon: tf.Tensor,
            step_size: tf.Tensor,
            steps: tf.Tensor,
            low: tf.Tensor,
            high: tf.Tensor,
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            def logits_fn(images: tf.Tensor) -> tf.Tensor:
                return gradients.logits_of(reference(), images, statistics)

            def loss_fn(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
                if self.targeted:
                    return -self.loss_fn(targets, logits)
                return self.loss_fn(labels, logits)

            start = x
            if self.random_start:
                start = x + epsilon * self.ball.noise(x, seed, indices)
            amounts = {"epsilon": epsilon, "step_size": step_size, "steps": steps}
            parts = {"low": low, "high": high, "ball": self.ball, "step_rule": self.step_rule}
            last, correct = ascent.ascend(logits_fn, loss_fn, x, y, start, **amounts, **parts)
            if not self.readings:
                unread = tf.zeros([steps + 1, tf.size(y)], tf.bool)
                return last, unread[0], unread
            correct = correct.write(steps, ascent.is_correct(y, logits_fn(last))).stack()
            clean = ascent.is_correct(y, logits_fn(x)) if self.random_start else correct[0]
            return last, clean, correct

        images = tf.TensorSpec((None, *image_shape), tf.float32)
        real, integer = tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.int32)
        labels, indices = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int32)
        return tf.function(run, autograph=False).get_concrete_function(
            images, labels, labels, indices, integer, real, real, integer, real, real
        )

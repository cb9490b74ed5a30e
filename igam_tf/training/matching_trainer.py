"""The steps of an iteration of matching, in their order on one device and on several replicas."""

import abc
import functools
from typing import Any

import tensorflow as tf

from igam_tf.core import modes
from igam_tf.core.settings.training import IgamSettings
from igam_tf.layers import batch_norm
from igam_tf.training.trainer import Parts, Trainer

Pair = tuple[tf.Tensor, tf.Tensor]  # input gradients [B, H, W, C] of student and teacher


class MatchingTrainer(Trainer):
    """Plain steps before matching begins, then student steps and, where due, discriminator steps.

    Subclasses define the three steps; each of them updates weights.
    """

    settings: IgamSettings

    @abc.abstractmethod
    def _plain_step(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        """A step before matching: numbers to report, and logits."""

    @abc.abstractmethod
    def _student_step(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor, Pair]:
        """A step on the whole objective: numbers to report, logits, and input gradients."""

    @abc.abstractmethod
    def _discriminator_step(
        self, x: tf.Tensor, y: tf.Tensor, student_gradient: tf.Tensor, teacher_gradient: tf.Tensor
    ) -> None:
        """A step of the discriminator on the input gradients of a student step."""

    def _discriminator_due(self, iteration: tf.Tensor) -> tf.Tensor:
        return tf.equal(iteration % self.settings.disc_every, 0)

    def _train(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        iteration = tf.convert_to_tensor(self.iteration)
        if not self.settings.steps_before_matching:  # one branch to trace instead of two
            return self._matching_step(x, y, weights, iteration)
        return tf.cond(
            iteration < self.settings.steps_before_matching,
            lambda: self._plain_step(x, y, weights),
            lambda: self._matching_step(x, y, weights, iteration),
        )

    def _matching_step(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None, iteration: tf.Tensor
    ) -> tuple[Parts, tf.Tensor]:
        parts, logits, pair = self._student_step(x, y, weights)

        def discriminator() -> tf.Tensor:
            self._discriminator_step(x, y, *pair)
            return _no_result()

        tf.cond(self._discriminator_due(iteration), discriminator, _no_result)
        return parts, logits

    def _train_replicas(self, data: Any) -> None:
        run = self.distribute_strategy.run
        iteration = tf.convert_to_tensor(self.iteration)

        def plain() -> tf.Tensor:
            run(functools.partial(self._measured, self._plain_step), (data,))
            return _no_result()

        def matching() -> tf.Tensor:
            pair = run(self._student_step_of_replica, (data,))

            def discriminator() -> tf.Tensor:
                run(self._discriminator_step_of_replica, (data, *pair))
                return _no_result()

            return tf.cond(self._discriminator_due(iteration), discriminator, _no_result)

        if not self.settings.steps_before_matching:
            matching()
        else:
            tf.cond(iteration < self.settings.steps_before_matching, plain, matching)

    def _student_step_of_replica(self, data: Any) -> Pair:
        """One replica's part of a student step; returns both input gradients."""
        pairs = []

        def update(
            x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
        ) -> tuple[Parts, tf.Tensor]:
            parts, logits, pair = self._student_step(x, y, weights)
            pairs.append(pair)
            return parts, logits

        self._measured(update, data)
        return pairs[0]

    def _discriminator_step_of_replica(
        self, data: Any, student_gradient: tf.Tensor, teacher_gradient: tf.Tensor
    ) -> None:
        x, y, _ = self._tensors(data)
        mode = modes.in_mode(step=self.iteration, synchronized=self._sync_batchnorm)
        with mode, batch_norm.one_exchange():
            self._discriminator_step(x, y, student_gradient, teacher_gradient)


def _no_result() -> tf.Tensor:
    """The result of a branch that has none."""
    return tf.zeros(())

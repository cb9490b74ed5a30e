"""PGD adversarial training (Madry et al.): robust teachers and the PGD7 baseline. Without an attack: plain training."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.errors import InputError
from igam_tf.layers import bounds_of
from igam_tf.training.optimizers import Momentum
from igam_tf.training.trainer import Trainer


class AdversarialTrainer(Trainer):
    """Trains `model` in place on adversarial images made anew for every batch.

    Inner attack: uniform random start, `steps` sign steps on the summed cross-entropy, with the batch's BatchNorm
    statistics and no update of the moving averages (MadryLab's code attacks its training-mode graph, which updates them
    on each step too). The update itself runs in training mode.

    Args:
      model: Keras model, images in its bounds to logits.
      epsilon, step_size: in the model's pixel unit; steps: 0 trains on the clean images.
      ramp_steps: iterations over which epsilon and step_size rise linearly from 0. Training from scratch at a large rate
        can collapse to chance without it.
      weight_decay: of the kernels.
      seed: of the random starts.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        epsilon: float = 0.0,
        step_size: float = 0.0,
        steps: int = 0,
        ramp_steps: int = 0,
        weight_decay: float = 2e-4,
        seed: int = 0,
    ) -> None:
        super().__init__(model, ("loss", "xent", "accuracy"), "adversarial_trainer")
        if min(epsilon, step_size, steps, ramp_steps, weight_decay) < 0:
            raise InputError(
                f"adversarial training: expected no negative setting, got {epsilon=}, {step_size=}, {steps=}, "
                f"{ramp_steps=}, {weight_decay=}"
            )
        self.model = model
        self.bounds = bounds_of(model)
        self.epsilon, self.step_size, self.steps = float(epsilon), float(step_size), int(steps)
        self.ramp_steps, self.weight_decay, self.seed = int(ramp_steps), float(weight_decay), int(seed)
        self.iteration = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="iteration"
        )

    def compile(self, optimizer: keras.optimizers.Optimizer | None = None, **kwargs: Any) -> None:
        """Sets the optimiser (TF1 momentum 0.9 at rate 0.1 by default)."""
        super().compile(optimizer=optimizer or Momentum(), **kwargs)
        self.optimizer.build(self.model.trainable_variables)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y = tf.cast(data[0], tf.float32), tf.cast(data[1], tf.int32)
        if self.steps:
            x = self._adversarial(x, y)
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            xent = tf.reduce_mean(losses.cross_entropy(y, logits))
            loss = xent + self.weight_decay * losses.weight_decay(self.model)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.iteration.assign_add(1)
        right = tf.cast(ascent.is_correct(y, logits), tf.float32)
        return self.track({"loss": loss, "xent": xent, "accuracy": tf.reduce_mean(right)})

    def _adversarial(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        iteration = tf.convert_to_tensor(self.iteration)
        share = tf.minimum(1.0, tf.cast(iteration + 1, tf.float32) / max(self.ramp_steps, 1))
        epsilon = share * self.epsilon
        seed = tf.stack([tf.cast(self.seed, tf.int64), iteration])
        start = x + epsilon * tf.random.stateless_uniform(tf.shape(x), seed, -1.0, 1.0)
        adversarial, _ = ascent.ascend(
            lambda images: gradients.logits_of(self.model, images, "batch"),
            losses.cross_entropy,
            x,
            y,
            start,
            epsilon=epsilon,
            step_size=share * self.step_size,
            steps=self.steps,
            low=self.bounds.low,
            high=self.bounds.high,
        )
        return tf.stop_gradient(adversarial)

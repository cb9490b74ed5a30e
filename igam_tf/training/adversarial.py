"""PGD adversarial training (Madry et al.) and, without attack steps, plain training."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.core import randomness
from igam_tf.core.errors import InputError
from igam_tf.core.settings import constructor
from igam_tf.core.settings.training import AdversarialSettings
from igam_tf.layers import bounds_of
from igam_tf.training.trainer import Parts, Trainer, regularized


@constructor(AdversarialSettings)
class AdversarialTrainer(Trainer):
    """Trains `model` in place on adversarial images, computed anew for every batch.

    The trainer of the command `train_robust` (configuration: `RobustRun`): robust teachers, the
    PGD7 baseline and, with `steps=0`, standard models.

    The attack: a uniform random start, then `steps` sign steps on the summed cross-entropy, with
    the batch's BatchNorm statistics and without an update of the moving averages (MadryLab's code
    attacks its training-mode graph, which updates them on each step too). The weights' update runs
    in training mode.

    `loss`, `xent` and `accuracy` are of the adversarial images in training, of clean ones in
    `evaluate` and `validation_data`; `RobustValidation` validates under an attack.

    Args:
      model: Keras model, images [B, H, W, C] in its bounds to logits.
      {settings}

    Raises:
      InputError: a setting out of its range, or a model that carries no pixel range, ends in a
        softmax or computes in float16.
    """

    def __init__(self, model: keras.Model, **settings: Any) -> None:
        super().__init__(model, ("loss", "xent"), "adversarial_trainer")
        self.settings = AdversarialSettings(**settings)
        self.bounds = bounds_of(model)
        self.epsilon = self.bounds.amount(self.settings.epsilon)
        self.step_size = self.bounds.amount(self.settings.step_size, "step_size")
        if self.settings.steps and not self.epsilon:
            raise InputError(
                f"adversarial training: {self.settings.steps} steps need an epsilon above 0; "
                "steps=0 trains plainly"
            )

    def _train(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        if self.settings.steps:
            x = self._adversarial(x, y)
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            parts = self._objective(y, logits, weights)
            scaled = self.optimizer.scale_loss(parts["loss"])
        self.optimizer.apply(tape.gradient(scaled, self.trained_variables), self.trained_variables)
        return parts, logits

    def _validate(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        logits = gradients.logits_of(self.model, x)
        return self._objective(y, logits, weights), logits

    def _objective(self, y: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None) -> Parts:
        xent = losses.mean_cross_entropy(y, logits, weights)
        loss = xent + self.settings.weight_decay * losses.weight_decay(self.model)
        return {"loss": regularized(loss, self.model), "xent": xent}

    def _adversarial(self, x: Any, y: Any) -> tf.Tensor:
        """Adversarial images of this iteration, [B, H, W, C] like `x`."""
        iteration = tf.convert_to_tensor(self.iteration)
        share = tf.minimum(
            1.0, tf.cast(iteration + 1, tf.float32) / max(self.settings.ramp_steps, 1)
        )
        epsilon = share * self.epsilon
        seed = randomness.key(self.settings.seed, "training_start", iteration)
        start = x + epsilon * tf.random.stateless_uniform(tf.shape(x), seed, -1.0, 1.0)
        adversarial, _ = ascent.ascend(
            lambda images: gradients.logits_of(self.model, images, "batch"),
            losses.cross_entropy,
            x,
            y,
            start,
            epsilon=epsilon,
            step_size=share * self.step_size,
            steps=self.settings.steps,
            low=self.bounds.low,
            high=self.bounds.high,
        )
        return tf.stop_gradient(adversarial)

"""PGD adversarial training (Madry et al.): robust teachers and the PGD7 baseline. Without an attack: plain training."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.layers import bounds_of
from igam_tf.settings import constructor
from igam_tf.settings.training import AdversarialSettings
from igam_tf.training.optimizers import Momentum
from igam_tf.training.trainer import Trainer


@constructor(AdversarialSettings)
class AdversarialTrainer(Trainer):
    """Trains `model` in place on adversarial images made anew for every batch.

    Inner attack: uniform random start, `steps` sign steps on the summed cross-entropy, with the batch's BatchNorm
    statistics and no update of the moving averages (MadryLab's code attacks its training-mode graph, which updates them
    on each step too). The update itself runs in training mode.

    Args:
      model: Keras model, images in its bounds to logits.
      {settings}

    Raises:
      InputError: a setting out of its range, or a model that does not say its pixel range.
    """

    def __init__(self, model: keras.Model, **settings: Any) -> None:
        super().__init__(model, ("loss", "xent", "accuracy"), "adversarial_trainer")
        self.settings = AdversarialSettings(**settings)
        self.model = model
        self.bounds = bounds_of(model)
        self.epsilon = self.bounds.amount(self.settings.epsilon)
        self.step_size = self.bounds.amount(self.settings.step_size, "step_size")
        self.iteration = self.add_weight(
            shape=(), dtype="int64", initializer="zeros", trainable=False, name="iteration"
        )

    def compile(self, optimizer: keras.optimizers.Optimizer | None = None, **kwargs: Any) -> None:
        """Sets the optimiser (TF1 momentum 0.9 at rate 0.1 by default)."""
        super().compile(optimizer=optimizer or Momentum(), **kwargs)
        self.optimizer.build(self.model.trainable_variables)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y = tf.cast(data[0], tf.float32), tf.cast(data[1], tf.int32)
        if self.settings.steps:
            x = self._adversarial(x, y)
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.model(x, training=True)
            xent = tf.reduce_mean(losses.cross_entropy(y, logits))
            loss = xent + self.settings.weight_decay * losses.weight_decay(self.model)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.iteration.assign_add(1)
        right = tf.cast(ascent.is_correct(y, logits), tf.float32)
        return self.track({"loss": loss, "xent": xent, "accuracy": tf.reduce_mean(right)})

    def _adversarial(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        iteration = tf.convert_to_tensor(self.iteration)
        share = tf.minimum(1.0, tf.cast(iteration + 1, tf.float32) / max(self.settings.ramp_steps, 1))
        epsilon = share * self.epsilon
        seed = tf.stack([tf.cast(self.settings.seed, tf.int64), iteration])
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

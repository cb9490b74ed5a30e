"""Phase 1: a new logit layer on a frozen robust teacher (paper §4.1)."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.settings import constructor
from igam_tf.settings.training import FinetuneSettings
from igam_tf.training.optimizers import Momentum
from igam_tf.training.trainer import Trainer


@constructor(FinetuneSettings)
class HeadTrainer(Trainer):
    """Trains one layer of `model` in place on mean cross-entropy, and nothing else (Eq. 6; the release's default).

    Random pads in `model` draw a place at each step.

    Args:
      model: Keras model on the target task's images, the adapter included.
      head: the layer to train, a part of `model`; also any learned adapter layer.
      {settings}
    """

    def __init__(self, model: keras.Model, head: list[keras.layers.Layer], **settings: Any) -> None:
        super().__init__(model, ("loss", "accuracy"), "head_trainer")
        self.model = model
        self.head_variables = [v for layer in head for v in layer.trainable_variables]
        self.settings = FinetuneSettings(**settings)

    def compile(self, optimizer: keras.optimizers.Optimizer | None = None, **kwargs: Any) -> None:
        """Sets the optimiser (TF1 momentum 0.9 at rate 0.1 by default)."""
        super().compile(optimizer=optimizer or Momentum(), **kwargs)
        self.optimizer.build(self.head_variables)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y = tf.cast(data[0], tf.float32), tf.cast(data[1], tf.int32)
        with tf.GradientTape() as tape:
            logits = gradients.logits_of(self.model, x, self.settings.statistics, self.optimizer.iterations)
            loss = tf.reduce_mean(losses.cross_entropy(y, logits))
        self.optimizer.apply(tape.gradient(loss, self.head_variables), self.head_variables)
        right = tf.cast(tf.argmax(logits, -1, y.dtype) == y, tf.float32)
        return self.track({"loss": loss, "accuracy": tf.reduce_mean(right)})

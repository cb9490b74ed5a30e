"""Phase 1: a new logit layer on a frozen robust teacher (paper §4.1)."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.settings import constructor
from igam_tf.settings.training import FinetuneSettings
from igam_tf.training.trainer import Parts, Trainer, regularized


@constructor(FinetuneSettings)
class HeadTrainer(Trainer):
    """Trains one layer of `model` in place on mean cross-entropy, and nothing else (Eq. 6; the release's default).

    Random pads in `model` draw a place at each step.

    Args:
      model: Keras model on the target task's images, the adapter included.
      head: the layer to train, a part of `model`; also any learned adapter layer. Of the model's
        regularisers theirs alone count.
      {settings}

    `evaluate` and `validation_data` use the same statistics.

    Raises:
      InputError: unknown statistics, or a model that ends in a softmax or computes in float16.
    """

    def __init__(self, model: keras.Model, head: list[keras.layers.Layer], **settings: Any) -> None:
        super().__init__(model, ("loss", "xent"), "head_trainer")
        self.head = list(head)
        self.settings = FinetuneSettings(**settings)

    @property
    def trained_variables(self) -> list[keras.Variable]:
        return [variable for layer in self.head for variable in layer.trainable_variables]

    def _train(self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None) -> tuple[Parts, tf.Tensor]:
        with tf.GradientTape() as tape:
            parts, logits = self._validate(x, y, weights)
            scaled = self.optimizer.scale_loss(parts["loss"])
        self.optimizer.apply(tape.gradient(scaled, self.trained_variables), self.trained_variables)
        return parts, logits

    def _validate(self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None) -> tuple[Parts, tf.Tensor]:
        logits = gradients.logits_of(self.model, x, self.settings.statistics)
        xent = losses.mean_cross_entropy(y, logits, weights)
        return {"loss": regularized(xent, *self.head), "xent": xent}, logits

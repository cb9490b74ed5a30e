"""Phase 1: a new logit layer on a frozen robust teacher (paper §4.1)."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses, models
from igam_tf.core import runtime
from igam_tf.core.bounds import PIXELS, Bounds
from igam_tf.core.settings import constructor
from igam_tf.core.settings.training import FinetuneSettings
from igam_tf.data.batches import training_batches
from igam_tf.data.forms import split_of
from igam_tf.data.splits import Dataset
from igam_tf.training import replicas
from igam_tf.training.trainer import Parts, Trainer, regularized


@constructor(FinetuneSettings)
class FinetuneTrainer(Trainer):
    """Trains layers of `model` in place on mean cross-entropy (Eq. 6; the release's default).

    The trainer of the command `finetune_teacher` (configuration: `FinetuneRun`). Nothing but
    `head` is trained. A random pad in `model` draws a place at each step. `evaluate` and
    `validation_data` use the BatchNorm mode of training.

    Args:
      model: Keras model on the target task's images, the adapter included.
      head: the layers to train, parts of `model`: the new logit layer, and an adapter that learns.
        Only their regularisers count.
      {settings}

    Raises:
      InputError: unknown statistics, or a model that ends in a softmax or computes in float16.
    """

    def __init__(self, model: keras.Model, head: list[keras.layers.Layer], **settings: Any) -> None:
        super().__init__(model, ("loss", "xent"), "finetune_trainer")
        self.head = list(head)
        self.settings = FinetuneSettings(**settings)

    @property
    def trained_variables(self) -> list[keras.Variable]:
        return [variable for layer in self.head for variable in layer.trainable_variables]

    def _trained_layers(self) -> list[keras.layers.Layer]:
        return self.head

    def _train(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        with tf.GradientTape() as tape:
            parts, logits = self._validate(x, y, weights)
            scaled = self.optimizer.scale_loss(parts["loss"])
        variables = self.trained_variables
        replicas.apply(self.optimizer, tape.gradient(scaled, variables), variables)
        return parts, logits

    def _validate(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        logits = gradients.logits_of(self.model, x, self.settings.statistics)
        xent = losses.mean_cross_entropy(y, logits, weights)
        return {"loss": regularized(xent, *self.head), "xent": xent}, logits


def finetune_trainer(
    teacher: keras.Model,
    num_classes: int,
    adapter: keras.layers.Layer | None,
    image_shape: tuple[int, ...],
    bounds: Bounds,
    **settings: Any,
) -> FinetuneTrainer:
    """A trainer whose `model` is the teacher behind the adapter, with a new head.

    Args:
      teacher: the robust model; its layers are shared, its weights stay as they are.
      num_classes: of the target task.
      adapter: affine map from a target image [B, *image_shape] in `bounds` to the teacher's input.
      settings: of `FinetuneTrainer`.

    Raises:
      InputError: as `models.with_new_head`, `models.adapted` and `FinetuneTrainer`.
    """
    body = models.with_new_head(teacher, num_classes)
    model = models.adapted(body, adapter, image_shape, bounds)
    head = [models.target_head(body), *([adapter] if adapter is not None else [])]
    return FinetuneTrainer(model, head, **settings)


def finetune(
    teacher: keras.Model,
    data: Any,
    *,
    num_classes: int | None = None,
    adapter: keras.layers.Layer | None = None,
    steps: int = 600,
    batch_size: int = 64,
    augmented: bool = True,
    optimizer: Any = None,
    statistics: str = "batch",
    seed: int = 0,
    bounds: Bounds = PIXELS,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: Any = 0,
) -> keras.Model:
    """Phase 1 in one call: fits a new head to a robust model, as `bin/finetune_teacher` does.

    The new head's initial weights follow `keras.utils.set_random_seed`.

    Args:
      teacher: the robust model, images to logits; its layers are shared, its weights stay as they
        are.
      data: the target task: a `Dataset` (its training split), a `Split`, images [N, H, W, C] and
        integer labels [N] as a pair, or a finite `tf.data.Dataset` of such examples.
      num_classes: of the target task; by default the `Dataset`'s own, else the largest label + 1.
      adapter: affine map from a target image to the teacher's input (`igam_tf.adapters`).
      steps: iterations.
      batch_size: images per iteration.
      augmented: random crop (2 pixels of padding) and flip.
      optimizer: of the head; by default Adam at rate 0.001.
      statistics: BatchNorm mode of the frozen body, `"batch"` (the release) or `"moving"`.
      seed: of data order and augmentation.
      bounds: the target images' pixel range; a `Dataset` has its own.
      callbacks, verbose: of `fit`; all steps are one epoch.

    Returns:
      One model from target images to target logits, the adapter inside: the `teacher` of `Igam`.

    Raises:
      InputError: data of another form, or models and settings that do not fit together.
    """
    split = split_of(data, part="train")
    if isinstance(data, Dataset):
        num_classes, bounds = num_classes or data.num_classes, data.bounds
    num_classes = num_classes or int(split.labels.max()) + 1
    trainer = finetune_trainer(
        teacher, num_classes, adapter, split.image_shape, bounds, statistics=statistics
    )
    # TensorFlow 1's epsilon.
    trainer.compile(optimizer or keras.optimizers.Adam(0.001, epsilon=1e-8))
    stream = training_batches(split, batch_size, seed, bounds, augmented=augmented)
    with runtime.repeatable_graphs():
        trainer.fit(
            stream, steps_per_epoch=steps, shuffle=False, callbacks=list(callbacks), verbose=verbose
        )
    return trainer.model

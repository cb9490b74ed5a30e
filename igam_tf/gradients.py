"""Input gradients: what a model thinks is important."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import layers, losses
from igam_tf.core import modes
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import GRADIENTS_OF


def check_of(of: str) -> str:
    if of not in GRADIENTS_OF:
        raise InputError(f"of: expected one of {', '.join(GRADIENTS_OF)}, got {of!r}")
    return of


def logits_of(model: Any, x: tf.Tensor, statistics: str = "moving", step: Any = None) -> tf.Tensor:
    """Inference-mode logits of a Keras model, or of any callable; nothing is updated.

    Args:
      x: float images [B, H, W, C] in the model's pixel range.
      statistics: BatchNorm mode, `"moving"` or `"batch"`.
      step: the iteration that random pads draw their place for, integer scalar, a tensor or
        variable inside compiled functions; None: they lie at the centre.

    Raises:
      InputError: `statistics="batch"` for a callable that is no Keras model, or one with stock
        BatchNormalization layers (they cannot use the batch's statistics without updating their
        moving averages).
    """
    layers.check_statistics(statistics, model)
    if not isinstance(model, keras.layers.Layer):
        if statistics == "batch":
            raise InputError(
                'statistics="batch" needs a Keras model: the BatchNorm mode of a plain callable is its own'
            )
        return model(x)
    with modes.in_mode(batch_statistics=statistics == "batch", step=step):
        return model(x, training=False)


def summed_target(of: str, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The quantity that input gradients are of, summed over the batch."""
    per_example = losses.true_class_probability if of == "softmax" else losses.cross_entropy
    return tf.reduce_sum(per_example(labels, logits))


def input_gradient(
    model: Any,
    x: Any,
    y: Any,
    of: str = "softmax",
    statistics: str = "moving",
    adapter: keras.layers.Layer | None = None,
    step: Any = None,
) -> tf.Tensor:
    """Gradient with respect to the images of a quantity summed over the batch.

    Args:
      model: Keras model or callable, images to logits.
      x: float images [B, H, W, C] in the model's pixel range, or in the adapter's input range where
        one is given.
      y: integer labels [B].
      of: `"softmax"`, the probability of the labelled class (the release), or `"xent"`, the
        cross-entropy (Eq. 8).
      statistics: BatchNorm mode: `"moving"` averages, or those of this `"batch"` (its gradients
        then contain the terms by which one image acts on the others). Nothing is updated in either.
      adapter: affine map from `x` to the model's input (§4.3); the gradient is taken through it.
      step: the iteration that random pads, in the adapter or the model, draw their place for, as in
        `logits_of`.

    Returns:
      A tensor like `x`.

    Raises:
      InputError: unknown `of` or `statistics`, or a mode that the model cannot run in.
    """
    check_of(of)
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    if not x.dtype.is_floating:
        raise InputError(f"images: expected floating-point pixels, got {x.dtype.name}")
    with tf.GradientTape(watch_accessed_variables=False) as tape, modes.in_mode(step=step):
        tape.watch(x)
        logits = logits_of(model, x if adapter is None else adapter(x), statistics)
        target = summed_target(of, y, logits)
    gradient = tape.gradient(target, x)
    if gradient is None:
        raise InputError(
            f"{getattr(model, 'name', model)}: the output does not depend on the images differentiably"
        )
    return gradient

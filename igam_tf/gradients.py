"""Input gradients, and the logits of a model in a chosen BatchNorm mode."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import layers, losses
from igam_tf.core import modes
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import GRADIENTS_OF


def logits_of(model: Any, x: tf.Tensor, statistics: str = "moving", step: Any = None) -> tf.Tensor:
    """Inference-mode logits [B, K] of a Keras model or any callable; nothing is updated.

    Args:
      model: Keras model or callable, images to logits.
      x: float images [B, H, W, C] in the model's pixel range.
      statistics: BatchNorm mode, `"moving"` or `"batch"`.
      step: the iteration whose random places `Pad` layers use, integer scalar, inside compiled
        functions a tensor or variable; None: the centre.

    Raises:
      InputError: `statistics="batch"` for a callable that is not a Keras model, or for a model with
        stock BatchNormalization layers, which would update their moving averages.
    """
    layers.check_statistics(statistics, model)
    if not isinstance(model, keras.layers.Layer):
        if statistics == "batch":
            raise InputError(
                'statistics="batch" needs a Keras model; '
                "the BatchNorm mode of a plain callable cannot be set"
            )
        return model(x)
    with modes.in_mode(batch_statistics=statistics == "batch", step=step):
        return model(x, training=False)


def summed_target(of: str, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The differentiated quantity of input gradients, summed over the batch."""
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
    """The gradient of a quantity, summed over the batch, with respect to the images.

    Args:
      model: Keras model or callable, images to logits.
      x: float images [B, H, W, C] in the pixel range of the model, or of the adapter's input.
      y: integer labels [B].
      of: `"softmax"`, the probability of the labelled class (the release), or `"xent"`, the
        cross-entropy (Eq. 8).
      statistics: BatchNorm mode: `"moving"` averages or the statistics of this `"batch"`, through
        which each image influences the others. Neither mode updates anything.
      adapter: affine map from `x` to the model's input (§4.3); the gradient is taken through it.
      step: the iteration of random pads in adapter and model, as in `logits_of`.

    Returns:
      A tensor like `x`.

    Raises:
      InputError: unknown `of` or `statistics`, pixels that are not floats, a mode that the model
        cannot run in, or an output that does not depend on the images differentiably.
    """
    if of not in GRADIENTS_OF:
        raise InputError(f"of: expected one of {', '.join(GRADIENTS_OF)}, got {of!r}")
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    if not x.dtype.is_floating:
        raise InputError(f"images: expected floating-point pixels, got {x.dtype.name}")
    with tf.GradientTape(watch_accessed_variables=False) as tape, modes.in_mode(step=step):
        tape.watch(x)
        logits = logits_of(model, x if adapter is None else adapter(x), statistics)
        target = summed_target(of, y, logits)
    gradient = tape.gradient(target, x)
    if gradient is None:
        name = getattr(model, "name", model)
        raise InputError(f"{name}: the output does not depend on the images differentiably")
    return gradient

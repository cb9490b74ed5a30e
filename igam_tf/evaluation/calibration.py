"""BatchNorm moving averages re-estimated on clean data: how much of a number is the BatchNorm
protocol?
"""

from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.core.structure import walk
from igam_tf.data.splits import Split
from igam_tf.layers import BatchNorm, batch_norms, stock_batchnorms

_MOVING_AVERAGES = {"moving_mean", "moving_variance"}


def recalibrated(model: keras.Model, calibration: Split, batch_size: int = 100) -> keras.Model:
    """A copy of a model whose BatchNorm moving averages are the plain means over batches of clean
    images.

    It has moving averages even where the model has none (the release's fine-tuned teachers).

    Args:
      model: a functional or sequential Keras model.
      calibration: clean training images in the model's pixel range; whole batches of `batch_size`
        are used.

    Raises:
      InputError: another model, one with stock BatchNormalization layers (whose moving averages are
        decaying ones), one whose weights cannot all be copied, or fewer images than a batch.
    """
    if not isinstance(model, keras.Model) or len(calibration) < batch_size:
        raise InputError(
            f"recalibrated: need a Keras model and {batch_size} images or more, got {len(calibration)}"
        )
    if stock := stock_batchnorms(model):
        raise InputError(
            f"recalibrated: {model.name} has stock BatchNormalization ({stock[0]}); "
            "igam_tf.layers.exact_batchnorm converts a model"
        )
    copy = _cloned(model)
    _copy_weights(model, copy)
    for index in range(len(calibration) // batch_size):
        # Decays of 0, 1/2, 2/3 ... make the moving average the mean of all batches so far.
        for norm in batch_norms(copy):
            norm.momentum = index / (index + 1)
        copy(calibration.pixels(index * batch_size, (index + 1) * batch_size), training=True)
    return copy


def _cloned(model: keras.Model) -> keras.Model:
    """A copy with new weights, in which every BatchNorm has moving averages."""

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, BatchNorm):
            config["moving_averages"] = True
        return layer.__class__.from_config(config)

    try:
        return keras.models.clone_model(model, clone_function=clone, recursive=True)
    except ValueError as error:  # Keras' word for a subclassed model
        raise InputError(
            f"recalibrated: need a functional or sequential model, got {type(model).__name__}"
        ) from error


def _copy_weights(model: keras.Model, copy: keras.Model) -> None:
    """Layer by layer: paths do not tell apart the weights of two nested models with equal names."""
    pairs = [
        (a, b) for a, b in zip(walk(model), walk(copy), strict=True) if not hasattr(a, "layers")
    ]
    for layer, new in pairs:
        weights, news = list(layer.weights), list(new.weights)
        if isinstance(new, BatchNorm) and len(weights) < len(news):
            news = [weight for weight in news if weight.name not in _MOVING_AVERAGES]
        if [tuple(w.shape) for w in weights] != [tuple(w.shape) for w in news]:
            raise InputError(
                f"recalibrated: the weights of {model.name}'s layer {layer.name} differ"
            )
        for weight, value in zip(news, weights, strict=True):
            weight.assign(value)
    copied = {id(weight) for layer, _ in pairs for weight in layer.weights}
    if lost := [weight.path for weight in model.weights if id(weight) not in copied]:
        raise InputError(f"recalibrated: weights of no layer are not copied: {', '.join(lost)}")

"""Recalibration: BatchNorm moving averages re-estimated on clean data."""

from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.core.structure import walk
from igam_tf.data.splits import Split
from igam_tf.layers import BatchNorm, batch_norms, stock_batchnorms

_MOVING_AVERAGES = {"moving_mean", "moving_variance"}


def recalibrated(model: keras.Model, calibration: Split, batch_size: int = 100) -> keras.Model:
    """A copy of a model, whose moving averages are plain means over batches of clean images.

    The copy has moving averages even where the model has none (the release's fine-tuned teachers).

    Args:
      model: a functional or sequential Keras model.
      calibration: clean training images in the model's pixel range; an incomplete last batch is
        left out.

    Raises:
      InputError: another kind of model, stock BatchNormalization layers (their moving averages
        decay), weights that cannot all be copied, or fewer images than a batch.
    """
    if not isinstance(model, keras.Model) or len(calibration) < batch_size:
        raise InputError(
            f"recalibrated: need a Keras model and {batch_size} images or more, "
            f"got {len(calibration)}"
        )
    if stock := stock_batchnorms(model):
        raise InputError(
            f"recalibrated: {model.name} has stock BatchNormalization ({stock[0]}); "
            "igam_tf.layers.exact_batchnorm converts a model"
        )
    copy = _cloned(model)
    _copy_weights(model, copy)
    for index in range(len(calibration) // batch_size):
        # With decays of 0, 1/2, 2/3 ... the moving average is the mean of the batches.
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
    except ValueError as error:  # Keras refuses subclassed models so
        raise InputError(
            f"recalibrated: need a functional or sequential model, got {type(model).__name__}"
        ) from error


def _copy_weights(model: keras.Model, copy: keras.Model) -> None:
    """Layer by layer: the weights of two nested models with equal names have equal paths."""
    pairs = [
        (a, b) for a, b in zip(walk(model), walk(copy), strict=True) if not hasattr(a, "layers")
    ]
    for source, target in pairs:
        values, weights = list(source.weights), list(target.weights)
        if isinstance(target, BatchNorm) and len(values) < len(weights):
            weights = [weight for weight in weights if weight.name not in _MOVING_AVERAGES]
        if [tuple(w.shape) for w in values] != [tuple(w.shape) for w in weights]:
            raise InputError(
                f"recalibrated: the weights of {model.name}'s layer {source.name} differ"
            )
        for weight, value in zip(weights, values, strict=True):
            weight.assign(value)
    copied = {id(weight) for source, _ in pairs for weight in source.weights}
    if missing := [weight.path for weight in model.weights if id(weight) not in copied]:
        raise InputError(f"recalibrated: weights of no layer are not copied: {', '.join(missing)}")

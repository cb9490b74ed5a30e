"""BatchNorm moving averages re-estimated on clean data: how much of a number is the BatchNorm protocol?"""

from typing import Any

import keras

from igam_tf.data.splits import Split
from igam_tf.errors import InputError
from igam_tf.layers import BatchNorm


def recalibrated(model: keras.Model, calibration: Split, batch_size: int = 100) -> keras.Model:
    """A copy of a model whose BatchNorm moving averages are the plain means over batches of clean images.

    It has moving averages even where the model has none (the release's fine-tuned teachers).

    Args:
      calibration: clean training images in the model's pixel range; whole batches of `batch_size` are used.

    Raises:
      InputError: not a Keras model, or fewer images than a batch.
    """
    if not isinstance(model, keras.Model) or len(calibration) < batch_size:
        raise InputError(f"recalibrated: need a Keras model and {batch_size} images or more, got {len(calibration)}")
    norms: list[BatchNorm] = []

    def clone(layer: Any) -> Any:
        if not isinstance(layer, BatchNorm):
            return layer.__class__.from_config(layer.get_config())
        norms.append(BatchNorm.from_config({**layer.get_config(), "moving_averages": True}))
        return norms[-1]

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    trained = {weight.path: weight for weight in model.weights}
    for weight in copy.weights:
        if weight.path in trained:
            weight.assign(trained[weight.path])
    for index in range(len(calibration) // batch_size):
        for norm in norms:  # decays of 0, 1/2, 2/3 ... make the moving average the mean of all batches so far
            norm.momentum = index / (index + 1)
        copy(calibration.pixels(index * batch_size, (index + 1) * batch_size), training=True)
    return copy

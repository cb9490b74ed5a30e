"""Stock normalisation layers made ours, whose second derivatives are right."""

from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.core.structure import is_graph, walk
from igam_tf.layers.batch_norm import BatchNorm
from igam_tf.layers.exact_norms import GroupNorm, LayerNorm

_EXACT = {
    keras.layers.BatchNormalization: BatchNorm,
    keras.layers.GroupNormalization: GroupNorm,
    keras.layers.LayerNormalization: LayerNorm,
}


def stock_normalizations(model: Any) -> list[str]:
    """Names of a model's normalisation layers whose second derivatives are wrong."""
    return [layer.name for layer in walk(model) if type(layer) in _EXACT]


def exact_batchnorm(model: keras.Model) -> keras.Model:
    """A model with `BatchNorm` in place of every stock BatchNormalization; equal weights.

    GroupNormalization and LayerNormalization become `GroupNorm` and `LayerNorm`. Inference is
    unchanged. In training the moving variance receives the unbiased variance.

    Args:
      model: any Keras model. Of a functional or sequential one, nested ones too, the result is a
        copy. A subclassed model cannot be copied: its layers are converted in place.

    Returns:
      The copy, or `model` itself.

    Raises:
      InputError: a BatchNormalization of another axis than the last.
    """
    converted = model
    if is_graph(model):
        converted = keras.models.clone_model(model, clone_function=_clone, recursive=True)
        converted.set_weights(model.get_weights())
    convert_normalizations(converted)
    return converted


def convert_normalizations(model: keras.Model) -> None:
    """Makes a model's stock normalisation layers ours, in place.

    The attributes that hold their weights have the same names.

    Raises:
      InputError: a BatchNormalization of another axis than the last.
    """
    for layer in list(walk(model)):
        if type(layer) in _EXACT:
            if type(layer) is keras.layers.BatchNormalization:
                _require_last_axis(layer)
                layer.moving_averages = True
            layer.__class__ = _EXACT[type(layer)]


def _clone(layer: Any) -> Any:
    if type(layer) is not keras.layers.BatchNormalization:
        return _EXACT.get(type(layer), layer.__class__).from_config(layer.get_config())
    _require_last_axis(layer)
    return BatchNorm(
        layer.momentum,
        layer.epsilon,
        scale=layer.scale,
        center=layer.center,
        name=layer.name,
        dtype=layer.dtype_policy,
    )


def _require_last_axis(layer: Any) -> None:
    """The index of the last axis is known where the layer is built."""
    rank = layer.input_spec.ndim if layer.input_spec is not None else 0
    if layer.axis not in (-1, rank - 1):
        raise InputError(
            f"{layer.name}: only BatchNormalization of the last axis is converted, got axis "
            f"{layer.axis}"
        )

"""Precision of a network: float32 throughout, or bfloat16 where accuracy does not suffer.

Under `"bfloat16"` (Keras' mixed precision) convolutions, hidden dense layers and activations are
bfloat16. Variables, pixels, adapters, input normalisation, BatchNorm's statistics and arithmetic,
logits, losses and input gradients stay float32. There is no loss scaling: bfloat16 has the exponent
range of float32.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import POLICIES, PRECISIONS
from igam_tf.core.structure import last_layers


def check_precision(precision: str) -> str:
    """Returns the precision.

    Raises:
      InputError: unknown precision.
    """
    if precision not in POLICIES:
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    return precision


@contextlib.contextmanager
def building(precision: str) -> Iterator[None]:
    """Networks built in the context have this precision; float32 leaves Keras' policy unchanged."""
    if check_precision(precision) == "float32":
        yield
        return
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def building_in_float64() -> Iterator[None]:
    """Networks built and called in the context compute in float64 throughout, for checks."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def full_precision() -> str:
    """The dtype of pixels and logits: float32, or float64 if that is Keras' floatx."""
    return "float64" if keras.config.floatx() == "float64" else "float32"


class FloatLayer(keras.layers.Layer):
    """Base of layers that compute in full precision under any policy, as pixels require."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", full_precision())
        super().__init__(**kwargs)


def rebuilt(model: keras.Model, precision: str) -> keras.Model:
    """A copy of a classifier in another precision, with the same weights.

    Logit layers, pixels and input normalisation keep their dtype.

    Args:
      model: a functional or sequential Keras model; nested models are converted too.
    """
    policy = POLICIES[check_precision(precision)]
    heads = {id(layer) for layer in last_layers(model)}

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        is_float = isinstance(layer, (FloatLayer, keras.layers.InputLayer))
        if not (is_float or id(layer) in heads or layer.name == "source_logits"):
            config["dtype"] = policy
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy

"""What is computed in which type: float32 throughout, or bfloat16 where it does no harm.

Under `"bfloat16"` (Keras' mixed precision) convolutions, hidden dense layers, activations and what
is stored between them are bfloat16. Variables, pixels and adapters, input normalisation,
BatchNorm's statistics and arithmetic, logits and losses stay float32; so do input gradients, which
reach the images through the normalisation, and all that attacks and matching do with them. Weights
need no loss scaling: bfloat16 has float32's range.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import POLICIES, PRECISIONS
from igam_tf.core.structure import last_layers


def check_precision(precision: str) -> str:
    """The precision, if it is one.

    Raises:
      InputError: it is none.
    """
    if precision not in POLICIES:
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    return precision


@contextlib.contextmanager
def building(precision: str) -> Iterator[None]:
    """Inside, networks are built for that precision; float32 leaves Keras' own policy as it is."""
    if check_precision(precision) == "float32":
        yield
        return
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def full_precision() -> str:
    """The type of what no precision may narrow (pixels, logits): float32, or float64 where Keras'
    floatx is.
    """
    return "float64" if keras.config.floatx() == "float64" else "float32"


class FloatLayer(keras.layers.Layer):
    """Computes in full precision whatever the policy: pixels and their statistics do not survive
    bfloat16.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", full_precision())
        super().__init__(**kwargs)


def rebuilt(model: keras.Model, precision: str) -> keras.Model:
    """A copy of a classifier with the same weights that computes in another precision; its logit
    layers stay as they are.

    Args:
      model: a functional or sequential Keras model; nested models are converted too.
    """
    policy = POLICIES[check_precision(precision)]

    heads = {id(layer) for layer in last_layers(model)}

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        kept = isinstance(layer, (FloatLayer, keras.layers.InputLayer))
        if not kept and id(layer) not in heads and layer.name != "source_logits":
            config["dtype"] = policy
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    return copy

"""The last layers of a classifier: where the logits come from, and what precedes them."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf.core.errors import InputError
from igam_tf.core.structure import is_graph, last_layers, walk
from igam_tf.layers import convert_normalizations

_local = threading.local()


def without_softmax(model: keras.Model, say: Callable[[str], None] = print) -> keras.Model:
    """A model that returns logits: a softmax at its end is cut off, and `say` receives a line.

    The activation of a last Dense layer is replaced in place.
    """
    for last in last_layers(model):
        if getattr(last, "activation", None) is keras.activations.softmax:
            say(f"the softmax of its last layer {last.name} was cut off; it returns logits")
            last.activation = keras.activations.linear
            return model
    last = model.layers[-1] if getattr(model, "layers", None) else None
    if isinstance(last, keras.layers.Softmax) and is_graph(model):
        say(f"its last layer {last.name}, a softmax, was cut off; it returns logits")
        return keras.Model(model.input, last.input, name=model.name)
    return model


class TappedDense(keras.layers.Dense):
    """A Dense layer that shows its inputs to `Features`."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        getattr(_local, "inputs", {})[id(self)] = inputs
        return super().call(inputs)


@contextlib.contextmanager
def _tapping() -> Iterator[dict[int, Any]]:
    before = getattr(_local, "inputs", {})
    _local.inputs = {}
    try:
        yield _local.inputs
    finally:
        _local.inputs = before


@keras.saving.register_keras_serializable("igam_tf")
class SubclassedNetwork(keras.Model):
    """A subclassed model with exact normalisation layers, which it has again when it is loaded.

    Its own class makes stock layers; they are converted before weights are read.
    """

    def __init__(self, model: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        convert_normalizations(model)
        self.model = model

    def build(self, input_shape: Any) -> None:
        if not self.model.built:
            self.model(keras.ops.zeros((1, *input_shape[1:])))
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return self.model(inputs, training=training)

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self.model)
        return {"name": self.name, "model": model}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        model = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(**{**config, "model": model})


@keras.saving.register_keras_serializable("igam_tf")
class Features(keras.layers.Layer):
    """A subclassed classifier's features and logits: what its last Dense layer takes and gives.

    Args:
      model: a Keras model whose logits are the output of its last Dense layer.
    """

    def __init__(self, model: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def build(self, input_shape: Any) -> None:
        if not self.model.built:
            self.model(keras.ops.zeros((1, *input_shape[1:])))
        self.head.__class__ = TappedDense

    @property
    def head(self) -> Any:
        """The last Dense layer.

        Raises:
          InputError: there is none.
        """
        dense = [layer for layer in walk(self.model) if isinstance(layer, keras.layers.Dense)]
        if not dense:
            raise InputError(
                f"{self.model.name}: as a teacher it needs a Dense logit layer, it has none"
            )
        return dense[-1]

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        with _tapping() as taps:
            logits = self.model(inputs, training=training)
        return taps[id(self.head)], logits

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Features":
        return cls(**{**config, "model": keras.saving.deserialize_keras_object(config["model"])})


def features_of(model: keras.Model, images: Any) -> tuple[Any, Any]:
    """Symbolic features and logits of a subclassed model on symbolic images.

    Raises:
      InputError: the model has no Dense layer, or its last one does not give the logits.
    """
    layer = Features(model, name="features")
    features, logits = layer(images)
    probe = np.random.default_rng(0).random((2, *images.shape[1:]), np.float32)
    inside, expected = layer(probe)
    if features.shape[-1] is None or not np.allclose(
        layer.head(inside), expected, rtol=1e-4, atol=1e-5
    ):
        raise InputError(
            f"{model.name}: as a teacher it needs a Dense layer that gives its logits; its last "
            f"one, {layer.head.name}, does not"
        )
    return features, logits

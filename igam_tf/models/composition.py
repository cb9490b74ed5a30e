"""Models made of models: a teacher with a new head, a teacher behind its adapter."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import layers
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.layers import PixelRange


@keras.saving.register_keras_serializable("igam_tf")
class TargetHead(keras.layers.Layer):
    """A logit layer over `[features, source_logits]` that reads only the features.

    Taking the source head's output as well keeps that head in the model; its product is pruned from
    compiled graphs. Weights start like the original's: uniform(+-sqrt(3 / fan_in)), zero bias.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = int(units)

    def build(self, input_shape: Any) -> None:
        initial = keras.initializers.VarianceScaling(1.0, mode="fan_in", distribution="uniform")
        self.kernel = self.add_weight(
            shape=(input_shape[0][-1], self.units), initializer=initial, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> tf.Tensor:
        return tf.matmul(inputs[0], self.kernel) + self.bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def with_new_head(model: keras.Model, num_classes: int) -> keras.Model:
    """The same network and weights with a fresh logit layer for `num_classes` classes beside its
    own (paper, Eq. 6).

    The layers below are shared with `model`, not copied. The old head stays in the new model as the
    layer `source_logits`; the new one is `logits`.

    Raises:
      InputError: the model is not a functional one that ends in a dense layer.
    """
    head = model.layers[-1] if getattr(model, "layers", None) else None
    if (
        not isinstance(head, (keras.layers.Dense, TargetHead))
        or len(getattr(model, "outputs", [])) != 1
    ):
        raise InputError(
            f"{model.name}: expected a functional Keras model with one output that ends in a Dense logit layer"
        )
    features = head.input[0] if isinstance(head, TargetHead) else head.input
    source = keras.layers.Dense(head.units, name="source_logits", dtype=full_precision())
    source_logits = source(features)
    source.kernel.assign(head.kernel)
    source.bias.assign(head.bias)
    target = TargetHead(num_classes, name="logits", dtype=full_precision())
    return keras.Model(model.input, target([features, source_logits]), name=model.name)


def source_view(model: keras.Model) -> keras.Model:
    """A fine-tuned teacher's logits of its source task, on the same input (behind its adapter where
    it has one).

    Raises:
      InputError: there is no layer `source_logits`.
    """
    names = [layer.name for layer in getattr(model, "layers", [])]
    if "source_logits" in names:
        return keras.Model(
            model.input, model.get_layer("source_logits").output, name=f"source_{model.name}"
        )
    if not names or not getattr(model.layers[-1], "layers", None):
        raise InputError(
            f"{getattr(model, 'name', model)}: no fine-tuned teacher, it has no source head"
        )
    inputs = keras.Input(model.input_shape[1:])
    x = inputs
    for layer in model.layers[1:-1]:
        x = layer(x)
    return keras.Model(inputs, source_view(model.layers[-1])(x), name=f"source_{model.name}")


def renormalized(model: keras.Model, normalization: str) -> keras.Model:
    """A copy of a network with the same weights and another input normalisation
    (`igam_tf.layers.normalization`).

    The release does this to its Tiny-ImageNet teacher: trained on `unit_norm`, rebuilt on `l2`.

    Raises:
      InputError: the network has no layer of the name `normalization`, or there is no such
        normalisation.
    """
    if not any(layer.name == "normalization" for layer in model.layers):
        raise InputError(f"{model.name}: there is no layer `normalization` to replace")

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name == "normalization":
            return layers.normalization(normalization, name="normalization")
        return layer.__class__.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy


def adapted(
    model: keras.Model,
    adapter: keras.layers.Layer | None,
    input_shape: tuple[int, ...],
    bounds: Bounds,
) -> keras.Model:
    """`model` behind `adapter`, as one model on target images [B, *input_shape] in `bounds`.

    Raises:
      InputError: the adapter gives images of another shape than the model takes.
    """
    inputs = keras.Input(input_shape, name="images")
    x = PixelRange(bounds.low, bounds.high, name="pixels")(inputs)
    x = x if adapter is None else adapter(x)
    if any(
        side not in (None, found) for side, found in zip(model.input_shape, x.shape, strict=True)
    ):
        raise InputError(
            f"adapter: it gives {tuple(x.shape[1:])} for {tuple(input_shape)} images, the model takes {model.input_shape[1:]}"
        )
    return keras.Model(inputs, model(x), name=f"adapted_{model.name}")

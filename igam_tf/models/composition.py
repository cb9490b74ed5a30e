"""Models built from models: a teacher with a new head, or with an adapter before it."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import layers
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.core.structure import is_graph, walk
from igam_tf.layers import PixelRange
from igam_tf.models.heads import features_of


@keras.saving.register_keras_serializable("igam_tf")
class TargetHead(keras.layers.Layer):
    """A logit layer with inputs `[features, source_logits]` that uses only the features.

    The second input keeps the source head in the model; compiled graphs omit its computation.
    Initial weights are the original's: uniform(+-sqrt(3 / fan_in)), zero bias.
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
    """The network with a new logit layer for `num_classes` classes beside its own (paper, Eq. 6).

    The new head is the layer `logits`, and a copy of the old one the layer `source_logits`. All
    other layers are shared with `model`.

    A model may end in another one, behind layers in a row. A subclassed model there needs a last
    Dense layer that gives its logits.

    Raises:
      InputError: not a functional model with one output that ends in a dense layer.
    """
    head = model.layers[-1] if getattr(model, "layers", None) else None
    if isinstance(head, keras.Model):
        return _with_new_head_inside(model, head, num_classes)
    outputs = getattr(model, "outputs", [])
    if len(outputs) != 1 or not isinstance(head, (keras.layers.Dense, TargetHead)):
        raise InputError(
            f"{model.name}: expected a functional Keras model with one output "
            "that ends in a Dense logit layer"
        )
    features = head.input[0] if isinstance(head, TargetHead) else head.input
    source = keras.layers.Dense(head.units, name="source_logits", dtype=full_precision())
    source_logits = source(features)
    source.kernel.assign(head.kernel)
    if head.bias is not None:
        source.bias.assign(head.bias)
    target = TargetHead(num_classes, name="logits", dtype=full_precision())
    return keras.Model(model.input, target([features, source_logits]), name=model.name)


def _with_new_head_inside(model: keras.Model, inner: keras.Model, num_classes: int) -> keras.Model:
    """The same for the model that `model` ends in."""
    x = model.input
    for layer in model.layers[1:-1]:
        x = layer(x)
    if is_graph(inner):
        return keras.Model(model.input, with_new_head(inner, num_classes)(x), name=model.name)
    features, logits = features_of(inner, x)
    source_logits = keras.layers.Identity(name="source_logits", dtype=full_precision())(logits)
    target = TargetHead(num_classes, name="logits", dtype=full_precision())
    return keras.Model(model.input, target([features, source_logits]), name=model.name)


def target_head(model: keras.Model) -> TargetHead:
    """The new logit layer of a model that `with_new_head` gave."""
    return next(layer for layer in walk(model) if isinstance(layer, TargetHead))


def source_view(model: keras.Model) -> keras.Model:
    """A fine-tuned teacher's source logits as a model, with the same input and adapter.

    Raises:
      InputError: there is no layer `source_logits`.
    """
    names = [layer.name for layer in getattr(model, "layers", [])]
    if "source_logits" in names:
        source_logits = model.get_layer("source_logits").output
        return keras.Model(model.input, source_logits, name=f"source_{model.name}")
    if not names or not getattr(model.layers[-1], "layers", None):
        name = getattr(model, "name", model)
        raise InputError(f"{name}: no fine-tuned teacher, it has no source head")
    inputs = keras.Input(model.input_shape[1:])
    x = inputs
    for layer in model.layers[1:-1]:
        x = layer(x)
    return keras.Model(inputs, source_view(model.layers[-1])(x), name=f"source_{model.name}")


def renormalized(model: keras.Model, normalization: str) -> keras.Model:
    """A copy of a network with equal weights and another `igam_tf.layers.normalization`.

    The release trains its Tiny-ImageNet teacher on `unit_norm` and then rebuilds it on `l2`.

    Raises:
      InputError: unknown normalisation, or the network has no layer named `normalization`.
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
    """`adapter` followed by `model`, as one model of images [B, *input_shape] in `bounds`.

    Raises:
      InputError: the adapter's output does not have the model's input shape.
    """
    inputs = keras.Input(input_shape, name="images")
    x = PixelRange(bounds.low, bounds.high, name="pixels")(inputs)
    x = x if adapter is None else adapter(x)
    sides = zip(model.input_shape, x.shape, strict=True)
    if any(expected not in (None, side) for expected, side in sides):
        raise InputError(
            f"adapter: it gives {tuple(x.shape[1:])} for {tuple(input_shape)} images, "
            f"the model takes {model.input_shape[1:]}"
        )
    return keras.Model(inputs, model(x), name=f"adapted_{model.name}")

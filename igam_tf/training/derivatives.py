"""Whether a network has the second derivatives that matching needs, tried in one direction."""

import dataclasses
import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import gradients, layers
from igam_tf.core import precision
from igam_tf.core.errors import InputError
from igam_tf.core.structure import is_graph, walk

AGREEMENT = 1e-3  # relative; honest networks reach 1e-6
_STEPS = (
    1e-4,
    1e-5,
    1e-6,
    1e-7,
    1e-8,
    1e-9,
    1e-10,
)  # of a weight's own size; few units of a ReLU network pass a kink
_IMAGES = 4


@dataclasses.dataclass(frozen=True)
class DerivativeCheck:
    """The result: `status` is PASS or WARN, `text` the evidence in one line."""

    status: str
    text: str


def check_derivatives(model: keras.Model, x: Any, y: Any, seed: int = 0) -> DerivativeCheck:
    """Compares a matching loss' gradient with a finite difference in one random direction.

    The loss is the squared norm of the input gradient of the labels' probabilities, with the
    batch's BatchNorm statistics and without dropout. All is done in float64 on a copy of the
    network, on the first four images.

    Args:
      model: the network, functional at its outside, as `igam_tf.models.user_network` gives it.
      x: images [B, H, W, C] in its pixel range.
      y: integer labels [B].
      seed: of the direction.

    Returns:
      PASS where both agree; WARN where the network could not be copied to float64.

    Raises:
      InputError: an operation has no second derivative (its name), or both disagree.
    """
    try:
        with precision.building_in_float64():
            copy = _copied(model)
            copy(tf.zeros((1, *model.input_shape[1:]), tf.float64))
    except Exception as error:  # a layer that insists on float32, in words of its own
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        return DerivativeCheck(
            "WARN", f"second derivatives not checked: no copy in float64 ({reason})"
        )
    x = tf.cast(x[:_IMAGES], tf.float64)
    y = tf.convert_to_tensor(y[:_IMAGES])
    weights = [weight.value for weight in copy.trainable_weights]
    with precision.building_in_float64():
        analytic, numeric = _slopes(copy, model.name, weights, x, y, seed)
    scale = max(abs(analytic), *map(abs, numeric), 1e-300)
    nearest = min(numeric, key=lambda value: abs(value - analytic))
    deviation = abs(nearest - analytic) / scale
    if not deviation < AGREEMENT:
        raise InputError(
            f"{model.name}: a layer's second derivative is wrong: the matching loss' slope in a "
            f"random direction is {analytic:.4g} by its gradient, {nearest:.4g} by differences"
        )
    return DerivativeCheck(
        "PASS", f"second derivatives agree with finite differences to {deviation:.1e}"
    )


def _slopes(
    copy: keras.Model, name: str, weights: list[Any], x: tf.Tensor, y: tf.Tensor, seed: int
) -> tuple[float, list[float]]:
    """The loss' slope in a random direction: by its gradient, and by central differences."""

    # Not compiled: a deep network takes longer to compile than these few evaluations take.
    def value() -> tf.Tensor:
        gradient = gradients.input_gradient(copy, x, y, statistics="batch")
        return tf.reduce_sum(tf.square(gradient))

    def slope(direction: list[tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = value()
        return sum(
            tf.reduce_sum(each * part)
            for each, part in zip(tape.gradient(loss, weights), direction, strict=True)
            if each is not None
        )

    rng = np.random.default_rng(seed)
    before = [weight.numpy() for weight in weights]
    direction = [
        rng.normal(size=each.shape) * max(float(np.sqrt(np.mean(each**2))), 1e-3) for each in before
    ]
    try:
        analytic = float(slope([tf.constant(each) for each in direction]))
    except LookupError as error:
        operation = re.search(r"no entry for: (\w+)", str(error))
        raise InputError(
            f"{name}: the operation {operation[1] if operation else error} has no second "
            "derivative in TensorFlow, which matching needs; replace its layer"
        ) from error
    numeric = []
    for step in _STEPS:
        ends = []
        for sign in (1, -1):
            for weight, start, part in zip(weights, before, direction, strict=True):
                weight.assign(start + sign * step * part)
            ends.append(float(value()))
        numeric.append((ends[0] - ends[1]) / (2 * step))
    return analytic, numeric


def _copied(model: keras.Model) -> keras.Model:
    """The same network and weights; every layer takes the policy that is set."""

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        config.pop("dtype", None)
        if isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = keras.config.floatx()
        return layer.__class__.from_config(config)

    copy = (
        keras.models.clone_model(model, clone_function=clone, recursive=True)
        if is_graph(model)
        else clone(model)
    )
    layers.convert_normalizations(copy)
    copy.set_weights([np.asarray(weight, np.float64) for weight in model.get_weights()])
    if any(layer.compute_dtype != "float64" for layer in walk(copy)):
        raise TypeError("a layer computes in another dtype")
    return copy

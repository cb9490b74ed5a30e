"""The functions of a SavedModel, traced over a model: answers, input gradients, an attack.

The traces hold TensorFlow operations alone, gradients included. Whoever loads them needs none of
this package's layers or custom gradients.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import LINF, ascent
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import EXPORT_GRADIENTS


@dataclasses.dataclass(frozen=True)
class Endpoints:
    """The object to save, and the concrete function of each signature.

    The object's functions take every listed type; a signature has one type for each input.
    """

    module: tf.Module
    signatures: dict[str, Any]


def build(
    model: keras.Model,
    bounds: Bounds,
    of: str = "softmax",
    statistics: str = "moving",
    encoded: bool = False,
) -> Endpoints:
    """Traces the endpoints of a model.

    * `serve(images)`: float32 [B, H, W, C] in the model's pixel range, or uint8 from 0 to 255,
      which is scaled onto that range. Returns `logits` and `probabilities`, float32 [B, classes],
      and `labels`, int64 [B]. Signatures `serve` (float32; also `serving_default`) and
      `serve_uint8`.
    * `input_gradient(images, labels)` returns `gradient`, float32 like the images: of the labelled
      class's probability or of the cross-entropy, summed over the batch. With `of="both"` it is of
      the probability, and `input_gradient_xent` is of the cross-entropy.
    * `attack(images, labels, epsilon, step_size, steps, seed)` returns `adversarial`, float32 like
      the images: l-infinity PGD on cross-entropy, amounts in the pixels' unit. The start is uniform
      in the ball; it depends on the seed and the image's place in its batch alone.
      `igam_tf.attacks.pgd` with the same seed starts at the same points.
    * `serve_encoded(encoded)`: as `serve`, of JPEG or PNG strings [B]. Images of other sizes are
      resized bilinearly.

    Labels are int64, or int32 outside signatures. Foreign labels, and images or amounts outside the
    range, raise an InvalidArgumentError.

    Args:
      model: Keras model, images [B, H, W, C] of a known size to logits [B, classes].
      bounds: its pixel range.
      of: what the input gradients are of: `"softmax"`, `"xent"` or `"both"`.
      statistics: BatchNorm mode of every endpoint. With `"batch"` an image's result depends on its
        batch.
      encoded: add `serve_encoded`.

    Raises:
      InputError: an unknown `of`.
    """
    quantities = _gradient_quantities(of)
    functions = _Functions(model, bounds, statistics)
    floats, bytes_ = functions.images, tf.TensorSpec(functions.images.shape, tf.uint8, "images")
    labelled = [[floats, labels] for labels in functions.labels]
    scalars = [*functions.amounts, *functions.counts]
    endpoints = Endpoints(tf.Module(), {})
    _add(endpoints, ("serve", "serve_uint8"), functions.serve, [[floats], [bytes_]])
    for name, quantity in quantities.items():
        _add(endpoints, (name,), functions.gradient_of(quantity), labelled)
    _add(endpoints, ("attack",), functions.attack, [[*specs, *scalars] for specs in labelled])
    if encoded:
        strings = tf.TensorSpec([None], tf.string, "encoded")
        _add(endpoints, ("serve_encoded",), functions.serve_encoded, [[strings]])
    return endpoints


def _gradient_quantities(of: str) -> dict[str, str]:
    """What each endpoint of input gradients is of, by its name."""
    if of not in EXPORT_GRADIENTS:
        raise InputError(f"gradients: expected one of {', '.join(EXPORT_GRADIENTS)}, got {of!r}")
    if of == "both":
        return {"input_gradient": "softmax", "input_gradient_xent": "xent"}
    return {"input_gradient": of}


def _add(
    endpoints: Endpoints,
    names: Sequence[str],
    function: Callable[..., Any],
    variants: Sequence[Any],
) -> None:
    """Traces a function for each variant of its inputs; each name is a variant's signature."""
    compiled = tf.function(function, autograph=False)
    setattr(endpoints.module, names[0], compiled)
    traces = [compiled.get_concrete_function(*specs) for specs in variants]
    endpoints.signatures.update(zip(names, traces, strict=False))


def _traced(function: Callable[..., Any], *specs: tf.TensorSpec) -> Callable[..., Any]:
    return tf.function(function, autograph=False).get_concrete_function(*specs)


class _Functions:
    """The endpoints of a model as Python functions.

    The costly parts are traced once, and every variant of the inputs calls these traces.
    """

    def __init__(self, model: keras.Model, bounds: Bounds, statistics: str) -> None:
        self.model, self.bounds, self.statistics = model, bounds, statistics
        self.image_shape, self.classes = tuple(model.input_shape[1:]), int(model.output_shape[-1])
        self.images = tf.TensorSpec((None, *self.image_shape), tf.float32, "images")
        self.labels = [tf.TensorSpec([None], kind, "labels") for kind in (tf.int64, tf.int32)]
        self.amounts = [tf.TensorSpec((), tf.float32, name) for name in ("epsilon", "step_size")]
        self.counts = [tf.TensorSpec((), tf.int32, name) for name in ("steps", "seed")]
        self._answers = _traced(self._answer, self.images)
        self._attacks = _traced(
            self._ascend, self.images, self.labels[0], *self.amounts, *self.counts
        )

    def serve(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answers(
            self._scaled(tf.cast(images, tf.float32)) if images.dtype == tf.uint8 else images
        )

    def serve_encoded(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        decoded = tf.map_fn(
            self._decoded, encoded, fn_output_signature=tf.TensorSpec(self.image_shape, tf.float32)
        )
        return self._answers(self._scaled(decoded))

    def gradient_of(self, quantity: str) -> Callable[..., dict[str, tf.Tensor]]:
        def gradient(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
            return gradients.input_gradient(self.model, images, labels, quantity, self.statistics)

        traced = _traced(gradient, self.images, self.labels[0])

        def input_gradient(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
            with tf.control_dependencies(self._label_checks(labels)):
                return {"gradient": traced(images, tf.cast(labels, tf.int64))}

        return input_gradient

    def attack(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        epsilon: tf.Tensor,
        step_size: tf.Tensor,
        steps: tf.Tensor,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        checks = [
            *self._label_checks(labels),
            *self._attack_checks(images, epsilon, step_size, steps),
        ]
        with tf.control_dependencies(checks):
            return {
                "adversarial": self._attacks(
                    images, tf.cast(labels, tf.int64), epsilon, step_size, steps, seed
                )
            }

    def _logits(self, images: tf.Tensor) -> tf.Tensor:
        return tf.cast(gradients.logits_of(self.model, images, self.statistics), tf.float32)

    def _answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = self._logits(images)
        return {
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
            "labels": tf.argmax(logits, -1),
        }

    def _ascend(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        epsilon: tf.Tensor,
        step_size: tf.Tensor,
        steps: tf.Tensor,
        seed: tf.Tensor,
    ) -> tf.Tensor:
        wrapped = tf.bitwise.bitwise_and(seed, 2**31 - 1)  # as `randomness.restart_seed` does
        start = images + epsilon * LINF.noise(images, wrapped, tf.range(tf.shape(images)[0]))
        last, _ = ascent.ascend(
            self._logits,
            losses.cross_entropy,
            images,
            labels,
            start,
            epsilon=epsilon,
            step_size=step_size,
            steps=steps,
            low=self.bounds.low,
            high=self.bounds.high,
        )
        return last

    def _scaled(self, eight_bit: tf.Tensor) -> tf.Tensor:
        """0 to 255 onto the model's range."""
        return eight_bit * (self.bounds.range / 255) + self.bounds.low

    def _decoded(self, text: tf.Tensor) -> tf.Tensor:
        height, width, channels = self.image_shape
        image = tf.cast(tf.io.decode_image(text, channels, expand_animations=False), tf.float32)
        image = tf.ensure_shape(image, (None, None, channels))
        fits = tf.reduce_all(tf.shape(image)[:2] == (height, width))
        resized = tf.cond(
            fits, lambda: image, lambda: tf.image.resize(image, (height, width), antialias=True)
        )
        return tf.ensure_shape(resized, self.image_shape)

    def _label_checks(self, labels: tf.Tensor) -> list[Any]:
        message = f"labels: expected 0 to {self.classes - 1}"
        return [
            tf.debugging.assert_non_negative(labels, message),
            tf.debugging.assert_less(labels, tf.cast(self.classes, labels.dtype), message),
        ]

    def _attack_checks(
        self, images: tf.Tensor, epsilon: tf.Tensor, step_size: tf.Tensor, steps: tf.Tensor
    ) -> Iterator[Any]:
        low, high, width = self.bounds.low, self.bounds.high, self.bounds.range
        slack = 1e-6 * width
        for name, value, least, most in (
            ("images", images, low, high),
            ("epsilon", epsilon, 0.0, width),
            ("step_size", step_size, 0.0, width),
        ):
            message = (
                f"{name}: expected {least:g} to {most:g}; the model's pixels lie in {self.bounds}"
            )
            yield tf.debugging.assert_greater_equal(value, least - slack, message)
            yield tf.debugging.assert_less_equal(value, most + slack, message)
        yield tf.debugging.assert_non_negative(steps, "steps: expected 0 or more")

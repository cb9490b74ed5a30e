"""Compiled programs by model: attacks and logits. They live as long as their model."""

import weakref
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients
from igam_tf.core.errors import InputError

# Each model's programs. They hold the model by a weak reference alone, so that they die with it.
_PROGRAMS: "weakref.WeakKeyDictionary[Any, dict[Hashable, Callable[..., Any]]]"
_PROGRAMS = weakref.WeakKeyDictionary()


def compiled(
    model: Any, key: Hashable, build: Callable[[Callable[[], Any]], Callable[..., Any]]
) -> Callable[..., Any]:
    """The program of a model under `key`, built at its first use.

    Args:
      build: takes a function that returns the model. The program must not hold the model itself.
    """
    try:
        programs = _PROGRAMS.setdefault(model, {})
        reference: Callable[[], Any] = weakref.ref(model)
    except TypeError:  # without weak references, every call compiles anew
        programs, reference = {}, (lambda: model)
    if key not in programs:
        programs[key] = build(reference)
    return programs[key]


def logits(model: Any, images: np.ndarray, statistics: str) -> np.ndarray:
    """A model's logits, float32 [B, classes], on images [B, H, W, C] float32.

    Args:
      statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated.

    Raises:
      InputError: the outputs are not finite, or not [B, classes].
    """

    def build(reference: Callable[[], Any]) -> Callable[..., Any]:
        def run(images: tf.Tensor) -> tf.Tensor:
            return tf.cast(gradients.logits_of(reference(), images, statistics), tf.float32)

        spec = tf.TensorSpec((None, *images.shape[1:]), tf.float32)
        return tf.function(run, autograph=False).get_concrete_function(spec)

    program = compiled(model, ("logits", images.shape[1:], statistics), build)
    outputs = program(tf.constant(images)).numpy()
    if outputs.ndim != 2:
        problem = f"have the shape {outputs.shape}, expected [B, classes]"
    elif not np.isfinite(outputs).all():
        problem = "are not all finite"
    else:
        return outputs
    raise InputError(f"{getattr(model, 'name', 'model')}: its logits {problem}")

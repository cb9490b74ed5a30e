"""What every attack begins with: checked inputs, and a place for what is compiled once per model."""

import secrets
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import gradients
from igam_tf.bounds import Bounds, as_bounds
from igam_tf.errors import InputError
from igam_tf.layers import bounds_of


def checked(model: Any, x: Any, y: Any, bounds: Any) -> tuple[Bounds, np.ndarray, np.ndarray]:
    """The pixel range, float32 images [B, H, W, C] and int64 labels [B] of an attack.

    Raises:
      InputError: shapes, types or values that do not fit together or to the model.
    """
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    images, labels = np.asarray(x), np.asarray(y)
    if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
        raise InputError(f"expected images [B, H, W, C] and labels [B], got shapes {images.shape} and {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels: expected integers, got {labels.dtype}")
    _require_fit(model, images, labels)
    _require_logits(model)
    images = images.astype(np.float32)
    slack = 1e-6 * limits.range
    if not (images.min() >= limits.low - slack and images.max() <= limits.high + slack):
        raise InputError(f"images: expected pixels within {limits}, got {images.min():g} to {images.max():g}")
    return limits, images, labels.astype(np.int64)


def checked_targets(model: Any, labels: np.ndarray, targets: Any) -> np.ndarray:
    """Classes to be taken for, int64 like the labels.

    Raises:
      InputError: not one integer class of the model per example.
    """
    aims = np.asarray(targets)
    classes = (getattr(model, "output_shape", None) or (np.inf,))[-1]
    if (
        aims.shape != labels.shape
        or not np.issubdtype(aims.dtype, np.integer)
        or not 0 <= aims.min() <= aims.max() < classes
    ):
        raise InputError(f"targets: expected {len(labels)} integer classes below {classes}, got {aims!r}")
    return aims.astype(np.int64)


def _require_fit(model: Any, images: np.ndarray, labels: np.ndarray) -> None:
    """A Keras model's own shapes: its error for other images is long, and labels it lacks are just never right."""
    taken, given = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if isinstance(taken, tuple) and any(
        side not in (None, found) for side, found in zip(taken, images.shape, strict=False)
    ):
        raise InputError(f"images: the model takes {taken[1:]}, got {images.shape[1:]}")
    classes = given[-1] if isinstance(given, tuple) and given[-1] else labels.max() + 1
    if not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(f"labels: the model has {classes} classes, got labels {labels.min()} to {labels.max()}")


def _require_logits(model: Any) -> None:
    last = model.layers[-1] if isinstance(model, keras.Model) and model.layers else None
    if isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax:
        raise InputError(f"{model.name}: {PROBABILITIES}")


PROBABILITIES = (
    "the model gives probabilities, attacks need logits; end it before its softmax (a Dense layer with activation=None)"
)


def logits(model: Any, x: np.ndarray, statistics: str) -> np.ndarray:
    """A model's logits on images [B, H, W, C] float32, by a function compiled once per model and mode.

    Raises:
      InputError: they are not finite, or not [B, classes].
    """

    def build(reference: Callable[[], Any]) -> Callable[..., Any]:
        def run(images: tf.Tensor) -> tf.Tensor:
            return tf.cast(gradients.logits_of(reference(), images, statistics), tf.float32)

        images = tf.TensorSpec((None, *x.shape[1:]), tf.float32)
        return tf.function(run, autograph=False).get_concrete_function(images)

    found = compiled(model, ("logits", x.shape[1:], statistics), build)(tf.constant(x)).numpy()
    if found.ndim != 2 or not np.isfinite(found).all():
        what = "are not all finite" if found.ndim == 2 else f"have the shape {found.shape}, expected [B, classes]"
        raise InputError(f"{getattr(model, 'name', 'model')}: its logits {what}")
    return found


def drawn(seed: int | None) -> int:
    """The seed itself, or one drawn."""
    return secrets.randbelow(2**31) if seed is None else int(seed)


def restart_seed(seed: int, restart: int) -> int:
    return (seed + restart * 7919) % 2**31


def order_of(indices: Any, count: int) -> np.ndarray:
    """The examples' own numbers, which decide their random draws: int32 [count], by default 0, 1, 2 ..."""
    return np.asarray(np.arange(count) if indices is None else indices, np.int32)


# Per model, its compiled attacks. They reach the model through a weak reference, so that they die with it.
_COMPILED: "weakref.WeakKeyDictionary[Any, dict[Hashable, Callable[..., Any]]]" = weakref.WeakKeyDictionary()


def compiled(model: Any, key: Hashable, build: Callable[[Callable[[], Any]], Callable[..., Any]]) -> Callable[..., Any]:
    """What `build` makes for a model, made once for each `key`.

    `build` gets a function that returns the model; what it makes must not hold the model itself.
    """
    try:
        known = _COMPILED.setdefault(model, {})
        reference: Callable[[], Any] = weakref.ref(model)
    except TypeError:  # a callable that cannot be weakly referenced is compiled anew for each call
        known, reference = {}, (lambda: model)
    if key not in known:
        known[key] = build(reference)
    return known[key]

"""FGSM, PGD and PGD curves (l-infinity): checked inputs, compiled once per model and kind of attack."""

import dataclasses
import secrets
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.bounds import Amount, Bounds, as_bounds
from igam_tf.errors import InputError
from igam_tf.layers import bounds_of, check_statistics


@dataclasses.dataclass(frozen=True)
class Curve:
    """What one attack says at several numbers of steps.

    Attributes:
      last: k to bool [B]: still right at x_k in every restart (what papers print).
      any: k to bool [B]: right on the clean image and at every x_0 .. x_k of every restart: the honest lower figure.
      clean: bool [B].
      x_adv: float32, like x: per example the final iterate of the first restart that fools the model there, or of the last.
    """

    last: dict[int, np.ndarray]
    any: dict[int, np.ndarray]
    clean: np.ndarray
    x_adv: np.ndarray


def pgd_curve(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    step_size: Amount,
    record_at: Iterable[int] = (5, 10, 20, 50, 100),
    steps: int | None = None,
    bounds: Any = None,
    random_start: bool = True,
    loss: str = "xent",
    restarts: int = 1,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
) -> Curve:
    """One PGD trajectory (per restart), read at several k: it costs the largest k alone.

    x <- clip(x + step_size * sign(gradient of the summed loss)), to the ball and the pixel range, as MadryLab and the
    release do.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon, step_size: in the model's pixel unit, or a fraction of its range such as "8/255".
      record_at: the k to report; `steps`, the length, is their maximum unless given.
      bounds: pixel range, `Bounds` or (low, high); None asks the model.
      random_start: begin uniformly in the ball (clipped to the range) instead of at x.
      loss: `"xent"` or `"margin"` (Carlini-Wagner, MadryLab's "cw" without its cap).
      restarts: trajectories per example; needs a random start to differ.
      statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated.
      seed: of the starts; None draws one. Example i starts by (seed, restart, `indices[i]`, by default i) whatever the batch.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    wanted = sorted({int(k) for k in record_at})
    length = max(wanted) if steps is None and wanted else int(steps or 0)
    if not wanted or wanted[0] < 0 or wanted[-1] > length or restarts < 1:
        raise InputError(f"pgd: need 0 <= record_at <= steps and restarts >= 1, got {wanted}, {length}, {restarts}")
    limits, images, labels = _checked(model, x, y, bounds)
    run = _compiled(model, tuple(images.shape[1:]), loss, statistics, random_start)
    amounts = [
        tf.constant(limits.amount(v, n), tf.float32) for v, n in ((epsilon, "epsilon"), (step_size, "step_size"))
    ]
    seed = secrets.randbelow(2**31) if seed is None else int(seed)
    order = np.arange(len(labels)) if indices is None else np.asarray(indices)
    x_adv, correct = images.numpy(), np.ones((length + 1, len(labels)), bool)
    sofar = correct.copy()
    for restart in range(restarts):
        found, clean, right = run(
            images,
            labels,
            tf.constant(order, tf.int32),
            tf.constant((seed + restart * 7919) % 2**31, tf.int32),
            *amounts,
            tf.constant(length),
            tf.constant(limits.low, tf.float32),
            tf.constant(limits.high, tf.float32),
        )
        found, clean, right = found.numpy(), clean.numpy(), right.numpy()
        fooled = ~correct[length]
        x_adv = np.where(fooled[:, None, None, None], x_adv, found)
        correct &= right
        sofar &= np.logical_and.accumulate(right, 0) & clean
    return Curve({k: correct[k] for k in wanted}, {k: sofar[k] for k in wanted}, clean, x_adv)


def pgd(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    step_size: Amount,
    steps: int,
    bounds: Any = None,
    random_start: bool = True,
    loss: str = "xent",
    restarts: int = 1,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
) -> np.ndarray:
    """Adversarial images, float32 like x, after `steps` steps; arguments and errors as `pgd_curve`."""
    return pgd_curve(
        model,
        x,
        y,
        epsilon=epsilon,
        step_size=step_size,
        record_at=(steps,),
        bounds=bounds,
        random_start=random_start,
        loss=loss,
        restarts=restarts,
        statistics=statistics,
        seed=seed,
        indices=indices,
    ).x_adv


def fgsm(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    bounds: Any = None,
    loss: str = "xent",
    statistics: str = "moving",
) -> np.ndarray:
    """One step of epsilon along the gradient's sign, without a random start; arguments and errors as `pgd_curve`."""
    return pgd(
        model,
        x,
        y,
        epsilon=epsilon,
        step_size=epsilon,
        steps=1,
        bounds=bounds,
        random_start=False,
        loss=loss,
        statistics=statistics,
        seed=0,
    )


def _checked(model: Any, x: Any, y: Any, bounds: Any) -> tuple[Bounds, tf.Tensor, tf.Tensor]:
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    images, labels = np.asarray(x), np.asarray(y)
    if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
        raise InputError(f"expected images [B, H, W, C] and labels [B], got shapes {images.shape} and {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels: expected integers, got {labels.dtype}")
    _require_fit(model, images, labels)
    images = images.astype(np.float32)
    slack = 1e-6 * limits.range
    if not (images.min() >= limits.low - slack and images.max() <= limits.high + slack):
        raise InputError(f"images: expected pixels within {limits}, got {images.min():g} to {images.max():g}")
    return limits, tf.constant(images), tf.constant(labels.astype(np.int64))


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


# Per model, its compiled attacks. They reach the model through a weak reference, so that they die with it.
_COMPILED: "weakref.WeakKeyDictionary[Any, dict[tuple[Any, ...], Callable[..., Any]]]" = weakref.WeakKeyDictionary()


def _compiled(
    model: Any, image_shape: tuple[int, ...], loss: str, statistics: str, random_start: bool
) -> Callable[..., Any]:
    loss_fn = losses.attack_loss(loss)
    check_statistics(statistics, model)
    try:
        known = _COMPILED.setdefault(model, {})
        reference: Callable[[], Any] = weakref.ref(model)
    except TypeError:  # a callable that cannot be weakly referenced is compiled anew for each call
        known, reference = {}, (lambda: model)
    key = (image_shape, loss, statistics, random_start)
    if key not in known:
        known[key] = _compile(reference, image_shape, loss_fn, statistics, random_start)
    return known[key]


def _compile(
    reference: Callable[[], Any],
    image_shape: tuple[int, ...],
    loss_fn: ascent.LossFn,
    statistics: str,
    random_start: bool,
) -> Callable[..., Any]:
    """The attack as one concrete function: any batch size, any amounts, never a second trace."""

    def run(
        x: tf.Tensor,
        y: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
        epsilon: tf.Tensor,
        step_size: tf.Tensor,
        steps: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        def logits_fn(images: tf.Tensor) -> tf.Tensor:
            return gradients.logits_of(reference(), images, statistics)

        start = ascent.uniform_start(x, epsilon, seed, indices) if random_start else x
        last, correct = ascent.ascend(
            logits_fn, loss_fn, x, y, start, epsilon=epsilon, step_size=step_size, steps=steps, low=low, high=high
        )
        right = correct.write(steps, ascent.is_correct(y, logits_fn(last))).stack()
        return last, ascent.is_correct(y, logits_fn(x)) if random_start else right[0], right

    def scalar(dtype: tf.DType) -> tf.TensorSpec:
        return tf.TensorSpec((), dtype)

    images = tf.TensorSpec((None, *image_shape), tf.float32)
    amounts = [scalar(tf.float32)] * 2
    return tf.function(run, autograph=False).get_concrete_function(
        images,
        tf.TensorSpec([None], tf.int64),
        tf.TensorSpec([None], tf.int32),
        scalar(tf.int32),
        *amounts,
        scalar(tf.int32),
        *amounts,
    )

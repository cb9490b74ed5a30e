"""FGSM, PGD and PGD curves (l-infinity): checked inputs, compiled once per model and kind of attack."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent, common
from igam_tf.bounds import Amount
from igam_tf.errors import InputError
from igam_tf.layers import check_statistics


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


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is compiled into an attack, and so part of its key; all else are tensors."""

    loss: str = "xent"
    statistics: str = "moving"
    norm: str = "linf"
    random_start: bool = True
    targeted: bool = False
    uint8_first_step: bool = False
    readings: bool = True


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
    norm: str = "linf",
    random_start: bool = True,
    loss: str = "xent",
    targets: Any = None,
    restarts: int = 1,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    uint8_first_step: bool = False,
) -> Curve:
    """One PGD trajectory (per restart), read at several k: it costs the largest k alone.

    x <- project(x + step_size * direction(gradient of the summed loss)): the gradient's sign in the l-infinity ball, as
    MadryLab and the release do, the gradient over its norm in the l2 ball; then onto the ball and the pixel range.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon, step_size: in the model's pixel unit, or a fraction of its range such as "8/255".
      record_at: the k to report; `steps`, the length, is their maximum unless given.
      bounds: pixel range, `Bounds` or (low, high); None asks the model.
      norm: of the ball: `"linf"` or `"l2"`.
      random_start: begin uniformly in the ball (clipped to the range) instead of at x.
      loss: `"xent"`, `"margin"` (Carlini-Wagner, MadryLab's "cw" without its cap) or `"dlr"`.
      targets: integer classes [B] to be taken for, whose loss is then lowered; an example still counts as right where the
        model says `y`.
      restarts: trajectories per example, each for the examples that the ones before left something to find out on; needs a
        random start to differ.
      statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated. With `"batch"` every restart attacks the
        whole batch, since its statistics are part of the model.
      seed: of the starts; None draws one. Example i starts by (seed, restart, `indices[i]`, by default i) whatever the batch.
      uint8_first_step: see `fgsm`; without a random start only.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    return _curve(
        model,
        x,
        y,
        epsilon=epsilon,
        step_size=step_size,
        record_at=record_at,
        steps=steps,
        bounds=bounds,
        norm=norm,
        random_start=random_start,
        loss=loss,
        targets=targets,
        restarts=restarts,
        statistics=statistics,
        seed=seed,
        indices=indices,
        uint8_first_step=uint8_first_step,
    )


def _curve(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    step_size: Amount,
    record_at: Iterable[int],
    steps: int | None = None,
    bounds: Any = None,
    norm: str = "linf",
    random_start: bool = True,
    loss: str = "xent",
    targets: Any = None,
    restarts: int = 1,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    uint8_first_step: bool = False,
    readings: bool = True,
) -> Curve:
    wanted = sorted({int(k) for k in record_at})
    length = max(wanted) if steps is None and wanted else int(steps or 0)
    if not wanted or wanted[0] < 0 or wanted[-1] > length or restarts < 1:
        raise InputError(f"pgd: need 0 <= record_at <= steps and restarts >= 1, got {wanted}, {length}, {restarts}")
    limits, images, labels = common.checked(model, x, y, bounds)
    aims = labels if targets is None else common.checked_targets(model, labels, targets)
    if uint8_first_step and (random_start or (limits.low, limits.high) != (0, 255)):
        raise InputError("uint8_first_step: it is for pixels in [0, 255] and no random start, as in the release")
    kind = Kind(loss, statistics, norm, random_start, targets is not None, uint8_first_step, readings)
    run = _compiled(model, images.shape[1:], kind)
    radius = limits.radius(epsilon, norm, images.shape[1:])
    stride = limits.radius(step_size, norm, images.shape[1:], "step_size")
    seed = common.drawn(seed)
    order = common.order_of(indices, len(labels))
    x_adv, correct = images.copy(), np.ones((length + 1, len(labels)), bool)
    sofar = correct.copy()
    clean = np.ones(len(labels), bool)
    for restart in range(restarts):
        # Where nothing is right any more at the least k, no further restart can change a reading.
        open_ = correct[wanted].any(0) | sofar[wanted[0]]
        chosen = np.flatnonzero(open_) if statistics == "moving" else np.arange(len(labels))
        if not len(chosen):
            break
        found, unattacked, right = run(
            *(tf.constant(values[chosen]) for values in (images, labels, aims, order)),
            tf.constant(common.restart_seed(seed, restart)),
            *(tf.constant(amount, tf.float32) for amount in (radius, stride)),
            tf.constant(length),
            *(tf.constant(limit, tf.float32) for limit in (limits.low, limits.high)),
        )
        unattacked, right = unattacked.numpy(), right.numpy()
        held = correct[length, chosen]  # not fooled at the end by an earlier restart
        x_adv[chosen[held]] = found.numpy()[held]
        clean[chosen] &= unattacked
        correct[:, chosen] &= right
        sofar[:, chosen] &= np.logical_and.accumulate(right, 0) & unattacked
    return Curve({k: correct[k] for k in wanted}, {k: sofar[k] for k in wanted}, clean, x_adv)


def pgd(model: Any, x: Any, y: Any, *, steps: int, restarts: int = 1, **settings: Any) -> np.ndarray:
    """Adversarial images, float32 like x, after `steps` steps; arguments and errors as `pgd_curve`.

    Without restarts it costs its gradients alone: the images' classes, before and after, are not asked for.
    """
    return _curve(model, x, y, record_at=(steps,), restarts=restarts, readings=restarts > 1, **settings).x_adv


def fgsm(model: Any, x: Any, y: Any, *, epsilon: Amount, uint8_first_step: bool = False, **settings: Any) -> np.ndarray:
    """One step of epsilon along the gradient's sign, without a random start; arguments and errors as `pgd_curve`.

    `uint8_first_step` repeats a slip of the release: it adds the step to 8-bit pixels in place, so that 3 - 8 becomes 251,
    which projecting onto the ball makes 11. Its attack is weaker for it on dark and bright pixels.
    """
    once: dict[str, Any] = {"epsilon": epsilon, "step_size": epsilon, "steps": 1, "random_start": False, "seed": 0}
    return pgd(model, x, y, uint8_first_step=uint8_first_step, **once, **settings)


def _compiled(model: Any, image_shape: tuple[int, ...], kind: Kind) -> Callable[..., Any]:
    """The attack as one concrete function: any batch size, any amounts, never a second trace."""
    loss_fn = losses.attack_loss(kind.loss)
    check_statistics(kind.statistics, model)
    if kind.norm not in ascent.NORMS:
        raise InputError(f"norm: expected one of {', '.join(ascent.NORMS)}, got {kind.norm!r}")
    return common.compiled(model, (image_shape, kind), functools.partial(_compile, image_shape, loss_fn, kind))


def _compile(
    image_shape: tuple[int, ...], loss_fn: ascent.LossFn, kind: Kind, reference: Callable[[], Any]
) -> Callable[..., Any]:
    def run(
        x: tf.Tensor,
        y: tf.Tensor,
        aims: tf.Tensor,
        indices: tf.Tensor,
        seed: tf.Tensor,
        epsilon: tf.Tensor,
        step_size: tf.Tensor,
        steps: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        def logits_fn(images: tf.Tensor) -> tf.Tensor:
            return gradients.logits_of(reference(), images, kind.statistics)

        def raised(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
            return -loss_fn(aims, logits) if kind.targeted else loss_fn(labels, logits)

        start = ascent.random_start(x, epsilon, seed, indices, kind.norm) if kind.random_start else x
        amounts = {"epsilon": epsilon, "step_size": step_size, "steps": steps, "low": low, "high": high}
        last, correct = ascent.ascend(
            logits_fn, raised, x, y, start, **amounts, norm=kind.norm, uint8_first_step=kind.uint8_first_step
        )
        if not kind.readings:
            unread = tf.zeros([steps + 1, tf.size(y)], tf.bool)
            return last, unread[0], unread
        right = correct.write(steps, ascent.is_correct(y, logits_fn(last))).stack()
        return last, ascent.is_correct(y, logits_fn(x)) if kind.random_start else right[0], right

    batch, real, whole = (
        tf.TensorSpec((None, *image_shape), tf.float32),
        tf.TensorSpec((), tf.float32),
        tf.TensorSpec((), tf.int32),
    )
    labels = tf.TensorSpec([None], tf.int64)
    return tf.function(run, autograph=False).get_concrete_function(
        batch, labels, labels, tf.TensorSpec([None], tf.int32), whole, real, real, whole, real, real
    )

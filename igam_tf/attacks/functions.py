"""The attacks as functions: images in, adversarial images out. Settings are those of the classes."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from igam_tf.attacks.apgd import APGD
from igam_tf.attacks.ascent import SteepestStep, StepRule
from igam_tf.attacks.balls import Ball
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.pgd import FGSM, PGD, Curve
from igam_tf.attacks.square import Square
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss

_STEEPEST = SteepestStep()


def pgd(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    step_size: Amount,
    steps: int,
    bounds: Any = None,
    norm: str | Ball = "linf",
    random_start: bool = True,
    loss: AttackLoss = "xent",
    targets: Any = None,
    restarts: int = 1,
    step_rule: StepRule = _STEEPEST,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `PGD`, float32 like x.

    Without restarts it costs its gradients alone.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon, step_size, steps, norm, random_start, loss, restarts, step_rule: see `PGD`.
      bounds, statistics, seed, indices, batch_size: see `Attack.run`.
      targets: integer classes [B] to be taken for, whose loss is then lowered. An example still
        counts as right where the model says `y`.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    attack = PGD(
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
        loss=loss,
        norm=norm,
        random_start=random_start,
        restarts=restarts,
        step_rule=step_rule,
    )
    inputs = AttackInputs.of(
        model,
        x,
        y,
        bounds=bounds,
        statistics=statistics,
        seed=seed,
        indices=indices,
        targets=targets,
    )
    return np.concatenate([attack.generate(part) for part in inputs.batches(batch_size)])


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
    norm: str | Ball = "linf",
    random_start: bool = True,
    loss: AttackLoss = "xent",
    targets: Any = None,
    restarts: int = 1,
    step_rule: StepRule = _STEEPEST,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> Curve:
    """One PGD trajectory (per restart), read at several k: it costs the largest k alone.

    Args:
      record_at: the k to report. `steps`, the length, is their maximum unless set.
      model, x, y, targets and all others: see `pgd`.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    record_steps = sorted({int(k) for k in record_at})
    if not record_steps:
        raise InputError("pgd: expected 0 <= record_at <= steps, got no record_at")
    attack = PGD(
        epsilon=epsilon,
        step_size=step_size,
        steps=max(record_steps) if steps is None else steps,
        loss=loss,
        norm=norm,
        random_start=random_start,
        restarts=restarts,
        step_rule=step_rule,
    )
    inputs = AttackInputs.of(
        model,
        x,
        y,
        bounds=bounds,
        statistics=statistics,
        seed=seed,
        indices=indices,
        targets=targets,
    )
    return Curve.joined([attack.curve(part, record_steps) for part in inputs.batches(batch_size)])


def fgsm(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    bounds: Any = None,
    norm: str | Ball = "linf",
    loss: AttackLoss = "xent",
    uint8_first_step: bool = False,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `FGSM`: one step of epsilon, without a random start, float32 like x.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon, norm, loss, uint8_first_step: see `FGSM`.
      bounds, statistics, seed, indices, batch_size: see `Attack.run`. It draws nothing.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    attack = FGSM(epsilon=epsilon, norm=norm, loss=loss, uint8_first_step=uint8_first_step)
    return attack.perturb(
        model,
        x,
        y,
        bounds=bounds,
        statistics=statistics,
        seed=seed,
        indices=indices,
        batch_size=batch_size,
    )


def apgd(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    steps: int = 100,
    bounds: Any = None,
    loss: AttackLoss = "xent",
    restarts: int = 1,
    num_targets: int = 9,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `APGD`, float32 like x.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon, steps, loss, restarts, num_targets: see `APGD`.
      bounds, statistics, seed, indices, batch_size: see `Attack.run`. With `"batch"` statistics an
        iterate is judged in the batch of that iteration.

    Raises:
      InputError: any argument out of its range, with the range; too few classes for the loss.
    """
    attack = APGD(
        epsilon=epsilon, steps=steps, loss=loss, restarts=restarts, num_targets=num_targets
    )
    return attack.perturb(
        model,
        x,
        y,
        bounds=bounds,
        statistics=statistics,
        seed=seed,
        indices=indices,
        batch_size=batch_size,
    )


def square(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    queries: int = 5000,
    bounds: Any = None,
    loss: AttackLoss = "margin",
    p_init: float = 0.8,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `Square`, float32 like x.

    Args:
      model: Keras model or callable, images to logits; it is never differentiated.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon, queries, loss, p_init: see `Square`.
      bounds, statistics, seed, indices, batch_size: see `Attack.run`.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    attack = Square(epsilon=epsilon, queries=queries, loss=loss, p_init=p_init)
    return attack.perturb(
        model,
        x,
        y,
        bounds=bounds,
        statistics=statistics,
        seed=seed,
        indices=indices,
        batch_size=batch_size,
    )

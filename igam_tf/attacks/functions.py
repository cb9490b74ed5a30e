"""The attacks as functions: images in, adversarial images out. Settings are those of the classes.

`**locals()` passes a function's arguments on, so that each is named once.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from igam_tf.attacks.apgd import APGD
from igam_tf.attacks.ascent import SteepestStep, StepRule
from igam_tf.attacks.attack import Attack
from igam_tf.attacks.balls import Ball
from igam_tf.attacks.curve import Curve
from igam_tf.attacks.fab import FAB
from igam_tf.attacks.fgsm import FGSM
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.pgd import PGD
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
      bounds, statistics, seed, indices, targets, batch_size: see `Attack.run`.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    attack, parts = _prepared(PGD, **locals())
    return np.concatenate([attack.generate(part) for part in parts])


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
    """One PGD trajectory (per restart), read at several k. It costs as much as the largest k alone.

    Args:
      record_at: the k to read. `steps`, the length, is their maximum by default.
      model, x, y and all others: see `pgd`.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    record_at = sorted({int(k) for k in record_at})
    if not record_at:
        raise InputError("pgd: expected 0 <= record_at <= steps, got no record_at")
    if steps is None:
        steps = max(record_at)
    attack, parts = _prepared(PGD, **locals())
    return Curve.joined([attack.curve(part, record_at) for part in parts])


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
    """Adversarial images by `FGSM`, float32 like x: one step of epsilon, without a random start.

    Args:
      epsilon, norm, loss, uint8_first_step: see `FGSM`.
      model, x, y, bounds, statistics, seed, indices, batch_size: see `Attack.run`; seed is unused.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    return _perturbed(FGSM, **locals())


def apgd(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    steps: int = 100,
    bounds: Any = None,
    norm: str | Ball = "linf",
    loss: AttackLoss = "xent",
    restarts: int = 1,
    num_targets: int = 9,
    eot_samples: int = 1,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `APGD`, float32 like x.

    Args:
      epsilon, steps, norm, loss, restarts, num_targets, eot_samples: see `APGD`.
      model, x, y, bounds, statistics, seed, indices, batch_size: see `Attack.run`. With `"batch"`
        statistics an iterate is judged in the batch of that iteration.

    Raises:
      InputError: any argument out of its range, with the range; too few classes for the loss.
    """
    return _perturbed(APGD, **locals())


def fab(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    steps: int = 100,
    num_targets: int = 9,
    restarts: int = 1,
    bounds: Any = None,
    norm: str | Ball = "linf",
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `FAB`, float32 like x: those of the smallest norm, at most epsilon.

    Args:
      epsilon, steps, num_targets, restarts, norm: see `FAB`.
      model, x, y, bounds, statistics, seed, indices, batch_size: see `Attack.run`. With `"batch"`
        statistics an iterate is judged in the batch of that iteration.

    Raises:
      InputError: any argument out of its range, with the range; a model of one class.
    """
    return _perturbed(FAB, **locals())


def square(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    queries: int = 5000,
    bounds: Any = None,
    norm: str | Ball = "linf",
    loss: AttackLoss = "margin",
    p_init: float = 0.8,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Adversarial images by `Square`, float32 like x. The model is never differentiated.

    Args:
      epsilon, queries, norm, loss, p_init: see `Square`.
      model, x, y, bounds, statistics, seed, indices, batch_size: see `Attack.run`.

    Raises:
      InputError: any argument out of its range, with the range.
    """
    return _perturbed(Square, **locals())


def _prepared(
    kind: type[Attack], *, batch_size: int | None, record_at: Any = None, **arguments: Any
) -> tuple[Any, Iterator[AttackInputs]]:
    """The attack, with those arguments that are its settings, and its inputs in batches."""
    settings = {field.name for field in dataclasses.fields(kind)} & set(arguments)
    attack = kind(**{name: arguments.pop(name) for name in settings})
    return attack, AttackInputs.of(**arguments).batches(batch_size)


def _perturbed(kind: type[Attack], **arguments: Any) -> np.ndarray:
    attack, parts = _prepared(kind, **arguments)
    return np.concatenate(
        [part.require_images(attack.name, attack.generate(part)) for part in parts]
    )

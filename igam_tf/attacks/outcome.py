"""What attacks do to one batch: which examples are still right, and the images that they end at."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from igam_tf.attacks import common
from igam_tf.attacks.apgd import apgd
from igam_tf.attacks.pgd import Curve, pgd_curve
from igam_tf.attacks.spec import AttackSpec
from igam_tf.attacks.square import square
from igam_tf.bounds import Bounds


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Of one attack on a batch: right at the end, right all along (PGD only), and the images, each [B]."""

    last: np.ndarray
    always: np.ndarray | None
    x_adv: np.ndarray


@dataclasses.dataclass(frozen=True)
class Target:
    """What is attacked, and how: `surrogate` is the model that attacks with `through` are made on."""

    model: Any
    statistics: str
    bounds: Bounds
    seed: int
    surrogate: Any = None


def attack(
    target: Target, specs: Sequence[AttackSpec], x: np.ndarray, y: np.ndarray, indices: np.ndarray
) -> dict[str, Outcome]:
    """Outcomes by name of attacks that share a trajectory (`AttackSpec.trajectory`); `indices` number the examples."""
    spec = max(specs, key=lambda each: each.steps)
    model = target.surrogate if spec.through else target.model
    settings: dict[str, Any] = {
        "epsilon": spec.epsilon,
        "bounds": target.bounds,
        "statistics": target.statistics,
        "seed": target.seed,
        "indices": indices,
    }
    if spec.method == "pgd":
        curve = _pgd(model, specs, spec, x, y, settings)
        if not spec.through:
            return {s.name: Outcome(curve.last[s.steps], curve.any[s.steps], curve.x_adv) for s in specs}
        found = curve.x_adv
    elif spec.method == "apgd":
        found = apgd(model, x, y, steps=spec.steps, loss=spec.loss, restarts=spec.restarts, **settings)
    else:
        found = square(model, x, y, queries=spec.steps, **settings)
    return {spec.name: Outcome(right(target, found, y), None, found)}


def right(target: Target, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which images the model says `y` of, bool [B]."""
    return common.logits(target.model, x, target.statistics).argmax(-1) == y


def _pgd(
    model: Any, specs: Sequence[AttackSpec], spec: AttackSpec, x: np.ndarray, y: np.ndarray, settings: dict[str, Any]
) -> Curve:
    return pgd_curve(
        model,
        x,
        y,
        step_size=spec.step_size,
        record_at=[each.steps for each in specs],
        norm=spec.norm,
        random_start=spec.random_start,
        loss=spec.loss,
        restarts=spec.restarts,
        uint8_first_step=spec.uint8_first_step,
        **settings,
    )

"""Data set x attacks x BatchNorm modes to a record of accuracies."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from igam_tf import runtime
from igam_tf.attacks import pgd_curve
from igam_tf.attacks.spec import AttackSpec
from igam_tf.bounds import Amount, Bounds, as_bounds
from igam_tf.calibration import recalibrated
from igam_tf.data.splits import Split
from igam_tf.errors import InputError
from igam_tf.layers import STATISTICS, bounds_of
from igam_tf.records import Count, EvalRecord

__all__ = ["MODES", "Count", "EvalRecord", "Progress", "evaluate"]

MODES = (*STATISTICS, "recalibrated")

# Mode, examples done, examples in all, accuracy under the last attack.
Progress = Callable[[str, int, int, float], None]

_NO_ATTACK = AttackSpec("clean", 0, 0, 0, False, "xent")


def evaluate(
    model: Any,
    dataset: Any,
    *,
    attacks: Iterable[str | AttackSpec] = ("fgsm", "pgd20"),
    epsilon: Amount = "8/255",
    step_size: Amount = "2/255",
    statistics: Sequence[str] = ("moving",),
    num_examples: int | None = None,
    batch_size: int = 100,
    bounds: Any = None,
    seed: int = 0,
    calibration: Any = None,
    progress: Progress | None = None,
) -> EvalRecord:
    """Clean and attacked accuracy of a model.

    Attacks that differ only in their number of steps are read off one trajectory.

    Args:
      model: Keras model or callable, images to logits.
      dataset: a `Split`, or (images, labels) in the model's pixel range.
      attacks: names (`fgsm`, `pgd20`, `pgd100-margin`, `pgd20-x10`), which take `epsilon` and `step_size`, or
        `AttackSpec`s.
      statistics: BatchNorm modes, each evaluated on its own. With `"batch"` a result depends on which examples share a
        batch: consecutive ones, `batch_size` at a time (the release: 100). `"recalibrated"` is `"moving"` on a copy of
        the model whose moving averages are re-estimated on `calibration`.
      num_examples: the first so many; None for all.
      bounds: pixel range; None asks the model.
      seed: of the random starts, one per example.
      calibration: clean training images for `"recalibrated"`: a `Split`, or (images, labels).
      progress: called after every batch.

    Raises:
      InputError: empty data, an unknown or repeated attack, an unknown mode, bad amounts, images outside the bounds.
    """
    split = _split(dataset).first(num_examples)
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    specs = [a if isinstance(a, AttackSpec) else AttackSpec.named(a, epsilon, step_size) for a in attacks]
    if not len(split) or not statistics or batch_size < 1 or (num_examples or 1) < 1:
        raise InputError(
            f"evaluate: need examples, a mode and a positive batch, got {len(split)}, {tuple(statistics)}, {batch_size}"
        )
    names = ["clean", *(spec.name for spec in specs)]
    if len(set(names)) < len(names):
        raise InputError(f"attacks: every name needs to differ, also from clean, got {', '.join(names[1:])}")
    if unknown := [mode for mode in statistics if mode not in MODES]:
        raise InputError(f"statistics: expected {', '.join(MODES)}, got {', '.join(unknown)}")
    if "recalibrated" in statistics and calibration is None:
        raise InputError("statistics: recalibrated needs clean training data (calibration)")
    attack = functools.partial(_tallies, split=split, specs=specs, bounds=limits, batch_size=batch_size, seed=seed)
    results = {}
    for mode in statistics:
        subject, attacked = model, mode
        if mode == "recalibrated":
            subject, attacked = recalibrated(model, _split(calibration), batch_size), "moving"
        results[mode] = attack(subject, attacked, progress=functools.partial(progress, mode) if progress else None)
    return EvalRecord(
        len(split),
        batch_size,
        seed,
        (limits.low, limits.high),
        {spec.name: _described(spec, limits) for spec in specs},
        results,
        runtime.environment(),
    )


def _tallies(
    model: Any,
    mode: str,
    *,
    split: Split,
    specs: list[AttackSpec],
    bounds: Bounds,
    batch_size: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None,
) -> dict[str, Count]:
    """What stays right, by attack, under one BatchNorm mode."""
    groups: dict[Any, list[AttackSpec]] = {}
    for spec in specs or [_NO_ATTACK]:
        groups.setdefault(spec.trajectory, []).append(spec)
    tally = {spec.name: np.zeros(2, int) for spec in [_NO_ATTACK, *specs]}
    for start in range(0, len(split), batch_size):
        x, y = split.pixels(start, start + batch_size), split.labels[start : start + batch_size]
        for group in groups.values():
            first = group[0]
            curve = pgd_curve(
                model,
                x,
                y,
                epsilon=first.epsilon,
                step_size=first.step_size,
                record_at=[spec.steps for spec in group],
                bounds=bounds,
                random_start=first.random_start,
                loss=first.loss,
                restarts=first.restarts,
                statistics=mode,
                seed=seed,
                indices=np.arange(start, start + len(y)),
            )
            for spec in group if specs else ():
                tally[spec.name] += curve.last[spec.steps].sum(), curve.any[spec.steps].sum()
        tally["clean"] += int(curve.clean.sum())
        if progress:
            done = start + len(y)
            progress(done, len(split), float(tally[group[-1].name][0] / done))
    return {
        name: Count(int(right), len(split), None if name == "clean" else int(never))
        for name, (right, never) in tally.items()
    }


def _described(spec: AttackSpec, bounds: Bounds) -> dict[str, Any]:
    epsilon = bounds.amount(spec.epsilon)
    return {
        **dataclasses.asdict(spec),
        "epsilon": epsilon,
        "step_size": bounds.amount(spec.step_size, "step_size"),
        "norm": "linf",
        "epsilon_shown": bounds.describe(epsilon),
    }


def _split(dataset: Any) -> Split:
    return dataset if isinstance(dataset, Split) else Split(np.asarray(dataset[0]), np.asarray(dataset[1]))

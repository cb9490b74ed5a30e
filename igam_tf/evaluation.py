"""Data set x attacks x BatchNorm modes to a record of accuracies."""

import dataclasses
import json
import math
import statistics as stdlib_statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from igam_tf import runtime
from igam_tf.attacks import Curve, pgd_curve
from igam_tf.attacks.spec import AttackSpec
from igam_tf.bounds import Amount, as_bounds
from igam_tf.data.splits import Split
from igam_tf.errors import InputError
from igam_tf.layers import bounds_of, check_statistics

Progress = Callable[
    [str, int, int, float], None
]  # mode, examples done, examples in all, accuracy under the last attack

_Z = stdlib_statistics.NormalDist().inv_cdf(0.975)


@dataclasses.dataclass(frozen=True)
class Count:
    """How many of n examples stayed right; `never_fooled` counts those right at every step up to the last."""

    correct: int
    n: int
    never_fooled: int | None = None

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval for the accuracy: chance of the drawn examples alone, not of training."""
        p, n = self.accuracy, self.n
        centre = p + _Z**2 / (2 * n)
        half = _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n))
        return max(0.0, (centre - half) / (1 + _Z**2 / n)), min(1.0, (centre + half) / (1 + _Z**2 / n))


@dataclasses.dataclass(frozen=True)
class EvalRecord:
    """Everything that the accuracies need to be believed: results[mode][attack], `clean` among the attacks."""

    n: int
    batch_size: int
    seed: int
    bounds: tuple[float, float]
    attacks: dict[str, dict[str, Any]]
    results: dict[str, dict[str, Count]]
    environment: dict[str, Any]

    def count(self, attack: str = "clean", statistics: str | None = None) -> Count:
        """The result under an attack (`"clean"`: none), by default of the first mode."""
        mode = next(iter(self.results)) if statistics is None else statistics
        try:
            return self.results[mode][attack]
        except KeyError:
            known = {m: sorted(r) for m, r in self.results.items()}
            raise InputError(f"record: there is no {attack!r} with statistics {mode!r}, only {known}") from None

    def accuracy(self, attack: str = "clean", statistics: str | None = None) -> float:
        """Share of right answers in [0, 1] at the attack's last step."""
        return self.count(attack, statistics).accuracy

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "EvalRecord":
        fields = json.loads(text)
        fields["bounds"] = tuple(fields["bounds"])
        fields["results"] = {
            mode: {name: Count(**count) for name, count in counts.items()} for mode, counts in fields["results"].items()
        }
        return cls(**fields)


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
    progress: Progress | None = None,
) -> EvalRecord:
    """Clean and attacked accuracy of a model.

    Attacks that differ only in their number of steps are read off one trajectory.

    Args:
      model: Keras model or callable, images to logits.
      dataset: a `Split`, or (images, labels) in the model's pixel range.
      attacks: names (`fgsm`, `pgd20`, `pgd100-margin`), which take `epsilon` and `step_size`, or `AttackSpec`s.
      statistics: BatchNorm modes, each evaluated on its own. With `"batch"` a result depends on which examples share a
        batch: consecutive ones, `batch_size` at a time (the release: 100).
      num_examples: the first so many; None for all.
      bounds: pixel range; None asks the model.
      seed: of the random starts, one per example.
      progress: called after every batch.

    Raises:
      InputError: empty data, an unknown attack or mode, bad amounts, images outside the bounds.
    """
    split = dataset if isinstance(dataset, Split) else Split(np.asarray(dataset[0]), np.asarray(dataset[1]))
    split = split.first(num_examples)
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    specs = [a if isinstance(a, AttackSpec) else AttackSpec.named(a, epsilon, step_size) for a in attacks]
    if not len(split) or not statistics or batch_size < 1:
        raise InputError(
            f"evaluate: need examples, a mode and a positive batch, got {len(split)}, {tuple(statistics)}, {batch_size}"
        )
    groups: dict[Any, list[AttackSpec]] = {}
    for spec in specs or [AttackSpec("clean", 0, 0, 0, False, "xent")]:
        groups.setdefault(spec.trajectory, []).append(spec)
    results = {}
    for mode in statistics:
        check_statistics(mode)
        tally = {"clean": np.zeros(2, int), **{spec.name: np.zeros(2, int) for spec in specs}}
        for start in range(0, len(split), batch_size):
            x, y = split.pixels(start, start + batch_size), split.labels[start : start + batch_size]
            for group in groups.values():
                curve = _attack(model, x, y, group, limits, mode, seed, np.arange(start, start + len(y)))
                for spec in group:
                    tally[spec.name] += curve.last[spec.steps].sum(), curve.any[spec.steps].sum()
            tally["clean"] += int(curve.clean.sum())
            if progress:
                done = start + len(y)
                progress(mode, done, len(split), float(tally[group[-1].name][0] / done))
        results[mode] = {
            name: Count(int(right), len(split), None if name == "clean" else int(never))
            for name, (right, never) in tally.items()
        }
    described = {
        spec.name: {
            **dataclasses.asdict(spec),
            "epsilon": limits.amount(spec.epsilon),
            "step_size": limits.amount(spec.step_size, "step_size"),
            "norm": "linf",
            "epsilon_shown": limits.describe(limits.amount(spec.epsilon)),
        }
        for spec in specs
    }
    return EvalRecord(
        len(split), batch_size, seed, (limits.low, limits.high), described, results, runtime.environment()
    )


def _attack(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    group: list[AttackSpec],
    bounds: Any,
    mode: str,
    seed: int,
    indices: np.ndarray,
) -> Curve:
    first = group[0]
    return pgd_curve(
        model,
        x,
        y,
        epsilon=first.epsilon,
        step_size=first.step_size,
        record_at=[spec.steps for spec in group],
        bounds=bounds,
        random_start=first.random_start,
        loss=first.loss,
        statistics=mode,
        seed=seed,
        indices=indices,
    )

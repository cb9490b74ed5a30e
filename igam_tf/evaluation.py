"""Data set x attacks x BatchNorm modes to a record of accuracies."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from igam_tf import fingerprints, runtime
from igam_tf.attacks import common
from igam_tf.attacks.outcome import Outcome, Target, attack, right
from igam_tf.attacks.spec import AttackSpec, Chain, parse
from igam_tf.bounds import Amount, Bounds, as_bounds
from igam_tf.calibration import recalibrated
from igam_tf.data.splits import Split
from igam_tf.errors import InputError
from igam_tf.layers import STATISTICS, bounds_of
from igam_tf.ledger import Ledger
from igam_tf.models import source_view
from igam_tf.records import Count, EvalRecord, packed

__all__ = ["MODES", "Count", "EvalRecord", "Progress", "evaluate"]

MODES = (*STATISTICS, "recalibrated")
HEADS = ("target", "source")

# Mode and attack, examples done, examples in all, accuracy so far under that attack.
Progress = Callable[[str, int, int, float], None]


def evaluate(
    model: Any,
    dataset: Any,
    *,
    attacks: Iterable[str | AttackSpec | Chain] = ("fgsm", "pgd20"),
    epsilon: Amount = "8/255",
    step_size: Amount = "2/255",
    statistics: Sequence[str] = ("moving",),
    num_examples: int | None = None,
    batch_size: int = 100,
    bounds: Any = None,
    seed: int = 0,
    calibration: Any = None,
    surrogate: Any = None,
    attack_head: str = "target",
    progress: Progress | None = None,
    parts_dir: pathlib.Path | None = None,
    images: dict[str, np.ndarray] | None = None,
) -> EvalRecord:
    """Clean and attacked accuracy of a model.

    Attacks that differ only in their number of steps are read off one trajectory. The chain `strong` gives a count after
    each of its stages too.

    Args:
      model: Keras model or callable, images to logits.
      dataset: a `Split`, or (images, labels) in the model's pixel range.
      attacks: names (`fgsm`, `pgd20`, `pgd100-margin`, `pgd20-x10`, `apgd-ce`, `square`, `strong`, ...), which take
        `epsilon` and `step_size`, or `AttackSpec`s.
      statistics: BatchNorm modes, each evaluated on its own. With `"batch"` a result depends on which examples share a
        batch: consecutive ones, `batch_size` at a time (the release: 100). `"recalibrated"` is `"moving"` on a copy of
        the model whose moving averages are re-estimated on `calibration`.
      num_examples: the first so many; None for all.
      bounds: pixel range; None asks the model.
      seed: of all random draws, which each example has its own of.
      calibration: clean training images for `"recalibrated"`: a `Split`, or (images, labels).
      surrogate: the model that attacks named `transfer-...` are made on, for the same images and classes.
      attack_head: `"target"`; or `"source"`, the release's way with fine-tuned teachers: every attack is made on the
        frozen source head's logits with the target's labels, and judged by the target head.
      progress: called after every part.
      parts_dir: finished parts are kept there until the record is whole, and an evaluation with the same settings goes on
        from them; without it nothing is kept.
      images: filled with the adversarial images, float32 [N, H, W, C], by `mode/attack`; of attacks that are read off one
        trajectory, with the longest's.

    Raises:
      InputError: empty data, an unknown or repeated attack, an unknown mode, bad amounts, images outside the bounds, a
        model whose outputs are probabilities or not finite, parts of other settings.
    """
    split = _split(dataset).first(num_examples)
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    specs = [parse(a, epsilon, step_size) if isinstance(a, str) else a for a in attacks]
    _require(split, statistics, batch_size, num_examples, specs, calibration)
    if attack_head not in HEADS:
        raise InputError(f"attack_head: expected one of {', '.join(HEADS)}, got {attack_head!r}")
    single = [stage for spec in specs for stage in (spec.stages if isinstance(spec, Chain) else (spec,))]
    if any(spec.through for spec in single) and surrogate is None:
        raise InputError("surrogate: attacks named transfer-... need a model to be made on")
    if attack_head == "source":
        surrogate = source_view(model)
        specs = [_through(spec, "source head") for spec in specs]
        single = [_through(spec, "source head") for spec in single]
    _require_logits(model, split, limits, statistics[0])
    described = {spec.name: _described(spec, limits, split.images.shape[1:]) for spec in single}
    ledger = Ledger(
        parts_dir,
        {
            "model": fingerprints.of_model(model, split),
            "surrogate": fingerprints.of_model(surrogate, split) if surrogate is not None else None,
            "data": fingerprints.of_data(split),
            "calibration": fingerprints.of_data(_split(calibration)) if "recalibrated" in statistics else None,
            "attacks": described,
            "counts": [name for spec in specs for name in _names(spec)],
            "statistics": list(statistics),
            "numbers": [len(split), batch_size, seed, limits.low, limits.high, images is not None],
        },
    )
    results, flags = {}, {}
    for mode in statistics:
        subject = recalibrated(model, _split(calibration), batch_size) if mode == "recalibrated" else model
        made_on = source_view(subject) if attack_head == "source" else surrogate
        target = Target(subject, mode if mode in STATISTICS else "moving", limits, seed, made_on)
        found = _Mode(mode, target, split, batch_size, ledger, progress, images).run(specs)
        results[mode] = {
            name: Count(int(last.sum()), len(split), None if always is None else int(always.sum()))
            for name, (last, always) in found.items()
        }
        flags[mode] = {name: packed(last) for name, (last, _) in found.items()}
    ledger.close()
    return EvalRecord(
        len(split),
        batch_size,
        seed,
        (limits.low, limits.high),
        described,
        results,
        runtime.environment(),
        [doubt for spec in single for doubt in spec.doubts(limits, split.images.shape[1:])],
        flags,
    )


Readings = dict[str, tuple[np.ndarray, np.ndarray | None]]  # by attack: right at the end, right all along


@dataclasses.dataclass
class _Mode:
    """All attacks under one BatchNorm mode."""

    mode: str
    target: Target
    split: Split
    batch_size: int
    ledger: Ledger
    progress: Progress | None
    images: dict[str, np.ndarray] | None

    def run(self, specs: Sequence[AttackSpec | Chain]) -> Readings:
        everyone = np.arange(len(self.split))
        clean = np.concatenate([self._clean(chosen) for chosen in self._batches(everyone)])
        found: Readings = {"clean": (clean, None)}
        groups: dict[Any, list[AttackSpec]] = {}
        for spec in specs:
            if isinstance(spec, AttackSpec):
                groups.setdefault(spec.trajectory, []).append(spec)
        for group in groups.values():
            found.update(self._grouped(group))
        for spec in specs:
            if isinstance(spec, Chain):
                found.update(self._chained(spec, clean))
        order = ["clean", *(name for spec in specs for name in _names(spec))]
        return {name: found[name] for name in order}

    def _chained(self, chain: Chain, clean: np.ndarray) -> Readings:
        """Each stage on what is left; of a batch whose statistics are part of the model, all stay in."""
        standing = clean.copy()
        if self.images is not None:
            self.images[f"{self.mode}/{chain.name}"] = self.split.pixels()
        found: Readings = {}
        for name, stage in zip(_names(chain), chain.stages, strict=True):
            left = np.flatnonzero(standing) if self.target.statistics == "moving" else np.arange(len(standing))
            if len(left):
                whole = self._attacked([stage], left, f"{chain.name}-{stage.name}")
                self._keep_images(chain.name, whole.get(f"images {stage.name}"), left, standing)
                standing[left] &= whole[f"last {stage.name}"]
            found[name] = (standing.copy(), None)
        return found

    def _grouped(self, group: Sequence[AttackSpec]) -> Readings:
        """Attacks on one trajectory, on everything."""
        everyone = np.arange(len(self.split))
        longest = max(group, key=lambda spec: spec.steps).name
        whole = self._attacked(group, everyone, longest)
        self._keep_images(longest, whole.get(f"images {longest}"), everyone, everyone >= 0)
        return {spec.name: (whole[f"last {spec.name}"], whole.get(f"always {spec.name}")) for spec in group}

    def _attacked(self, group: Sequence[AttackSpec], chosen: np.ndarray, label: str) -> dict[str, np.ndarray]:
        parts: list[dict[str, np.ndarray]] = []
        done = standing = 0
        for number, batch in enumerate(self._batches(chosen)):
            parts.append(self.ledger.part(f"{self.mode}-{label}-{number}", functools.partial(self._one, group, batch)))
            done, standing = done + len(batch), standing + int(parts[-1][f"last {group[-1].name}"].sum())
            if self.progress:
                self.progress(f"{self.mode}, {label}", done, len(chosen), standing / done)
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _keep_images(self, name: str, found: np.ndarray | None, chosen: np.ndarray, wanted: np.ndarray) -> None:
        """The images of those of `chosen` that are `wanted`."""
        if self.images is not None and found is not None:
            place = self.images.setdefault(f"{self.mode}/{name}", self.split.pixels())
            place[chosen[wanted[chosen]]] = found[wanted[chosen]]

    def _one(self, group: Sequence[AttackSpec], chosen: np.ndarray) -> dict[str, np.ndarray]:
        """A batch's outcomes as arrays; images only of the longest attack, which the others are parts of."""
        longest = max(group, key=lambda spec: spec.steps).name
        arrays: dict[str, np.ndarray] = {}
        for name, outcome in attack(self.target, group, *self.split.chosen(chosen), chosen).items():
            arrays |= {
                f"{kind} {name}": values for kind, values in _kept(outcome, self.images, name == longest).items()
            }
        return arrays

    def _clean(self, chosen: np.ndarray) -> np.ndarray:
        x, y = self.split.chosen(chosen)
        return right(self.target, x, y)

    def _batches(self, chosen: np.ndarray) -> list[np.ndarray]:
        return [chosen[start : start + self.batch_size] for start in range(0, len(chosen), self.batch_size)]


def _kept(outcome: Outcome, images: Any, longest: bool) -> dict[str, np.ndarray]:
    kept = {"last": outcome.last}
    if outcome.always is not None:
        kept["always"] = outcome.always
    if images is not None and longest:
        kept["images"] = outcome.x_adv
    return kept


def _names(spec: AttackSpec | Chain) -> list[str]:
    """What a spec's counts are called: a chain's by the stage that they come after, the last one by its own name."""
    if isinstance(spec, AttackSpec):
        return [spec.name]
    return [*(f"{spec.name}: {stage.name}" for stage in spec.stages[:-1]), spec.name]


def _through(spec: Any, model: str) -> Any:
    if isinstance(spec, Chain):
        return dataclasses.replace(spec, stages=tuple(_through(stage, model) for stage in spec.stages))
    return dataclasses.replace(spec, through=model)


def _require(
    split: Split,
    statistics: Sequence[str],
    batch_size: int,
    num_examples: int | None,
    specs: list[Any],
    calibration: Any,
) -> None:
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


def _require_logits(model: Any, split: Split, bounds: Bounds, mode: str) -> None:
    """A first look at the outputs: attacks on probabilities, or on numbers that are none, look like robustness."""
    first = split.first(min(len(split), 32))
    _, x, _ = common.checked(model, first.pixels(), first.labels, bounds)
    if mode == "recalibrated":  # the model itself may not run with moving averages
        return
    found = common.logits(model, x, mode)
    if found.shape[1] > 1 and found.min() >= 0 and np.allclose(found.sum(-1), 1, atol=1e-3):
        raise InputError(f"{getattr(model, 'name', 'model')}: {common.PROBABILITIES}")
    if split.labels.max() >= found.shape[1]:
        raise InputError(f"labels: the model has {found.shape[1]} classes, got labels up to {split.labels.max()}")


def _described(spec: AttackSpec, bounds: Bounds, image_shape: tuple[int, ...]) -> dict[str, Any]:
    epsilon, step_size = spec.amounts(bounds, image_shape)
    return {
        **dataclasses.asdict(spec),
        "epsilon": epsilon,
        "step_size": step_size,
        "epsilon_shown": bounds.describe(epsilon),
        "shown": spec.describe(bounds, image_shape),
    }


def _split(dataset: Any) -> Split:
    return dataset if isinstance(dataset, Split) else Split(np.asarray(dataset[0]), np.asarray(dataset[1]))

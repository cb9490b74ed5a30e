"""`evaluate`: a model, a data set and attacks to a record of accuracies."""

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from igam_tf.attacks import Attack, AttackLike, Chain, Transfer, resolve_all
from igam_tf.core import runtime
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import HEADS
from igam_tf.data.forms import split_of
from igam_tf.data.splits import Dataset, Split
from igam_tf.evaluation import doubts, fingerprints
from igam_tf.evaluation.calibration import recalibrated
from igam_tf.evaluation.ledger import Ledger, number_of_shards
from igam_tf.evaluation.merging import ShardedEvaluation
from igam_tf.evaluation.preconditions import (
    bounds_for,
    require_logits,
    require_pixels,
    require_settings,
)
from igam_tf.evaluation.records import EvalRecord, packed
from igam_tf.evaluation.running import Evaluation, ModeRun, Outcomes, count_names
from igam_tf.evaluation.shards import Division, Shards, as_shards
from igam_tf.evaluation.stages import Progress
from igam_tf.models import source_view


def evaluate(
    model: Any,
    dataset: Any,
    *,
    attacks: str | AttackLike | Iterable[str | AttackLike] = ("fgsm", "pgd20"),
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
    shards: Shards | str | None = None,
) -> EvalRecord:
    """Clean and attacked accuracy of a model.

    Attacks that differ only in their number of steps are read off one trajectory. A chain such as
    `strong` also has a count after each of its stages.

    Args:
      model: Keras model or callable, images to logits.
      dataset: a `Dataset` (its test split), a `Split`, (images, labels), or a finite `tf.data` set
        of (images, labels); pixels in the model's range.
      attacks: one or several: names (`fgsm`, `pgd20`, `pgd100-margin`, `apgd-ce`, `square`,
        `strong`, ...; `igam_tf.attacks.resolve`), which take `epsilon` and `step_size`; attack
        objects, which have their own; or a user's own objects with `name`, `describe` and `run`.
      statistics: BatchNorm modes, each evaluated on its own. With `"batch"` a result depends on
        which examples share a batch: consecutive ones, `batch_size` at a time (the release: 100).
        `"recalibrated"` is `"moving"` on a copy of the model whose moving averages are re-estimated
        on `calibration`.
      num_examples: how many of the first examples; None for all.
      bounds: pixel range; None asks the model, or the `Dataset` where the model does not say.
      seed: of all random draws. An example's draws do not depend on its batch.
      calibration: clean training images for `"recalibrated"`, in any form of `dataset`; by default
        a `Dataset`'s training split.
      surrogate: a model for the same images and classes. Transfer attacks (`transfer-...`) are
        computed on it and judged on `model`.
      attack_head: `"target"`; or `"source"`, as the release attacks fine-tuned teachers: every
        attack is computed on the frozen source head's logits with the target's labels, and judged
        by the target head.
      progress: called after every part; `igam_tf.report.progress` also shows the work inside one.
      parts_dir: stores finished parts until the record is complete. An evaluation with the same
        settings resumes from them.
      images: filled with the adversarial images, float32 [N, H, W, C], by `mode/attack`; of attacks
        on one trajectory, with those of the longest.
      shards: `"I/N"` for share I of N, which this process stores in `parts_dir`; all processes
        share that directory. The process that finishes last makes the record, as does a later call
        without `shards`, which also computes missing shares.

    Raises:
      UnfinishedShards: this process's share is stored, and another process makes the record.
      InputError: empty data, an unknown or repeated attack, an unknown mode, bad amounts, images
        outside the bounds, a model whose outputs are probabilities or not finite, parts of other
        settings, more shards than examples, or than batches with batch statistics.
    """
    if (num_examples or 1) < 1:
        raise InputError(f"evaluate: need examples, got num_examples {num_examples}")
    parts = None if parts_dir is None else pathlib.Path(parts_dir)
    share = as_shards(shards, parts)
    split = split_of(dataset, num_examples)
    calibration = _calibration(dataset, calibration, statistics)
    require_settings(split, statistics, batch_size, calibration)
    limits = bounds_for(model, dataset, bounds)
    resolved = resolve_all(attacks, epsilon, step_size)
    on_model = functools.partial(_on_model, resolved, surrogate, attack_head)
    attacks = on_model(model)
    require_logits(model, split, limits, statistics[0])
    if calibration is not None:
        require_pixels(calibration, limits, "calibration")
    single, shape = _single(attacks), split.images.shape[1:]
    settings = {attack.name: attack.settings(limits, shape) for attack in single}
    identity = {
        **_fingerprints(model, single, split, calibration),
        "attacks": settings,
        "counts": [name for attack in attacks for name in count_names(attack)],
        "statistics": list(statistics),
        "numbers": [len(split), batch_size, seed, limits.low, limits.high, images is not None],
        "format": 2,  # of the parts' arrays
    }
    warnings = doubts.of_settings(attacks, limits, split)
    if statistics[0] != "recalibrated":
        warnings += doubts.of_model(attacks, model, split, statistics[0])
    # A call without shards also finishes an evaluation in shards.
    count = number_of_shards(parts) if share is None else share.count
    division = Division(count, len(split), batch_size, whole_batches="batch" in statistics)
    if share is not None:
        division.require()
    ledger = Ledger(parts, identity if count == 1 else {**identity, "shards": count})
    places = np.arange(len(split))
    whole = Evaluation(split, places, limits, seed, batch_size, ledger, progress, images)
    compute = functools.partial(_outcomes, model, attacks, on_model, statistics, calibration)
    outcomes = (
        compute(whole)
        if count == 1
        else ShardedEvaluation(whole, division, compute).outcomes(share)
    )
    ledger.close()
    summaries = {
        mode: {name: outcome.summary for name, outcome in by_name.items()}
        for mode, by_name in outcomes.items()
    }
    for counts in summaries.values():
        warnings += [each for each in doubts.of_results(attacks, counts) if each not in warnings]
    return EvalRecord(
        len(split),
        batch_size,
        seed,
        (limits.low, limits.high),
        settings,
        summaries,
        runtime.environment(),
        warnings,
        {
            mode: {name: packed(outcome.correct) for name, outcome in by_name.items()}
            for mode, by_name in outcomes.items()
        },
        class_names=list(dataset.class_names) if isinstance(dataset, Dataset) else [],
    )


def _outcomes(
    model: Any,
    attacks: Sequence[Attack],
    on_model: Callable[[Any], Sequence[Attack]],
    statistics: Sequence[str],
    calibration: Split | None,
    evaluation: Evaluation,
) -> dict[str, Outcomes]:
    """The outcomes by mode on the examples of an evaluation."""
    outcomes: dict[str, Outcomes] = {}
    for mode in statistics:
        if mode == "recalibrated":
            assert calibration is not None
            copy = recalibrated(model, calibration, evaluation.batch_size)
            require_logits(copy, evaluation.split, evaluation.bounds, "moving")
            outcomes[mode] = ModeRun(mode, copy, "moving", evaluation).run(on_model(copy))
        else:
            outcomes[mode] = ModeRun(mode, model, mode, evaluation).run(attacks)
    return outcomes


def _fingerprints(
    model: Any, attacks: Sequence[Attack], split: Split, calibration: Split | None
) -> dict[str, Any]:
    """Digits of all models and data of an evaluation."""
    surrogates = {a.name: a.surrogate for a in attacks if isinstance(a, Transfer)}
    return {
        "model": fingerprints.of_model(model, split),
        "surrogates": {
            name: fingerprints.of_model(surrogate, split) for name, surrogate in surrogates.items()
        },
        "data": fingerprints.of_data(split),
        "calibration": None if calibration is None else fingerprints.of_data(calibration),
    }


def _calibration(dataset: Any, calibration: Any, statistics: Sequence[str]) -> Split | None:
    if "recalibrated" not in statistics:
        return None
    if calibration is None:
        calibration = dataset if isinstance(dataset, Dataset) else None
    if isinstance(calibration, Dataset):
        return calibration.train
    return None if calibration is None else split_of(calibration)


def _on_model(
    attacks: Sequence[Attack], surrogate: Any, attack_head: str, model: Any
) -> list[Attack]:
    """The attacks on a model, each with the model that its images are computed on."""
    if attack_head not in HEADS:
        raise InputError(f"attack_head: expected one of {', '.join(HEADS)}, got {attack_head!r}")
    if attack_head == "source":
        if surrogate is not None or any(isinstance(attack, Transfer) for attack in attacks):
            raise InputError(
                "attack_head: source computes every attack on the source head, no surrogate"
            )
        head = source_view(model)
        return [_through_head(attack, head) for attack in attacks]
    if surrogate is None:
        return list(attacks)
    return [attack.on_surrogate(surrogate) for attack in attacks]


def _through_head(attack: Attack, head: Any) -> Attack:
    """The attack, computed on a source head; its name stays."""
    if isinstance(attack, Chain):
        stages = tuple(_through_head(stage, head) for stage in attack.stages)
        return dataclasses.replace(attack, stages=stages)
    return Transfer(attack=attack, surrogate=head, surrogate_name="source head", label=attack.name)


def _single(attacks: Sequence[Attack]) -> list[Attack]:
    """The attacks, and in place of a chain its stages.

    Raises:
      InputError: a transfer attack has no surrogate, or two different attacks have one name.
    """
    single = [
        stage
        for attack in attacks
        for stage in (attack.stages if isinstance(attack, Chain) else (attack,))
    ]
    by_name: dict[str, Attack] = {}
    for attack in single:
        if isinstance(attack, Transfer):
            attack.require_surrogate()
        if by_name.setdefault(attack.name, attack) != attack:
            raise InputError(
                f"attacks: two different ones are called {attack.name}; label= sets another name"
            )
    return single

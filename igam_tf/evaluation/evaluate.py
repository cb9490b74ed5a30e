"""`evaluate`: clean and attacked accuracy, with everything that the numbers need to be believed."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from igam_tf.attacks import Attack, AttackLike, Chain, Transfer, resolve_all
from igam_tf.core import runtime
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import HEADS, STATISTICS
from igam_tf.data.forms import split_of
from igam_tf.data.splits import Dataset, Split
from igam_tf.evaluation import fingerprints
from igam_tf.evaluation.calibration import recalibrated
from igam_tf.evaluation.examples import (
    bounds_for,
    require_logits,
    require_pixels,
    require_settings,
)
from igam_tf.evaluation.ledger import Ledger
from igam_tf.evaluation.records import Count, EvalRecord, packed
from igam_tf.evaluation.running import ModeRun, Progress, count_names
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
) -> EvalRecord:
    """Clean and attacked accuracy of a model.

    Attacks that differ only in their number of steps are read off one trajectory. A chain such as
    `strong` gives a count after each of its stages too.

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
      num_examples: the first so many; None for all.
      bounds: pixel range; None asks the model, or the `Dataset` where the model does not say.
      seed: of all random draws, which each example has its own of.
      calibration: clean training images for `"recalibrated"`, in any form of `dataset`; by default
        a `Dataset`'s training split.
      surrogate: the model that attacks named `transfer-...` are computed on, for the same images
        and classes.
      attack_head: `"target"`; or `"source"`, the release's way with fine-tuned teachers: every
        attack is computed on the frozen source head's logits with the target's labels, and judged
        by the target head.
      progress: called after every part.
      parts_dir: finished parts are kept there until the record is whole, and an evaluation with the
        same settings goes on from them; without it nothing is kept.
      images: filled with the adversarial images, float32 [N, H, W, C], by `mode/attack`; of attacks
        that are read off one trajectory, with the longest's.

    Raises:
      InputError: empty data, an unknown or repeated attack, an unknown mode, bad amounts, images
        outside the bounds, a model whose outputs are probabilities or not finite, parts of other
        settings.
    """
    if (num_examples or 1) < 1:
        raise InputError(f"evaluate: need examples, got num_examples {num_examples}")
    split = split_of(dataset, num_examples)
    calibration = _calibration(dataset, calibration, statistics)
    require_settings(split, statistics, batch_size, calibration)
    limits = bounds_for(model, dataset, bounds)
    own = resolve_all(attacks, epsilon, step_size)
    resolved = _on_models(own, model, surrogate, attack_head)
    require_logits(model, split, limits, statistics[0])
    if calibration is not None:
        require_pixels(calibration, limits, "calibration")
    single = _single(resolved)
    shape = split.images.shape[1:]
    described = {attack.name: attack.settings(limits, shape) for attack in single}
    ledger = Ledger(
        None if parts_dir is None else pathlib.Path(parts_dir),
        {
            "model": fingerprints.of_model(model, split),
            "surrogates": {
                attack.name: fingerprints.of_model(attack.surrogate, split)
                for attack in single
                if isinstance(attack, Transfer)
            },
            "data": fingerprints.of_data(split),
            "calibration": fingerprints.of_data(calibration) if calibration is not None else None,
            "attacks": described,
            "counts": [name for attack in resolved for name in count_names(attack)],
            "statistics": list(statistics),
            "numbers": [len(split), batch_size, seed, limits.low, limits.high, images is not None],
        },
    )
    results, flags = {}, {}
    for mode in statistics:
        subject, own_attacks = model, resolved
        if mode == "recalibrated":
            assert calibration is not None
            subject = recalibrated(model, calibration, batch_size)
            require_logits(subject, split, limits, "moving")
            own_attacks = _on_models(own, subject, surrogate, attack_head)
        run = ModeRun(
            mode,
            subject,
            mode if mode in STATISTICS else "moving",
            split,
            limits,
            seed,
            batch_size,
            ledger,
            progress,
            images,
        )
        outcomes = run.run(own_attacks)
        results[mode] = {
            name: Count(
                int(correct.sum()),
                len(split),
                None if never_fooled is None else int(never_fooled.sum()),
            )
            for name, (correct, never_fooled) in outcomes.items()
        }
        flags[mode] = {name: packed(correct) for name, (correct, _) in outcomes.items()}
    ledger.close()
    return EvalRecord(
        len(split),
        batch_size,
        seed,
        (limits.low, limits.high),
        described,
        results,
        runtime.environment(),
        [doubt for attack in resolved for doubt in attack.doubts(limits, shape)],
        flags,
    )


def _calibration(dataset: Any, calibration: Any, statistics: Sequence[str]) -> Split | None:
    if "recalibrated" not in statistics:
        return None
    if calibration is None:
        calibration = dataset if isinstance(dataset, Dataset) else None
    if isinstance(calibration, Dataset):
        return calibration.train
    return None if calibration is None else split_of(calibration)


def _on_models(
    attacks: Sequence[Attack], model: Any, surrogate: Any, attack_head: str
) -> list[Attack]:
    """The attacks, each with the model that its images are computed on."""
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
    """The attack computed on a source head, under its own name."""
    if isinstance(attack, Chain):
        stages = tuple(_through_head(stage, head) for stage in attack.stages)
        return dataclasses.replace(attack, stages=stages)
    return Transfer(attack=attack, surrogate=head, surrogate_name="source head", label=attack.name)


def _single(attacks: Sequence[Attack]) -> list[Attack]:
    """The attacks themselves; of chains, their stages.

    Raises:
      InputError: a transfer attack has no model to compute its images on.
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

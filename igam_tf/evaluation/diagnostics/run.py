"""`diagnose`: checks the settings, runs the attacks, and makes the checks."""

import dataclasses
from typing import Any

import numpy as np

from igam_tf.attacks import inputs
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.data.splits import Split
from igam_tf.evaluation.diagnostics import chance, comparisons, outputs
from igam_tf.evaluation.diagnostics.alignment import Alignment
from igam_tf.evaluation.diagnostics.clean_statistics import clean_statistics
from igam_tf.evaluation.diagnostics.diagnosis import Diagnosis
from igam_tf.evaluation.diagnostics.outcomes import attack_outcomes, other_mode
from igam_tf.evaluation.diagnostics.subject import Subject, connected
from igam_tf.evaluation.stages import Progress
from igam_tf.layers import check_statistics


def diagnose(
    model: Any,
    dataset: Any,
    *,
    epsilon: Amount = "8/255",
    step_size: Amount = "2/255",
    steps: int = 20,
    bounds: Any = None,
    num_examples: int | None = 200,
    batch_size: int = 100,
    seed: int = 0,
    statistics: str = "moving",
    surrogate: Any = None,
    queries: int = 1000,
    progress: Progress | None = None,
) -> Diagnosis:
    """Checks whether PGD's result on a model can be trusted.

    It takes about 7 `steps` + 20 gradients for each example, and `queries` forward passes for each
    survivor.

    Args:
      model: Keras model or callable, images to logits.
      dataset: a `Split`, or (images, labels) in the model's pixel range.
      epsilon, step_size, steps: the attack in question, l-infinity PGD with a random start on the
        cross-entropy.
      bounds: pixel range; None asks the model.
      num_examples: how many of the first examples; None for all. With few, only large differences
        exceed chance.
      seed: of all random draws. An example's draws do not depend on its batch.
      statistics: BatchNorm mode of the model and of the surrogate; `"batch"`: consecutive examples,
        `batch_size` at a time.
      surrogate: another model for the same images. Its adversarial images are judged on `model`;
        None skips that check.
      queries: of the black-box attack (Square), per example.
      progress: called after every batch of every probe, with the accuracy under it.

    Raises:
      InputError: a setting out of its range, a mode that a model cannot run in, images outside the
        bounds.
    """
    if not isinstance(dataset, Split):
        dataset = Split(np.asarray(dataset[0]), np.asarray(dataset[1]))
    split = dataset.first(num_examples)
    least = min(steps, batch_size, queries, 1 if num_examples is None else num_examples)
    if not len(split) or least < 1:
        raise InputError(
            f"diagnose: expected examples, and at least 1 of each, got {len(split)} examples, "
            f"{num_examples=}, {steps=}, {batch_size=}, {queries=}"
        )
    check_statistics(statistics, model)
    limits, _, _ = inputs.checked(model, split.pixels(), split.labels, bounds)
    radius, stride = limits.amount(epsilon), limits.amount(step_size, "step_size")
    if not radius or not stride:
        raise InputError(
            f"diagnose: epsilon and step_size must be above 0, got {epsilon} and {step_size}"
        )
    mode, reason = other_mode(model, statistics)
    subject = Subject(
        model,
        split,
        limits,
        radius,
        stride,
        int(steps),
        int(batch_size),
        int(seed),
        statistics,
        int(queries),
        surrogate,
        progress,
    )
    clean = clean_statistics(subject)
    if not clean.connected:
        subject = dataclasses.replace(subject, model=connected(model))
    outcomes = attack_outcomes(subject, mode)
    return Diagnosis(
        (
            *outputs.checks(subject, clean),
            *comparisons.checks(subject, clean.num_classes, outcomes, mode, reason),
        ),
        _measures(clean.alignment, limits),
        {
            "n": len(split),
            "clean_right": int(outcomes.clean.sum()),
            "epsilon": radius,
            "epsilon_shown": limits.describe(radius),
            "step_size": stride,
            "steps": subject.steps,
            "bounds": [limits.low, limits.high],
            "batch_size": subject.batch_size,
            "seed": subject.seed,
            "statistics": statistics,
            "queries": subject.queries,
            "surrogate": _name(surrogate),
            "level": chance.LEVEL,
        },
    )


def _name(surrogate: Any) -> str | None:
    return None if surrogate is None else str(getattr(surrogate, "name", "a callable"))


def _measures(terms: Alignment, bounds: Bounds) -> dict[str, Any]:
    """Medians over the examples whose gradient is not 0; None without such examples."""
    defined = np.isfinite(terms.alignment) & np.isfinite(terms.linearised_robustness)

    def median(values: np.ndarray) -> float | None:
        return float(np.median(values[defined])) if defined.any() else None

    return {
        "alignment": median(terms.alignment),
        "linearised_robustness": median(terms.linearised_robustness),
        "gradient_norm": median(terms.gradient_norm),
        "unit": f"l2 length, pixels in {bounds}",
        "n": int(defined.sum()),
    }

"""`diagnose`: settings checked, probes run, checks made."""

from typing import Any

import numpy as np

from igam_tf.attacks import inputs
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.data.splits import Split
from igam_tf.evaluation.diagnostics import chance, comparisons, outputs, probes
from igam_tf.evaluation.diagnostics.alignment import Alignment
from igam_tf.evaluation.diagnostics.diagnosis import Diagnosis
from igam_tf.evaluation.diagnostics.subject import Progress, Subject, connected
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
    """Asks whether PGD's verdict on a model can be believed.

    About 7 `steps` + 20 gradients for each example, and `queries` forward passes for each that
    gradients did not fool.

    Args:
      model: Keras model or callable, images to logits.
      dataset: a `Split`, or (images, labels) in the model's pixel range.
      epsilon, step_size, steps: the attack in question, l-infinity PGD with a random start on the
        cross-entropy.
      bounds: pixel range; None asks the model.
      num_examples: the first so many; None for all. With few, only large differences exceed chance.
      seed: of starts and draws, one per example.
      statistics: BatchNorm mode of the model and of the surrogate; `"batch"`: consecutive examples,
        `batch_size` at a time.
      surrogate: another model for the same images, whose adversarial examples are tried on this
        one; None skips that.
      queries: of the black-box attack (Square), per example.
      progress: called after every batch of every probe, with the share that is still right.

    Raises:
      InputError: a setting out of its range, a mode that a model cannot run in, images outside the
        bounds.
    """
    split = (
        dataset
        if isinstance(dataset, Split)
        else Split(np.asarray(dataset[0]), np.asarray(dataset[1]))
    )
    split = split.first(num_examples)
    if (
        not len(split)
        or min(steps, batch_size, queries, 1 if num_examples is None else num_examples) < 1
    ):
        raise InputError(
            f"diagnose: expected examples, and at least 1 of each, got {len(split)} examples, {num_examples=}, {steps=}, "
            f"{batch_size=}, {queries=}"
        )
    check_statistics(statistics, model)
    limits, _, _ = inputs.checked(model, split.pixels(), split.labels, bounds)
    radius, stride = limits.amount(epsilon), limits.amount(step_size, "step_size")
    if not radius or not stride:
        raise InputError(
            f"diagnose: epsilon and step_size must be above 0, got {epsilon} and {step_size}"
        )
    mode, why_none = probes.other_mode(model, statistics)
    settings = (
        split,
        limits,
        radius,
        stride,
        int(steps),
        int(batch_size),
        int(seed),
        statistics,
        int(queries),
    )
    looks = probes.look(Subject(model, *settings, surrogate, progress))
    # Not before: whether there is a gradient is seen by looking for one.
    subject = Subject(
        model if looks.connected else connected(model), *settings, surrogate, progress
    )
    standing = probes.stand(subject, mode)
    return Diagnosis(
        (
            *outputs.checks(subject, looks),
            *comparisons.checks(subject, looks, standing, mode, why_none),
        ),
        _measures(looks.alignment, subject),
        {
            "n": len(split),
            "clean_right": int(standing.clean.sum()),
            "epsilon": radius,
            "epsilon_shown": limits.describe(radius),
            "step_size": stride,
            "steps": subject.steps,
            "bounds": [limits.low, limits.high],
            "batch_size": subject.batch_size,
            "seed": subject.seed,
            "statistics": statistics,
            "queries": subject.queries,
            "surrogate": None
            if surrogate is None
            else str(getattr(surrogate, "name", "a callable")),
            "level": chance.LEVEL,
        },
    )


def _measures(found: Alignment, subject: Subject) -> dict[str, Any]:
    """Medians over the examples whose gradient is not 0; None where there is none."""
    defined = np.isfinite(found.alignment) & np.isfinite(found.linearised_robustness)

    def median(values: np.ndarray) -> float | None:
        return float(np.median(values[defined])) if defined.any() else None

    return {
        "alignment": median(found.alignment),
        "linearised_robustness": median(found.linearised_robustness),
        "gradient_norm": median(found.gradient_norm),
        "unit": f"l2 length, pixels in {subject.bounds}",
        "n": int(defined.sum()),
    }

"""Checks of the attack's settings and of a model's own outputs and gradients, before any attack."""

from typing import Any

from igam_tf.evaluation.diagnostics import chance
from igam_tf.evaluation.diagnostics.diagnosis import Check
from igam_tf.evaluation.diagnostics.probes import Looks
from igam_tf.evaluation.diagnostics.subject import Subject

# An example whose every pixel has gradient 0 cannot be attacked. 1 % is left for examples that lie
# flat by accident.
ALL_ZERO = 0.01

# An example counts as mostly without gradient from this share of its pixels on. Networks with ReLUs
# and max-pooling on black backgrounds are sparse without any masking (MNIST), so the share is high
# and one example in ten may have it.
MOSTLY = 0.95
MOSTLY_ZERO = 0.10

# The cross-entropy is exactly 0 in float32 from a gap of about 17 on, and from 88 on its gradient
# too. Below one in ten, the attack's result hardly depends on it.
SATURATED = 0.10

# Relative to the l2 norm of an image's logits. Rounding in other orders of summation moves float32
# by 1e-6 or less.
SAME = 1e-4


def checks(subject: Subject, looks: Looks) -> tuple[Check, ...]:
    return (
        step_size(subject),
        nondeterministic(subject, looks),
        nan_gradients(looks),
        zero_gradients(looks),
        logit_scale(looks),
        softmax_outputs(looks),
    )


def step_size(subject: Subject) -> Check:
    """Whether the steps fit the ball: none larger than epsilon, and together at least epsilon."""
    step, reach = (
        subject.step_size / subject.epsilon,
        subject.steps * subject.step_size / subject.epsilon,
    )
    return Check(
        "step_size",
        "WARN" if step > 1 + 1e-6 or reach < 1 - 1e-6 else "PASS",
        {"step": step, "reach": reach},
        f"a step is {step:.3g} epsilon, {subject.steps} of them {reach:.3g}",
        "The attack's steps overshoot the ball or do not reach its edge, so that it is weaker than its epsilon says.",
    )


def nondeterministic(subject: Subject, looks: Looks) -> Check:
    """Whether two forward passes on the same images differ."""
    n = min(subject.batch_size, len(looks.right))
    return Check(
        "nondeterministic",
        "WARN" if looks.varies > SAME or looks.flips else "PASS",
        {"varies": looks.varies, "flips": looks.flips, "n": n},
        f"two passes on {n} images: logits move by up to {looks.varies:.2g} of their norm, {looks.flips} predictions change",
        "The model draws random numbers: gradients of one draw mislead about the next, every other check is blurred by "
        "it, and attacks need to average over draws.",
    )


def nan_gradients(looks: Looks) -> Check:
    """Logits or gradients that are not finite: none is expected, so one is enough."""
    broken, n = int((~looks.finite).sum()), len(looks.finite)
    return Check(
        "nan_gradients",
        "WARN" if broken else "PASS",
        {"broken": broken, "n": n},
        f"{broken} of {n} images have logits or gradients that are not finite",
        "A step along such a gradient is none: the attack stands still or leaves the range of numbers.",
    )


def zero_gradients(looks: Looks) -> Check:
    """Input gradients of the cross-entropy that are exactly 0, on images that are classified right."""
    shares = looks.zero_share[looks.right]
    n = len(shares)
    if not n:
        return _skipped("zero_gradients")
    flat, mostly = int((shares == 1).sum()), int((shares >= MOSTLY).sum())
    flat_chance, mostly_chance = (
        chance.binomial_tail(flat, n, ALL_ZERO),
        chance.binomial_tail(mostly, n, MOSTLY_ZERO),
    )
    cut = "" if looks.connected else "; the output does not depend on the images differentiably"
    return Check(
        "zero_gradients",
        "WARN" if chance.either(flat_chance, mostly_chance) < chance.LEVEL else "PASS",
        {
            "all_zero": flat,
            "all_zero_chance": flat_chance,
            "mostly_zero": mostly,
            "mostly_zero_chance": mostly_chance,
            "zero_pixels": float(shares.mean()),
            "connected": looks.connected,
            "n": n,
        },
        f"of {n} images {flat} have no gradient and {mostly} less than {1 - MOSTLY:.0%} of one; "
        f"{shares.mean():.1%} of all pixels are exactly 0{cut}",
        "Gradient attacks on the cross-entropy do not move such images, so that they look robust whatever they are.",
    )


def logit_scale(looks: Looks) -> Check:
    """Logits so far apart that the cross-entropy is exactly 0, on images that are classified right."""
    n = int(looks.right.sum())
    if not n:
        return _skipped("logit_scale")
    saturated = int(looks.saturated[looks.right].sum())
    luck = chance.binomial_tail(saturated, n, SATURATED)
    gap = _median(looks.gap[looks.right])
    return Check(
        "logit_scale",
        "WARN" if luck < chance.LEVEL else "PASS",
        {"median_gap": gap, "saturated": saturated, "chance": luck, "n": n},
        f"median gap of the top two logits {gap:.3g}; the cross-entropy is exactly 0 on {saturated} of {n} images",
        "There the cross-entropy's gradient has lost the labelled class's part to rounding, and soon all of itself: attack "
        "the margin or DLR, or rescale the logits.",
    )


def softmax_outputs(looks: Looks) -> Check:
    """Outputs that are probabilities already."""
    return Check(
        "softmax_outputs",
        "WARN" if looks.sums_to_one else "PASS",
        {"sums_to_one": looks.sums_to_one, "n": len(looks.right)},
        f"outputs {'are all probabilities that sum' if looks.sums_to_one else 'do not all sum'} to 1",
        "Attacks and checks take logits: of probabilities they take the softmax again, which flattens every gradient.",
    )


def _median(values: Any) -> float:
    ordered = sorted(float(value) for value in values if value == value)
    return ordered[len(ordered) // 2] if ordered else 0.0


def _skipped(name: str) -> Check:
    return Check(name, "SKIP", {}, "no image is classified right", "")

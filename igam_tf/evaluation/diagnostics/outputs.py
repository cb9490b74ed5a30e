"""Checks of the attack's settings and of a model's outputs and gradients on the clean images."""

from typing import Any

from igam_tf.evaluation.diagnostics import chance
from igam_tf.evaluation.diagnostics.clean_statistics import CleanStatistics
from igam_tf.evaluation.diagnostics.diagnosis import Check
from igam_tf.evaluation.diagnostics.subject import Subject
from igam_tf.evaluation.doubts import SAME

# An example whose every pixel has gradient 0 cannot be attacked. 1 % of the examples may be flat by
# accident.
ALL_ZERO = 0.01

# An example counts as mostly without gradient from this share of its pixels on. Networks with ReLUs
# and max-pooling on black backgrounds are sparse without any masking (MNIST). The share is
# therefore high, and one example in ten may reach it.
MOSTLY = 0.95
MOSTLY_ZERO = 0.10

# The cross-entropy is exactly 0 in float32 from a gap of about 17 on, and its gradient from 88 on.
# With fewer than one such example in ten, the attack's result hardly depends on them.
SATURATED = 0.10

# Targeted DLR is defined from four classes on.
DLR_CLASSES = 4


def checks(subject: Subject, statistics: CleanStatistics) -> tuple[Check, ...]:
    return (
        step_size(subject),
        nondeterministic(subject, statistics),
        nan_gradients(statistics),
        zero_gradients(statistics),
        logit_scale(statistics),
        softmax_outputs(statistics),
        few_classes(statistics),
        inference_gradients(statistics),
    )


def step_size(subject: Subject) -> Check:
    """Whether the steps fit the ball: none larger than epsilon, and together at least epsilon."""
    step = subject.step_size / subject.epsilon
    reach = subject.steps * subject.step_size / subject.epsilon
    return Check(
        "step_size",
        "WARN" if step > 1 + 1e-6 or reach < 1 - 1e-6 else "PASS",
        {"step": step, "reach": reach},
        f"a step is {step:.3g} epsilon, {subject.steps} of them {reach:.3g}",
        "The attack's steps overshoot the ball or do not reach its edge, so that it is weaker than "
        "its epsilon says.",
    )


def nondeterministic(subject: Subject, statistics: CleanStatistics) -> Check:
    """Whether two forward passes on the same images differ."""
    n = min(subject.batch_size, len(statistics.correct))
    change, flips = statistics.logit_change, statistics.changed_predictions
    return Check(
        "nondeterministic",
        "WARN" if change > SAME or flips else "PASS",
        {"varies": change, "flips": flips, "n": n},
        f"two passes on {n} images: logits change by up to {change:.2g} of their norm, "
        f"{flips} predictions change",
        "The model draws random numbers. The gradients of one draw mislead about the next, every "
        "other check is blurred, and attacks need to average over draws.",
    )


def nan_gradients(statistics: CleanStatistics) -> Check:
    """Logits or gradients that are not finite. One image with such is enough for a WARN."""
    broken, n = int((~statistics.finite).sum()), len(statistics.finite)
    return Check(
        "nan_gradients",
        "WARN" if broken else "PASS",
        {"broken": broken, "n": n},
        f"{broken} of {n} images have logits or gradients that are not finite",
        "The attack cannot step along such a gradient: it stays where it is or returns NaN.",
    )


def zero_gradients(statistics: CleanStatistics) -> Check:
    """Input gradients of the cross-entropy that are exactly 0, on correctly classified images."""
    shares = statistics.zero_share[statistics.correct]
    n = len(shares)
    if not n:
        return _skipped("zero_gradients")
    flat, mostly = int((shares == 1).sum()), int((shares >= MOSTLY).sum())
    flat_chance = chance.binomial_tail(flat, n, ALL_ZERO)
    mostly_chance = chance.binomial_tail(mostly, n, MOSTLY_ZERO)
    connected = statistics.connected
    suffix = "" if connected else "; the output does not depend on the images differentiably"
    return Check(
        "zero_gradients",
        "WARN" if chance.either(flat_chance, mostly_chance) < chance.LEVEL else "PASS",
        {
            "all_zero": flat,
            "all_zero_chance": flat_chance,
            "mostly_zero": mostly,
            "mostly_zero_chance": mostly_chance,
            "zero_pixels": float(shares.mean()),
            "connected": connected,
            "n": n,
        },
        f"of {n} images {flat} have no gradient and {mostly} a gradient on less than "
        f"{1 - MOSTLY:.0%} of the pixels; {shares.mean():.1%} of all pixels are exactly 0{suffix}",
        "Gradient attacks on the cross-entropy cannot move such images, which therefore look "
        "robust whether they are or not.",
    )


def logit_scale(statistics: CleanStatistics) -> Check:
    """Logits so far apart that the cross-entropy is exactly 0, on correctly classified images."""
    correct = statistics.correct
    n = int(correct.sum())
    if not n:
        return _skipped("logit_scale")
    saturated = int(statistics.saturated[correct].sum())
    p_value = chance.binomial_tail(saturated, n, SATURATED)
    gap = _median(statistics.gap[correct])
    return Check(
        "logit_scale",
        "WARN" if p_value < chance.LEVEL else "PASS",
        {"median_gap": gap, "saturated": saturated, "chance": p_value, "n": n},
        f"median gap of the top two logits {gap:.3g}; "
        f"the cross-entropy is exactly 0 on {saturated} of {n} images",
        "There the cross-entropy's gradient has lost the labelled class's part to rounding, and "
        "loses all of it as the gap grows: attack the margin or DLR, or rescale the logits.",
    )


def softmax_outputs(statistics: CleanStatistics) -> Check:
    """Outputs that are probabilities already."""
    sums_to_one = statistics.sums_to_one
    return Check(
        "softmax_outputs",
        "WARN" if sums_to_one else "PASS",
        {"sums_to_one": sums_to_one, "n": len(statistics.correct)},
        f"outputs {'are all probabilities that sum' if sums_to_one else 'do not all sum'} to 1",
        "Attacks and checks take logits. They apply a second softmax to probabilities, which "
        "flattens every gradient.",
    )


def few_classes(statistics: CleanStatistics) -> Check:
    """Too few logits for the DLR losses, as AutoAttack has them."""
    classes = statistics.num_classes
    return Check(
        "few_classes",
        "WARN" if classes < DLR_CLASSES else "PASS",
        {"classes": classes, "targets": classes - 1},
        f"{classes} classes: targeted attacks have {classes - 1} targets",
        "Targeted DLR is a quotient of differences of four logits. With three its denominator is "
        "that of DLR, with two it has none, and DLR itself needs three.",
    )


def inference_gradients(statistics: CleanStatistics) -> Check:
    """Gradients that the model takes in its forward pass."""
    takes = statistics.takes_gradients
    return Check(
        "inference_gradients",
        "WARN" if takes else "PASS",
        {"takes_gradients": takes},
        f"a forward pass {'takes' if takes else 'takes no'} gradients",
        "The model optimises when it classifies. Attacks differentiate through all of that, or "
        "through none of it: it needs an attack made for it.",
    )


def _median(values: Any) -> float:
    ordered = sorted(float(value) for value in values if value == value)
    return ordered[len(ordered) // 2] if ordered else 0.0


def _skipped(name: str) -> Check:
    return Check(name, "SKIP", {}, "no image is classified correctly", "")

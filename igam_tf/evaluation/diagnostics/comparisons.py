"""Checks that compare PGD with PGD in another setting: steps, loss, BatchNorm mode.

A difference counts if it exceeds both chance (`igam_tf.evaluation.diagnostics.chance`) and the
tolerance named here, which is what honest models show. Percentages are of all examples.
"""

import numpy as np

from igam_tf.evaluation.diagnostics import chance, masking
from igam_tf.evaluation.diagnostics.chance import percent, share
from igam_tf.evaluation.diagnostics.diagnosis import Check
from igam_tf.evaluation.diagnostics.outcomes import LONGER, AttackOutcomes
from igam_tf.evaluation.diagnostics.subject import Subject

# The paper's Table 2 between 20 and 100 steps: PGD7-trained falls by 0.6 points, IGAM-Upsize by
# 2.1, and IGAM-TransposeConv by 13.7.
FALLS = 0.03

# PGD on the margin is often 1-3 points below PGD on the cross-entropy on adversarially trained
# networks, without masking.
MARGIN_GAIN = 0.05

# In results/ the two modes are at most 1.6 points apart under PGD-20 on PGD7-trained networks, and
# 10 and more on the others.
MODE_CHANGE = 0.05


def checks(
    subject: Subject,
    num_classes: int,
    outcomes: AttackOutcomes,
    other_mode: str | None,
    reason: str,
) -> tuple[Check, ...]:
    """All comparisons; `reason` says why there is no other BatchNorm mode."""
    comparisons = (
        still_falling(subject, outcomes),
        margin_beats_xent(subject, outcomes),
        masking.one_step_beats_many(subject, outcomes),
        masking.noise_beats_gradient(subject, outcomes),
        masking.black_box_beats_white_box(subject, outcomes),
        masking.transfer_beats_white_box(outcomes),
        masking.large_epsilon(outcomes, num_classes),
        batch_statistics(subject, outcomes, other_mode, reason),
    )
    correct = int(outcomes.clean.sum())
    if correct >= chance.FEWEST:
        return comparisons
    few = f"only {correct} images are correct without an attack: no difference can exceed chance"
    return tuple(
        Check(check.name, "SKIP", {"n": correct}, few, check.meaning) for check in comparisons
    )


def still_falling(subject: Subject, outcomes: AttackOutcomes) -> Check:
    """PGD's steps against `LONGER` times as many on the same trajectory."""
    return _drop(
        "still_falling",
        outcomes.pgd,
        outcomes.long_pgd,
        FALLS,
        (f"{subject.steps} steps", f"{LONGER * subject.steps} steps"),
        "The attack stops before it converges: report more steps.",
    )


def margin_beats_xent(subject: Subject, outcomes: AttackOutcomes) -> Check:
    """PGD on the cross-entropy against PGD on the margin, as many steps from the same starts."""
    return _drop(
        "margin_beats_xent",
        outcomes.pgd,
        outcomes.margin,
        MARGIN_GAIN,
        (f"{subject.steps} steps on the cross-entropy", f"{subject.steps} on the margin"),
        "The cross-entropy is a bad guide on this model, for example because its logits are large "
        "or saturated: report the margin loss.",
    )


def batch_statistics(
    subject: Subject, outcomes: AttackOutcomes, other_mode: str | None, reason: str
) -> Check:
    """The same PGD in the other BatchNorm mode: a difference in either direction."""
    name, mode = "batch_statistics", subject.statistics
    meaning = (
        "The result depends on the BatchNorm mode of the attack: report the mode, and trust the "
        "moving averages (recalibrated where they are wrong), since a single image has no batch."
    )
    if outcomes.other_mode is None:
        return Check(name, "SKIP", {}, reason, meaning)
    (other_clean, other), clean, pgd = outcomes.other_mode, outcomes.clean, outcomes.pgd
    fooled, regained, p_value = chance.paired(pgd, other)
    p_value = chance.either(p_value, chance.paired(other, pgd)[2])
    change = share(other) - share(pgd)
    return Check(
        name,
        "WARN" if p_value < chance.LEVEL and abs(change) >= MODE_CHANGE else "PASS",
        {
            mode: share(pgd),
            str(other_mode): share(other),
            f"clean_{mode}": share(clean),
            f"clean_{other_mode}": share(other_clean),
            "lost": fooled,
            "gained": regained,
            "chance": p_value,
            "n": len(other),
        },
        f"correct after {subject.steps} steps with {mode} statistics {percent(pgd)} "
        f"(clean {percent(clean)}), with {other_mode} {percent(other)} "
        f"(clean {percent(other_clean)}); {fooled} lost, {regained} gained, chance {p_value:.2g}",
        meaning,
    )


def _drop(
    name: str,
    before: np.ndarray,
    after: np.ndarray,
    tolerance: float,
    labels: tuple[str, str],
    meaning: str,
) -> Check:
    """WARN where `after` is lower by at least `tolerance`, beyond chance."""
    fooled, regained, p_value = chance.paired(before, after)
    drop = share(before) - share(after)
    return Check(
        name,
        "WARN" if p_value < chance.LEVEL and drop >= tolerance else "PASS",
        {
            "before": share(before),
            "after": share(after),
            "lost": fooled,
            "regained": regained,
            "chance": p_value,
            "n": len(before),
        },
        f"correct after {labels[0]} {percent(before)}, after {labels[1]} {percent(after)} "
        f"({fooled} lost, {regained} regained, chance {p_value:.2g})",
        meaning,
    )

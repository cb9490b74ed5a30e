"""Checks that set one attack against another, on the examples that are right without any.

A difference counts if it exceeds chance (`igam_tf.evaluation.diagnostics.chance`) and the tolerance
named here, which says how much honest models show. Percentages are of all examples.
"""

from typing import Any

import numpy as np

from igam_tf.evaluation.diagnostics import chance
from igam_tf.evaluation.diagnostics.diagnosis import Check
from igam_tf.evaluation.diagnostics.probes import LONGER, NOISE_DRAWS, Looks, Standing
from igam_tf.evaluation.diagnostics.subject import Subject

# The paper's Table 2 between 20 and 100 steps: PGD7-trained falls by 0.6 points and IGAM-Upsize by
# 2.1; -TransposeConv by 13.7.
FALLS = 0.03

# PGD on the margin is often 1-3 points below PGD on the cross-entropy on adversarially trained
# networks, without masking.
MARGIN_GAIN = 0.05

# In results/ the two modes are at most 1.6 points apart under PGD-20 on PGD7-trained networks, and
# 10 and more on the others.
MODE_CHANGE = 0.05

# Share of examples that only an attack without gradients (or of one step) may fool: PGD with one
# start misses some by luck.
MISSED = 0.01

# Share that may stay right when every image may become the same grey. Guessing leaves 1 / classes,
# if that is less.
LEFT_AT_LARGE = 0.05


def checks(
    subject: Subject, looks: Looks, standing: Standing, mode: str | None, why_none: str
) -> tuple[Check, ...]:
    made = [
        still_falling(subject, standing),
        margin_beats_xent(subject, standing),
        one_step_beats_many(subject, standing),
        noise_beats_gradient(subject, standing),
        black_box_beats_white_box(subject, standing),
        transfer_beats_white_box(standing),
        large_epsilon(standing, looks.classes),
        batch_statistics(subject, standing, mode, why_none),
    ]
    right = int(standing.clean.sum())
    if right >= chance.FEWEST:
        return tuple(made)
    few = f"only {right} images are right without an attack: no difference can exceed chance"
    return tuple(Check(check.name, "SKIP", {"n": right}, few, check.meaning) for check in made)


def still_falling(subject: Subject, standing: Standing) -> Check:
    """PGD's steps against `LONGER` times as many on the same trajectory."""
    return _drop(
        "still_falling",
        standing.few,
        standing.many,
        FALLS,
        f"{subject.steps} steps",
        f"{LONGER * subject.steps} steps",
        "The attack was stopped before it was done: report more steps.",
    )


def margin_beats_xent(subject: Subject, standing: Standing) -> Check:
    """PGD on the cross-entropy against PGD on the margin, as many steps from the same starts."""
    return _drop(
        "margin_beats_xent",
        standing.few,
        standing.margin,
        MARGIN_GAIN,
        f"{subject.steps} steps on the cross-entropy",
        f"{subject.steps} on the margin",
        "The cross-entropy is a bad guide on this model (large or saturated logits, for one): report the margin loss.",
    )


def one_step_beats_many(subject: Subject, standing: Standing) -> Check:
    """FGSM against PGD: more fooled in all, or more than `MISSED` that no gradient attack fools at
    any step.
    """
    lost, regained, luck = chance.paired(standing.few, standing.one_step)
    only, only_luck = _only(standing, standing.one_step)
    return Check(
        "one_step_beats_many",
        "WARN" if chance.either(luck, only_luck) < chance.LEVEL else "PASS",
        {
            "many": _share(standing.few),
            "one": _share(standing.one_step),
            "lost": lost,
            "regained": regained,
            "chance": luck,
            "only": only,
            "only_chance": only_luck,
            "n": len(standing.clean),
        },
        f"right after one step of epsilon {_percent(standing.one_step)}, after {subject.steps} steps {_percent(standing.few)} "
        f"({lost} fooled by one step and not by the other, {regained} the other way round, chance {luck:.2g}); "
        f"{only} fooled by it alone",
        "Many small steps should find all that one large one finds: the loss is rough near the image, as masked gradients "
        "make it.",
    )


def noise_beats_gradient(subject: Subject, standing: Standing) -> Check:
    """Uniform noise against PGD: as many fooled, of more than `MISSED`; or more than `MISSED` that
    no gradient attack fools.
    """
    n = int(standing.clean.sum())
    by_noise, by_gradient = (n - int(right.sum()) for right in (standing.noise, standing.few))
    only, only_luck = _only(standing, standing.noise)
    # Where noise fools nobody, that gradients fool nobody either says nothing about them.
    luck = chance.binomial_tail(by_noise, n, MISSED)
    as_good_luck = luck if by_noise >= by_gradient else 1.0
    return Check(
        "noise_beats_gradient",
        "WARN" if chance.either(as_good_luck, only_luck) < chance.LEVEL else "PASS",
        {
            "noise": by_noise,
            "gradient": by_gradient,
            "noise_chance": luck,
            "only": only,
            "only_chance": only_luck,
            "draws": NOISE_DRAWS,
            "n": n,
        },
        f"of {n} right, the best of {NOISE_DRAWS} uniform draws fools {by_noise} ({only} of them alone), "
        f"{subject.steps} steps {by_gradient}",
        "Gradients lead nowhere that blind noise does not find: what stands under PGD stands for want of an attack.",
    )


def black_box_beats_white_box(subject: Subject, standing: Standing) -> Check:
    """Square on what gradient attacks left: more than `MISSED` of all fooled."""
    n, left = int(standing.clean.sum()), int(standing.white_box.sum())
    only, luck = _only(standing, standing.black_box)
    return Check(
        "black_box_beats_white_box",
        "WARN" if luck < chance.LEVEL else "PASS",
        {"only": only, "left": left, "chance": luck, "queries": subject.queries, "n": n},
        f"of {n} right, PGD left {left}, of which Square ({subject.queries} queries) fools {only} (chance {luck:.2g})",
        "An attack that sees outputs alone should fool none that gradients do not: the gradients are masked.",
    )


def transfer_beats_white_box(standing: Standing) -> Check:
    """The surrogate's adversarial images: more than `MISSED` of all fooled that no gradient attack
    on the model fools.
    """
    meaning = (
        "Another model's gradients are a better guide than this model's own: those are masked."
    )
    if standing.transfer is None:
        return Check("transfer_beats_white_box", "SKIP", {}, "no surrogate was given", meaning)
    n = int(standing.clean.sum())
    only, luck = _only(standing, standing.transfer)
    fooled, by_own = n - int(standing.transfer.sum()), n - int(standing.few.sum())
    return Check(
        "transfer_beats_white_box",
        "WARN" if luck < chance.LEVEL else "PASS",
        {"transfer": fooled, "white_box": by_own, "only": only, "chance": luck, "n": n},
        f"of {n} right, the surrogate's adversarial images fool {fooled} and PGD {by_own}; {only} by the surrogate's alone "
        f"(chance {luck:.2g})",
        meaning,
    )


def large_epsilon(standing: Standing, classes: int) -> Check:
    """PGD at half the pixel range: nearly nothing should stay right."""
    n, left = int(standing.clean.sum()), int(standing.large.sum())
    tolerance = min(LEFT_AT_LARGE, 1 / classes)
    luck = chance.binomial_tail(left, n, tolerance)
    return Check(
        "large_epsilon",
        "WARN" if luck < chance.LEVEL else "PASS",
        {"left": left, "tolerance": tolerance, "guessing": 1 / classes, "chance": luck, "n": n},
        f"at half the pixel range {left} of {n} are never fooled (up to {tolerance:.1%} pass, chance {luck:.2g})",
        "Any image may become the same grey there, which leaves one class at most: the attack does not work on this model.",
    )


def batch_statistics(
    subject: Subject, standing: Standing, mode: str | None, why_none: str
) -> Check:
    """The same PGD in the other BatchNorm mode: a difference either way."""
    meaning = (
        "What is said of this model depends on the BatchNorm mode it was attacked in: report it, and believe the moving "
        "averages (recalibrated where they are off), since no single image has a batch."
    )
    if standing.other_mode is None:
        return Check("batch_statistics", "SKIP", {}, why_none, meaning)
    clean, right = standing.other_mode
    lost, gained, fewer = chance.paired(standing.few, right)
    luck = chance.either(fewer, chance.paired(right, standing.few)[2])
    change = _share(right) - _share(standing.few)
    return Check(
        "batch_statistics",
        "WARN" if luck < chance.LEVEL and abs(change) >= MODE_CHANGE else "PASS",
        {
            subject.statistics: _share(standing.few),
            str(mode): _share(right),
            f"clean_{subject.statistics}": _share(standing.clean),
            f"clean_{mode}": _share(clean),
            "lost": lost,
            "gained": gained,
            "chance": luck,
            "n": len(right),
        },
        f"right after {subject.steps} steps with {subject.statistics} statistics {_percent(standing.few)} (clean "
        f"{_percent(standing.clean)}), with {mode} {_percent(right)} (clean {_percent(clean)}); {lost} lost, {gained} gained, "
        f"chance {luck:.2g}",
        meaning,
    )


def _drop(
    name: str,
    before: np.ndarray,
    after: np.ndarray,
    tolerance: float,
    first: str,
    second: str,
    meaning: str,
) -> Check:
    """WARN where `after` is lower by at least `tolerance`, beyond chance."""
    lost, regained, luck = chance.paired(before, after)
    drop = _share(before) - _share(after)
    evidence: dict[str, Any] = {
        "before": _share(before),
        "after": _share(after),
        "lost": lost,
        "regained": regained,
    }
    return Check(
        name,
        "WARN" if luck < chance.LEVEL and drop >= tolerance else "PASS",
        {**evidence, "chance": luck, "n": len(before)},
        f"right after {first} {_percent(before)}, after {second} {_percent(after)} ({lost} lost, {regained} regained, "
        f"chance {luck:.2g})",
        meaning,
    )


def _only(standing: Standing, right: np.ndarray) -> tuple[int, float]:
    """Examples fooled by this attack and by no white-box one at any step, and the chance of so
    many.
    """
    only = int((standing.white_box & ~right).sum())
    return only, chance.binomial_tail(only, int(standing.clean.sum()), MISSED)


def _share(right: np.ndarray) -> float:
    return float(right.mean())


def _percent(right: np.ndarray) -> str:
    return f"{100 * _share(right):.1f} %"

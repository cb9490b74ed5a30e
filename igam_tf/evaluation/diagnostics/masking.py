"""Checks for masked gradients: attacks that should fool no more than PGD, or all examples.

A difference counts if it exceeds both chance and the tolerance named here.
"""

import numpy as np

from igam_tf.evaluation.diagnostics import chance
from igam_tf.evaluation.diagnostics.chance import percent, share
from igam_tf.evaluation.diagnostics.diagnosis import Check
from igam_tf.evaluation.diagnostics.outcomes import NOISE_DRAWS, AttackOutcomes
from igam_tf.evaluation.diagnostics.subject import Subject

# Share of examples that only an attack without gradients (or of one step) may fool: PGD with one
# start misses some by chance.
MISSED = 0.01

# Share that may stay correct when every image may become the same grey. Guessing leaves
# 1 / classes, if that is less.
LEFT_AT_LARGE = 0.05


def one_step_beats_many(subject: Subject, outcomes: AttackOutcomes) -> Check:
    """FGSM against PGD.

    FGSM fools more in all, or more than `MISSED` that no gradient attack fools at any step.
    """
    pgd, fgsm = outcomes.pgd, outcomes.fgsm
    fooled, regained, p_value = chance.paired(pgd, fgsm)
    only, only_chance = _only(outcomes, fgsm)
    return Check(
        "one_step_beats_many",
        "WARN" if chance.either(p_value, only_chance) < chance.LEVEL else "PASS",
        {
            "many": share(pgd),
            "one": share(fgsm),
            "lost": fooled,
            "regained": regained,
            "chance": p_value,
            "only": only,
            "only_chance": only_chance,
            "n": len(outcomes.clean),
        },
        f"correct after one step of epsilon {percent(fgsm)}, after {subject.steps} steps "
        f"{percent(pgd)} ({fooled} fooled by one step alone, {regained} by the other alone, "
        f"chance {p_value:.2g}); {only} fooled by one step and never by the others",
        "Many small steps should fool every example that one large step fools. The loss is rough "
        "near the image, as with masked gradients.",
    )


def noise_beats_gradient(subject: Subject, outcomes: AttackOutcomes) -> Check:
    """Uniform noise against PGD.

    Noise fools as many as PGD and more than `MISSED`, or more than `MISSED` that no gradient attack
    fools.
    """
    n = int(outcomes.clean.sum())
    by_noise, by_pgd = n - int(outcomes.noise.sum()), n - int(outcomes.pgd.sum())
    only, only_chance = _only(outcomes, outcomes.noise)
    # Where noise fools nobody, PGD that fools nobody either proves nothing.
    noise_chance = chance.binomial_tail(by_noise, n, MISSED)
    p_value = noise_chance if by_noise >= by_pgd else 1.0
    return Check(
        "noise_beats_gradient",
        "WARN" if chance.either(p_value, only_chance) < chance.LEVEL else "PASS",
        {
            "noise": by_noise,
            "gradient": by_pgd,
            "noise_chance": noise_chance,
            "only": only,
            "only_chance": only_chance,
            "draws": NOISE_DRAWS,
            "n": n,
        },
        f"of {n} correct, the best of {NOISE_DRAWS} uniform draws fools {by_noise} "
        f"({only} of them alone), {subject.steps} steps {by_pgd}",
        "Gradients find no more than blind noise: examples survive PGD because it is no attack on "
        "this model.",
    )


def black_box_beats_white_box(subject: Subject, outcomes: AttackOutcomes) -> Check:
    """Square on the survivors of gradient attacks: it fools more than `MISSED` of all examples."""
    n, survivors = int(outcomes.clean.sum()), int(outcomes.white_box.sum())
    only, p_value = _only(outcomes, outcomes.square)
    queries = subject.queries
    return Check(
        "black_box_beats_white_box",
        "WARN" if p_value < chance.LEVEL else "PASS",
        {"only": only, "left": survivors, "chance": p_value, "queries": queries, "n": n},
        f"of {n} correct, {survivors} survive PGD, of which Square ({queries} queries) fools "
        f"{only} (chance {p_value:.2g})",
        "An attack on outputs alone should fool no example that survives gradients: the gradients "
        "are masked.",
    )


def transfer_beats_white_box(outcomes: AttackOutcomes) -> Check:
    """The surrogate's adversarial images fool more than `MISSED` that survive gradient attacks."""
    name = "transfer_beats_white_box"
    meaning = "Another model's gradients are a better guide than the model's own: these are masked."
    if outcomes.transfer is None:
        return Check(name, "SKIP", {}, "no surrogate was given", meaning)
    n = int(outcomes.clean.sum())
    only, p_value = _only(outcomes, outcomes.transfer)
    by_transfer, by_pgd = n - int(outcomes.transfer.sum()), n - int(outcomes.pgd.sum())
    return Check(
        name,
        "WARN" if p_value < chance.LEVEL else "PASS",
        {"transfer": by_transfer, "white_box": by_pgd, "only": only, "chance": p_value, "n": n},
        f"of {n} correct, the surrogate's adversarial images fool {by_transfer} and PGD {by_pgd}; "
        f"{only} by the surrogate's alone (chance {p_value:.2g})",
        meaning,
    )


def large_epsilon(outcomes: AttackOutcomes, num_classes: int) -> Check:
    """PGD at half the pixel range: nearly no example should stay correct."""
    n, survivors = int(outcomes.clean.sum()), int(outcomes.large_epsilon.sum())
    guessing = 1 / num_classes
    tolerance = min(LEFT_AT_LARGE, guessing)
    p_value = chance.binomial_tail(survivors, n, tolerance)
    return Check(
        "large_epsilon",
        "WARN" if p_value < chance.LEVEL else "PASS",
        {
            "left": survivors,
            "tolerance": tolerance,
            "guessing": guessing,
            "chance": p_value,
            "n": n,
        },
        f"at half the pixel range {survivors} of {n} are never fooled "
        f"(up to {tolerance:.1%} pass, chance {p_value:.2g})",
        "Every image can become the same grey there, which leaves at most one class correct: the "
        "attack does not work on this model.",
    )


def _only(outcomes: AttackOutcomes, correct: np.ndarray) -> tuple[int, float]:
    """Examples that this attack fools and no white-box attack at any step, and their chance."""
    only = int((outcomes.white_box & ~correct).sum())
    return only, chance.binomial_tail(only, int(outcomes.clean.sum()), MISSED)

"""The attacks of a diagnosis, and which examples stay correct under each."""

import dataclasses
from typing import Any

import keras
import numpy as np

from igam_tf import attacks
from igam_tf.evaluation.diagnostics.subject import Batch, Subject
from igam_tf.layers import batch_norms, stock_batchnorms

# The attack in question is compared with one of this many times its steps.
LONGER = 5

# Uniform draws in the ball, of which the best counts. Ten of them see far less than the gradients
# of ten PGD steps.
NOISE_DRAWS = 10

# The large radius is half of the pixel range, within which every image can become the same grey.
# PGD takes at least this many steps there, long enough to cross the ball.
LARGE_STEPS = 20


@dataclasses.dataclass(frozen=True)
class AttackOutcomes:
    """Which examples are correct on the clean image and at an attack's last step, bool [n].

    Attributes:
      clean: without an attack.
      pgd, long_pgd: PGD on the cross-entropy, at its steps and at `LONGER` times as many.
      margin: PGD on the margin.
      white_box: never fooled, at no step of any of these three.
      fgsm: FGSM.
      noise: the best of `NOISE_DRAWS` uniform draws.
      large_epsilon: never fooled by PGD without a random start at half the pixel range.
      square: examples that survive both `white_box` and Square.
      transfer: PGD computed on the surrogate; None without one.
      other_mode: correct without an attack and under `pgd` in the other BatchNorm mode, [2, n];
        None without such a mode.
    """

    clean: np.ndarray
    pgd: np.ndarray
    long_pgd: np.ndarray
    margin: np.ndarray
    white_box: np.ndarray
    fgsm: np.ndarray
    noise: np.ndarray
    large_epsilon: np.ndarray
    square: np.ndarray
    transfer: np.ndarray | None
    other_mode: np.ndarray | None


def attack_outcomes(subject: Subject, other_mode: str | None) -> AttackOutcomes:
    """Runs every attack over all batches. All of them start from the same random draws."""
    curve, steps, half_range = subject.curve, subject.steps, subject.bounds.range / 2
    long_steps, large_steps = LONGER * steps, max(steps, LARGE_STEPS)

    def pgd(batch: Batch) -> np.ndarray:
        outcome = curve(batch, steps, long_steps)
        last = outcome.last
        return np.stack(
            [outcome.clean, outcome.never_fooled[long_steps], last[long_steps], last[steps]]
        )

    def margin(batch: Batch) -> np.ndarray:
        outcome = curve(batch, steps, loss="margin")
        return np.stack([outcome.never_fooled[steps], outcome.last[steps]])

    def noise(batch: Batch) -> np.ndarray:
        return curve(batch, 0, restarts=NOISE_DRAWS).last[0]  # without steps, the random start

    def fgsm(batch: Batch) -> np.ndarray:
        # Without a random start, as in papers; it is not the first step of the attack in question.
        return curve(batch, 1, random_start=False, step_size=subject.epsilon).last[1]

    def large_epsilon(batch: Batch) -> np.ndarray:
        # Noise of half the range fools by itself; without a random start, gradients have to.
        amounts = {"epsilon": half_range, "step_size": half_range / 4}
        return curve(batch, large_steps, random_start=False, **amounts).never_fooled[large_steps]

    def pgd_in_other_mode(batch: Batch) -> np.ndarray:
        outcome = curve(batch, steps, statistics=other_mode)
        return np.stack([outcome.clean, outcome.clean & outcome.last[steps]])

    def transfer(batch: Batch) -> np.ndarray:
        arguments = {**subject.attack, "indices": batch.indices, "steps": steps}
        x_adv = attacks.pgd(subject.surrogate, batch.x, batch.y, **arguments)
        return _correct(subject, batch._replace(x=x_adv))

    clean, survivors, long_pgd, last = subject.each(f"pgd{long_steps}", pgd)
    margin_survivors, margin_last = subject.each(f"pgd{steps}-margin", margin)
    white_box, mode_label = survivors & margin_survivors, f"pgd{steps} ({other_mode})"
    return AttackOutcomes(
        clean=clean,
        pgd=clean & last,
        long_pgd=clean & long_pgd,
        margin=clean & margin_last,
        white_box=white_box,
        fgsm=clean & subject.each("fgsm", fgsm),
        noise=clean & subject.each("noise", noise),
        large_epsilon=subject.each("large epsilon", large_epsilon),
        square=_square(subject, white_box),
        transfer=None if subject.surrogate is None else clean & subject.each("transfer", transfer),
        other_mode=None if other_mode is None else subject.each(mode_label, pgd_in_other_mode),
    )


def other_mode(model: Any, statistics: str) -> tuple[str | None, str]:
    """The other BatchNorm mode that a model can run in; or None, and the reason."""
    if not isinstance(model, keras.Model):
        return None, "not a Keras model: its BatchNorm mode is its own"
    if stock := stock_batchnorms(model):
        return None, (
            f"stock BatchNormalization ({stock[0]}): "
            "igam_tf.layers.exact_batchnorm converts a model"
        )
    norms = batch_norms(model)
    if not norms:
        return None, "the model has no BatchNorm"
    if statistics == "batch" and not all(norm.moving_averages for norm in norms):
        return None, "the model has no moving averages"
    return ("batch" if statistics == "moving" else "moving"), ""


def _square(subject: Subject, survivors: np.ndarray) -> np.ndarray:
    """Which of the survivors, bool [n], stay correct under Square."""
    settings = {name: value for name, value in subject.attack.items() if name != "step_size"}

    def square(batch: Batch) -> np.ndarray:
        correct = survivors[batch.indices].copy()
        if correct.any():
            # With the batch's statistics every example changes the model's outputs on the others.
            moving = subject.statistics == "moving"
            places = np.flatnonzero(correct) if moving else np.arange(len(correct))
            part = Batch(*(values[places] for values in batch))
            arguments = {**settings, "indices": part.indices, "queries": subject.queries}
            x_adv = attacks.square(subject.model, part.x, part.y, **arguments)
            correct[places] &= _correct(subject, part._replace(x=x_adv))
        return correct

    return subject.each("square", square)


def _correct(subject: Subject, batch: Batch) -> np.ndarray:
    """Whether the model classifies these images correctly, bool [B]."""
    return subject.curve(batch, 0, random_start=False, epsilon=0, step_size=0).clean

"""What is looked at: logits and gradients on the clean images, and who stays right under which
attack.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import attacks, gradients, losses
from igam_tf.evaluation.diagnostics.alignment import Alignment, terms, top_two_gap
from igam_tf.evaluation.diagnostics.subject import Subject
from igam_tf.layers import batch_norms, stock_batchnorms

# The attack in question against one of so many times its steps.
LONGER = 5

# Uniform draws in the ball, of which the best counts. Ten of them see far less than the gradients
# of ten PGD steps.
NOISE_DRAWS = 10

# "Large": half of the range, within which every image can become the same grey. Steps long enough
# to cross that ball.
LARGE_STEPS = 20


@dataclasses.dataclass(frozen=True)
class Looks:
    """Of the clean images, per example unless said otherwise.

    Attributes:
      right: bool [n].
      zero_share: share of exact zeros in the input gradient of the cross-entropy.
      finite: logits and that gradient are finite.
      gap: largest logit minus the second largest, float64.
      saturated: the cross-entropy is exactly 0.
      classes: number of logits.
      sums_to_one: all outputs look like probabilities.
      connected: there is a gradient at all.
      varies: largest change of a logit between two passes over the first batch, in that image's
        logits' l2 norm.
      flips: predictions of the first batch that differ between two passes.
      alignment: the terms of Eq. 18.
    """

    right: np.ndarray
    zero_share: np.ndarray
    finite: np.ndarray
    gap: np.ndarray
    saturated: np.ndarray
    classes: int
    sums_to_one: bool
    connected: bool
    varies: float
    flips: int
    alignment: Alignment


@dataclasses.dataclass(frozen=True)
class Standing:
    """Who is right on the clean image and under an attack, bool [n]; judged at the last step unless
    said otherwise.

    Attributes:
      clean: without an attack.
      few, many: PGD on the cross-entropy, at its steps and at `LONGER` times as many.
      margin: PGD on the margin.
      white_box: at no step of any of these three fooled.
      one_step: FGSM.
      noise: the best of `NOISE_DRAWS` uniform draws.
      large: never fooled by PGD without a random start at half the pixel range.
      black_box: Square after `white_box`: of those that it left.
      transfer: PGD on the surrogate, or None.
      other_mode: `few` in the other BatchNorm mode, and right without an attack in it [2, n], or
        None.
    """

    clean: np.ndarray
    few: np.ndarray
    many: np.ndarray
    margin: np.ndarray
    white_box: np.ndarray
    one_step: np.ndarray
    noise: np.ndarray
    large: np.ndarray
    black_box: np.ndarray
    transfer: np.ndarray | None
    other_mode: np.ndarray | None


def look(subject: Subject) -> Looks:
    """Forward and backward passes on the clean images, batch by batch, outside of any graph."""
    parts: dict[str, list[Any]] = {}
    varies, flips = 0.0, 0

    def keep(**found: Any) -> None:
        for name, value in found.items():
            parts.setdefault(name, []).append(value)

    def passed(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        nonlocal varies, flips
        images = tf.constant(x)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(images)
            logits = gradients.logits_of(subject.model, images, subject.statistics)
            loss, gap = losses.cross_entropy(y, logits), top_two_gap(logits)
            total = tf.reduce_sum(loss)
        gradient = tape.gradient(total, images)
        keep(connected=gradient is not None)
        gradient = np.zeros_like(x) if gradient is None else gradient.numpy()
        by_gap = tape.gradient(gap, images, unconnected_gradients="zero").numpy()
        values = logits.numpy().astype(np.float64)
        if indices[0] == 0:
            again = (
                gradients.logits_of(subject.model, images, subject.statistics)
                .numpy()
                .astype(np.float64)
            )
            size = np.linalg.norm(values, axis=1) + 1e-10
            varies = float(np.nan_to_num(np.abs(again - values).max(1) / size).max())
            flips = int((again.argmax(1) != values.argmax(1)).sum())
        pixels = gradient.reshape(len(x), -1)
        right = values.argmax(1) == y
        keep(
            right=right,
            zero_share=(pixels == 0).mean(1),
            finite=np.isfinite(pixels).all(1) & np.isfinite(values).all(1),
            gap=gap.numpy().astype(np.float64),
            saturated=loss.numpy() == 0,
            classes=values.shape[1],
            sums_to_one=bool(values.min() >= 0 and np.abs(values.sum(1) - 1).max() < 1e-3),
            alignment=terms(x, gap.numpy(), by_gap),
        )
        return right

    subject.each("gradients", passed)
    measured = [dataclasses.astuple(part) for part in parts["alignment"]]
    return Looks(
        **{
            name: np.concatenate(parts[name])
            for name in ("right", "zero_share", "finite", "gap", "saturated")
        },
        classes=parts["classes"][0],
        sums_to_one=all(parts["sums_to_one"]),
        connected=all(parts["connected"]),
        varies=varies,
        flips=flips,
        alignment=Alignment(*(np.concatenate(column) for column in zip(*measured, strict=True))),
    )


def stand(subject: Subject, other_mode: str | None) -> Standing:
    """Runs the attacks, each over all batches; every one starts from the same draws."""
    model, attack, steps = subject.model, subject.attack, subject.steps
    longest = LONGER * steps

    def crossentropy(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        curve = attacks.pgd_curve(
            model, x, y, record_at=(steps, longest), indices=indices, **attack
        )
        return np.stack([curve.clean, curve.any[longest], curve.last[longest], curve.last[steps]])

    def margin(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        curve = attacks.pgd_curve(
            model, x, y, record_at=(steps,), loss="margin", indices=indices, **attack
        )
        return np.stack([curve.any[steps], curve.last[steps]])

    def noise(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        # A trajectory of no steps is its random start.
        return attacks.pgd_curve(
            model, x, y, record_at=(0,), restarts=NOISE_DRAWS, indices=indices, **attack
        ).last[0]

    def one_step(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        # Without a random start, as papers do: not one step of the attack in question.
        once = {**attack, "step_size": subject.epsilon}
        return attacks.pgd_curve(model, x, y, record_at=(1,), random_start=False, **once).last[1]

    def large(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        # Without a random start: noise of half the range fools by itself, and gradients are what is
        # asked about.
        count = max(steps, LARGE_STEPS)
        half = {
            **attack,
            "epsilon": subject.bounds.range / 2,
            "step_size": subject.bounds.range / 8,
        }
        return attacks.pgd_curve(model, x, y, record_at=(count,), random_start=False, **half).any[
            count
        ]

    def other(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        switched = {**attack, "statistics": other_mode}
        curve = attacks.pgd_curve(model, x, y, record_at=(steps,), indices=indices, **switched)
        return np.stack([curve.clean, curve.clean & curve.last[steps]])

    def transfer(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        found = attacks.pgd(subject.surrogate, x, y, steps=steps, indices=indices, **attack)
        return still_right(subject, found, y)

    clean, never, many, few = subject.each(f"pgd{longest}", crossentropy)
    never_by_margin, by_margin = subject.each(f"pgd{steps}-margin", margin)
    white_box = never & never_by_margin
    return Standing(
        clean=clean,
        few=clean & few,
        many=clean & many,
        margin=clean & by_margin,
        white_box=white_box,
        one_step=clean & subject.each("fgsm", one_step),
        noise=clean & subject.each("noise", noise),
        large=subject.each("large epsilon", large),
        black_box=black_box(subject, white_box),
        transfer=None if subject.surrogate is None else clean & subject.each("transfer", transfer),
        other_mode=None
        if other_mode is None
        else subject.each(f"pgd{steps} ({other_mode})", other),
    )


def black_box(subject: Subject, left: np.ndarray) -> np.ndarray:
    """Who of those left by other attacks stays right under Square, bool [n]."""
    attack = {name: value for name, value in subject.attack.items() if name != "step_size"}

    def square(x: np.ndarray, y: np.ndarray, indices: np.ndarray) -> np.ndarray:
        standing = left[indices].copy()
        # With the batch's statistics the others are part of the model.
        chosen = np.flatnonzero(standing) if subject.statistics == "moving" else np.arange(len(y))
        if standing.any():
            x, y, indices = x[chosen], y[chosen], indices[chosen]
            found = attacks.square(
                subject.model, x, y, queries=subject.queries, indices=indices, **attack
            )
            standing[chosen] &= still_right(subject, found, y)
        return standing

    return subject.each("square", square)


def still_right(subject: Subject, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    unmoved = {**subject.attack, "epsilon": 0, "step_size": 0}
    return attacks.pgd_curve(
        subject.model, x, y, record_at=(0,), random_start=False, **unmoved
    ).clean


def other_mode(model: Any, statistics: str) -> tuple[str | None, str]:
    """The BatchNorm mode that a model could be judged in as well; or None, and why there is none."""
    if not isinstance(model, keras.Model):
        return None, "not a Keras model: its BatchNorm mode is its own"
    if stock := stock_batchnorms(model):
        return (
            None,
            f"stock BatchNormalization ({stock[0]}): igam_tf.layers.exact_batchnorm converts a model",
        )
    norms = batch_norms(model)
    if not norms:
        return None, "the model has no BatchNorm"
    if statistics == "batch" and not all(norm.moving_averages for norm in norms):
        return None, "the model has no moving averages"
    return ("batch" if statistics == "moving" else "moving"), ""

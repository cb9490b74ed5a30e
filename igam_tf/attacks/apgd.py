"""Auto-PGD (Croce and Hein 2020): PGD that sets its own step size.

This module has its settings, names, targets and restarts; `apgd_program` has the algorithm.
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from igam_tf import losses
from igam_tf.attacks import apgd_program
from igam_tf.attacks.ascent import LossFn
from igam_tf.attacks.attack import few_targets
from igam_tf.attacks.ball_attack import BallAttack
from igam_tf.attacks.balls import Ball, ball_of
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss

# The least number of classes for which a loss means something.
_CLASSES = {"xent": 2, "dlr": 3, "targeted_dlr": 2}
_SUFFIXES = {"xent": "ce", "dlr": "dlr", "targeted_dlr": "t"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class APGD(BallAttack):
    """Auto-PGD: returns each example's first misclassified iterate, or the one of highest loss.

    Images that the model misclassifies without an attack are returned unchanged.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      norm: of the ball, `"linf"` or `"l2"`, or a `Ball`.
      steps: of every run. A run takes `steps` + 1 gradients.
      loss: `"xent"`, `"dlr"` (three classes or more), `"targeted_dlr"` (four or more; one run per
        target), or any callable (labels [B], logits [B, K]) to the loss to raise, [B].
      restarts: random starts (for each target). Every run attacks the survivors of those before.
      eot_samples: passes whose mean loss and gradient count at every iterate (expectation over
        transformation, Athalye et al. 2018), for models that draw random numbers. The image is then
        the one that most of these passes misclassify.
      num_targets: targets of `"targeted_dlr"`: the clean image's likeliest classes after the first,
        or as many as there are.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"apgd(?P<steps>[1-9]\d*)?-(?P<loss>ce|dlr|t)(?P<l2>-l2)?"
        r"(?:-eot(?P<eot>[1-9]\d*))?(?:-x(?P<restarts>[1-9]\d*))?"
    )
    GRAMMAR: ClassVar[str] = "apgd[K]-ce|-dlr|-t[-l2][-eotS][-xR]"

    epsilon: Amount = "8/255"
    steps: int = 100
    loss: AttackLoss = "xent"
    restarts: int = 1
    num_targets: int = 9
    norm: str | Ball = "linf"
    eot_samples: int = 1

    def __post_init__(self) -> None:
        ball_of(self.norm)
        if not callable(self.loss) and self.loss not in _CLASSES:
            names = ", ".join(_CLASSES)
            raise InputError(f"loss: expected one of {names}, or a callable, got {self.loss!r}")
        counts = (self.steps, self.restarts, self.num_targets, self.eot_samples)
        if min(counts) < 1:
            raise InputError(
                "apgd: need steps, restarts, num_targets, eot_samples >= 1, "
                f"got {', '.join(map(str, counts))}"
            )

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "APGD":
        """The attack of a name that `PATTERN` matches."""
        loss = next(loss for loss, suffix in _SUFFIXES.items() if suffix == match["loss"])
        return cls(
            epsilon=epsilon,
            steps=int(match["steps"] or 100),
            loss=loss,
            norm="l2" if match["l2"] else "linf",
            restarts=int(match["restarts"] or 1),
            eot_samples=int(match["eot"] or 1),
        )

    @property
    def default_name(self) -> str:
        steps = "" if self.steps == 100 else str(self.steps)
        loss = losses.loss_name(self.loss)
        samples = f"-eot{self.eot_samples}" if self.eot_samples > 1 else ""
        restarts = f"-x{self.restarts}" if self.restarts > 1 else ""
        return f"apgd{steps}-{_SUFFIXES.get(loss, loss)}{self.ball_suffix}{samples}{restarts}"

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        radius = self.radius(bounds, image_shape)
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        samples = f", mean of {self.eot_samples} draws" if self.eot_samples > 1 else ""
        # A model of fewer classes has fewer targets.
        targeted = self.loss == "targeted_dlr"
        targets = f" towards up to {self.num_targets} classes" if targeted else ""
        return (
            f"{self.ball.name}, eps {bounds.describe(radius)}, {self.steps} steps, "
            f"random start{restarts}, loss {losses.loss_name(self.loss)}{targets}{samples}"
        )

    def class_doubts(self, num_classes: int) -> list[str]:
        self._require_classes(num_classes)
        if self.loss != "targeted_dlr":
            return []
        return few_targets(self.name, self.num_targets, num_classes)

    @property
    def averages_draws(self) -> bool:
        return self.eot_samples > 1

    def cost(self, num_classes: int) -> tuple[int, int]:
        targets = min(self.num_targets, num_classes - 1) if self.loss == "targeted_dlr" else 1
        return self.steps * self.restarts * targets * self.eot_samples, 0

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        logits, limits = inputs.logits(), inputs.bounds
        self._require_classes(logits.shape[1])
        radius = self.radius(limits, inputs.image_shape)
        parts = (self._loss_fn, self.ball, self.eot_samples)
        build = functools.partial(apgd_program.build, *parts)
        run = inputs.compiled(("apgd", *parts), build)
        num_targets = self.num_targets if self.loss == "targeted_dlr" else 1
        ranked = np.argsort(-logits, 1, kind="stable")[:, 1 : num_targets + 1]
        x_adv, highest = inputs.images.copy(), np.full(len(inputs), -np.inf, np.float32)
        survivors = logits.argmax(1) == inputs.labels
        wrong = np.zeros_like(highest)  # shares of draws that misclassify x_adv
        runs = list(itertools.product(range(self.restarts), ranked.T))
        for number, (_, targets) in enumerate(runs):
            if not survivors.any():
                break
            places = inputs.places_to_attack(survivors)
            arrays = (inputs.images, inputs.labels, targets, inputs.indices, survivors)
            images, share, loss = run(
                *(tf.constant(values[places]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, number)),
                *(tf.constant(value, tf.float32) for value in (radius, limits.low, limits.high)),
                tf.constant(apgd_program.spans(self.steps)),
            )
            share, loss = share.numpy(), loss.numpy()
            equal = (share == wrong[places]) & (loss > highest[places])
            better = survivors[places] & ((share > wrong[places]) | equal)
            x_adv[places[better]] = images.numpy()[better]
            highest[places[better]], wrong[places[better]] = loss[better], share[better]
            survivors[places] &= share < 1
            inputs.on_share((number + 1) / len(runs))
        return x_adv

    @property
    def _loss_fn(self) -> apgd_program.TargetedLossFn:
        if self.loss == "targeted_dlr":
            return losses.targeted_dlr
        return _untargeted(losses.attack_loss(self.loss))

    def _require_classes(self, classes: int) -> None:
        least = _CLASSES.get(losses.loss_name(self.loss), 2)
        if classes < least:
            raise InputError(
                f"loss: {self.loss} needs {least} classes or more, the model has {classes}"
            )


@functools.cache
def _untargeted(loss_fn: LossFn) -> apgd_program.TargetedLossFn:
    """A loss that ignores the target. It is cached, so that an equal loss is the same program."""
    return lambda labels, targets, logits: loss_fn(labels, logits)

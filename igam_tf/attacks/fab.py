"""FAB-T (Croce and Hein 2020): the smallest perturbation that crosses the decision boundary.

This module has its settings, names, targets and restarts; `fab_program` has the algorithm.
"""

import dataclasses
import functools
import itertools
import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from igam_tf.attacks import fab_program
from igam_tf.attacks.attack import few_targets
from igam_tf.attacks.ball_attack import BallAttack
from igam_tf.attacks.balls import Ball
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.projections import NORMS
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class FAB(BallAttack):
    """Targeted FAB: returns each example's closest misclassified iterate if it is within epsilon.

    A run goes to and fro across the boundary between the label and one target class, and looks for
    a short perturbation rather than a high loss. Epsilon decides whether an example counts as
    fooled, and how far a random start is from x. Examples that are not fooled within epsilon, or
    that the model misclassifies without an attack, are returned unchanged.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      steps: of every run. A step takes one gradient and one forward pass.
      num_targets: target classes, with one run each: the clean image's likeliest classes after the
        first, or as many as there are.
      restarts: runs for each target. The first starts at x, the others at random within epsilon.
        Every run attacks the survivors of those before.
      norm: of the ball, `"linf"` or `"l2"`.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"fab(?P<steps>[1-9]\d*)?(?P<l2>-l2)?(?:-x(?P<restarts>[1-9]\d*))?"
    )
    GRAMMAR: ClassVar[str] = "fab[K][-l2][-xR]"

    epsilon: Amount = "8/255"
    steps: int = 100
    num_targets: int = 9
    restarts: int = 1
    norm: str | Ball = "linf"

    def __post_init__(self) -> None:
        if self.ball not in NORMS:
            raise InputError(
                f"norm: fab needs {' or '.join(ball.name for ball in NORMS)}, got {self.ball!r}"
            )
        if min(self.steps, self.restarts, self.num_targets) < 1:
            raise InputError(
                "fab: need steps, restarts, num_targets >= 1, "
                f"got {self.steps}, {self.restarts}, {self.num_targets}"
            )

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "FAB":
        """The attack of a name that `PATTERN` matches."""
        return cls(
            epsilon=epsilon,
            steps=int(match["steps"] or 100),
            restarts=int(match["restarts"] or 1),
            norm="l2" if match["l2"] else "linf",
        )

    @property
    def default_name(self) -> str:
        steps = "" if self.steps == 100 else str(self.steps)
        restarts = f"-x{self.restarts}" if self.restarts > 1 else ""
        return f"fab{steps}{self.ball_suffix}{restarts}"

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        radius = self.radius(bounds, image_shape)
        restarts = f", then {self.restarts - 1} with one" if self.restarts > 1 else ""
        # A model of fewer classes has fewer targets.
        return (
            f"{self.ball.name}, eps {bounds.describe(radius)}, {self.steps} steps, "
            f"no random start{restarts}, "
            f"smallest perturbation towards up to {self.num_targets} classes"
        )

    def class_doubts(self, num_classes: int) -> list[str]:
        return few_targets(self.name, self.num_targets, num_classes)

    def cost(self, num_classes: int) -> tuple[int, int]:
        steps = self.steps * self.restarts * min(self.num_targets, num_classes - 1)
        return steps, steps

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        logits, limits = inputs.logits(), inputs.bounds
        if logits.shape[1] < 2:
            raise InputError(f"fab: needs 2 classes or more, the model has {logits.shape[1]}")
        radius = self.radius(limits, inputs.image_shape)
        build = functools.partial(fab_program.build, self.ball)
        run = inputs.compiled(("fab", self.ball), build)
        ranked = np.argsort(-logits, 1, kind="stable")[:, 1 : self.num_targets + 1]
        x_adv, survivors = inputs.images.copy(), logits.argmax(1) == inputs.labels
        runs = list(itertools.product(range(self.restarts), ranked.T))
        for number, (restart, targets) in enumerate(runs):
            if not survivors.any():
                break
            places = inputs.places_to_attack(survivors)
            arrays = (inputs.images, inputs.labels, targets, inputs.indices)
            start_radius = radius / 2 if restart else 0.0  # as in AutoAttack
            amounts = (start_radius, limits.low, limits.high)
            images, distance = run(
                *(tf.constant(values[places]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, number)),
                *(tf.constant(value, tf.float32) for value in amounts),
                tf.constant(self.steps),
            )
            fooled = survivors[places] & (distance.numpy() <= radius)
            x_adv[places[fooled]] = images.numpy()[fooled]
            survivors[places[fooled]] = False
            inputs.on_share((number + 1) / len(runs))
        return x_adv

"""PGD as an object: settings, names, restarts, readings; `pgd_program` has its trajectory."""

import dataclasses
import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from igam_tf import losses
from igam_tf.attacks.ascent import SteepestStep, StepRule
from igam_tf.attacks.attack import Attack, AttackResult
from igam_tf.attacks.ball_attack import BallAttack
from igam_tf.attacks.balls import LINF, Ball, ball_of
from igam_tf.attacks.curve import Curve
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.pgd_program import PGDProgram
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss

_STEEPEST = SteepestStep()


@dataclasses.dataclass(frozen=True, kw_only=True)
class PGD(BallAttack):
    """Projected gradient descent (Madry et al. 2018).

    x <- project(x + step). The step goes along the gradient of the summed loss: its sign in the
    l-infinity ball, the gradient over its norm in the l2 ball. `run(targets=...)` makes it
    targeted.

    Attributes:
      epsilon, step_size: in the model's pixel unit, or a fraction of its range such as "8/255".
      steps: gradients per restart.
      loss: `"xent"`, `"margin"` (Carlini-Wagner, MadryLab's "cw" without its cap), `"dlr"`, or any
        callable (labels [B], logits [B, K]) to the loss to raise, [B].
      norm: of the ball, `"linf"` or `"l2"`, or a `Ball`.
      random_start: begin uniformly in the ball (clipped to the range) instead of at x.
      restarts: trajectories per example, which differ by their random start alone. A restart
        skips the examples on which it can change no reading.
      step_rule: how an iterate moves.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"pgd(?P<steps>[1-9]\d*)(?P<loss>-margin|-dlr)?(?P<l2>-l2)?(?:-x(?P<restarts>[1-9]\d*))?"
    )
    GRAMMAR: ClassVar[str] = "pgdK[-margin|-dlr][-l2][-xR] (K steps, R restarts)"

    epsilon: Amount = "8/255"
    step_size: Amount = "2/255"
    steps: int = 20
    loss: AttackLoss = "xent"
    norm: str | Ball = "linf"
    random_start: bool = True
    restarts: int = 1
    step_rule: StepRule = _STEEPEST

    def __post_init__(self) -> None:
        losses.attack_loss(self.loss)
        ball_of(self.norm)
        if self.steps < 0 or self.restarts < 1:
            raise InputError(
                f"pgd: expected steps >= 0 and restarts >= 1, got {self.steps} and {self.restarts}"
            )

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "PGD":
        """The attack of a name that `PATTERN` matches."""
        return cls(
            epsilon=epsilon,
            step_size=step_size,
            steps=int(match["steps"]),
            loss=(match["loss"] or "-xent")[1:],
            norm="l2" if match["l2"] else "linf",
            restarts=int(match["restarts"] or 1),
        )

    @property
    def default_name(self) -> str:
        return "-".join([f"pgd{self.steps}", *self._suffixes()])

    @property
    def trajectory(self) -> Hashable:
        return dataclasses.replace(self, steps=0, label=None)

    def amounts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> tuple[float, float]:
        """Radius and step size in the pixels' unit.

        Raises:
          InputError: an amount that makes no sense in this norm for such images.
        """
        radius = self.radius(bounds, image_shape)
        return radius, self.ball.radius(self.step_size, bounds, image_shape, "step_size")

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        radius, step_size = self.amounts(bounds, image_shape)
        start = "random start" if self.random_start else "no random start"
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        rule = "" if self.step_rule == _STEEPEST else f", {self.step_rule.describe()}"
        return (
            f"{self.ball.name}, eps {bounds.describe(radius)}, "
            f"{self.steps} steps of {step_size:g}, {start}{restarts}, "
            f"loss {losses.loss_name(self.loss)}, right at the last step{rule}"
        )

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        radius, step = self.amounts(bounds, image_shape)
        doubts = []
        if step > radius:
            doubts.append(f"{self.name}: its step {step:g} is larger than its radius {radius:g}")
        if self.steps * step < radius * (1 - 1e-9):
            doubts.append(
                f"{self.name}: {self.steps} steps of {step:g} do not reach its radius {radius:g}"
            )
        return doubts

    @property
    def takes_targets(self) -> bool:
        return True

    def cost(self, num_classes: int) -> tuple[int, int]:
        return self.steps * self.restarts, 0

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        _, step_size = self.amounts(bounds, image_shape)
        return {
            **super().settings(bounds, image_shape),
            "step_size": step_size,
            "ball": repr(self.ball),
            "step_rule": repr(self.step_rule),
        }

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        # Without restarts it costs its gradients alone: nothing depends on which are correct.
        return self.curve(inputs, (self.steps,), readings=self.restarts > 1).x_adv

    def run_group(self, attacks: Sequence[Attack], inputs: AttackInputs) -> list[AttackResult]:
        steps = [attack.steps for attack in attacks if isinstance(attack, PGD)]
        curve = self.curve(inputs, steps)
        inputs.require_images(self.name, curve.x_adv)
        return [AttackResult(curve.x_adv, curve.last[k], curve.never_fooled[k]) for k in steps]

    def curve(self, inputs: AttackInputs, record_at: Iterable[int], readings: bool = True) -> Curve:
        """One batch's trajectory per restart, read at each k of `record_at`.

        Args:
          readings: False leaves `last` and `never_fooled` without meaning, and spares their passes.

        Raises:
          InputError: `record_at` is empty or reaches beyond `steps`.
        """
        record_steps = sorted({int(k) for k in record_at})
        if not record_steps or record_steps[0] < 0 or record_steps[-1] > self.steps:
            raise InputError(
                f"pgd: expected 0 <= record_at <= steps, got {record_steps} and {self.steps}"
            )
        program = PGDProgram(
            losses.attack_loss(self.loss),
            self.ball,
            self.step_rule,
            self.random_start,
            inputs.targets is not None,
            readings,
        )
        run, amounts = inputs.compiled(program, program.build), self._tensors(inputs)
        targets = inputs.labels if inputs.targets is None else inputs.targets
        x_adv = inputs.images.copy()
        last = np.ones((self.steps + 1, len(inputs)), bool)
        never_fooled, clean = last.copy(), np.ones(len(inputs), bool)
        for restart in range(self.restarts):
            # Where nothing is correct any more at the least k, no restart changes a reading.
            open_readings = last[record_steps].any(0) | never_fooled[record_steps[0]]
            places = inputs.places_to_attack(open_readings)
            if not len(places):
                break
            arrays = (inputs.images, inputs.labels, targets, inputs.indices)
            images, correct_clean, correct = run(
                *(tf.constant(values[places]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, restart)),
                *amounts,
            )
            correct_clean, correct = correct_clean.numpy(), correct.numpy()
            survivors = last[self.steps, places]  # of the restarts before
            x_adv[places[survivors]] = images.numpy()[survivors]
            clean[places] &= correct_clean
            last[:, places] &= correct
            never_fooled[:, places] &= np.logical_and.accumulate(correct, 0) & correct_clean
            inputs.on_share((restart + 1) / self.restarts)
        return Curve(
            {k: last[k] for k in record_steps},
            {k: never_fooled[k] for k in record_steps},
            clean,
            x_adv,
        )

    def _suffixes(self) -> list[str]:
        return [
            *([losses.loss_name(self.loss)] if self.loss != "xent" else []),
            *([self.ball.name] if self.ball != LINF else []),
            *([] if self.random_start else ["nostart"]),
            *([] if self.step_rule == _STEEPEST else [type(self.step_rule).__name__]),
            *([f"x{self.restarts}"] if self.restarts > 1 else []),
        ]

    def _tensors(self, inputs: AttackInputs) -> list[tf.Tensor]:
        """Radius, step size, steps, low and high: tensors, so that no value retraces."""
        limits = inputs.bounds
        self.step_rule.require(limits, self.random_start)
        radius, step_size = self.amounts(limits, inputs.image_shape)
        return [
            *(tf.constant(amount, tf.float32) for amount in (radius, step_size)),
            tf.constant(self.steps),
            *(tf.constant(limit, tf.float32) for limit in (limits.low, limits.high)),
        ]

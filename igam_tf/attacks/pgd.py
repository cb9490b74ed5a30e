"""FGSM, PGD and PGD curves: one trajectory, compiled once per model, read at many steps."""

import dataclasses
import functools
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.attacks.ascent import SteepestStep, StepRule, Uint8FirstStep
from igam_tf.attacks.attack import Attack, AttackResult
from igam_tf.attacks.balls import LINF, Ball, ball_of
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss

_LOSS = r"(?P<loss>-margin|-dlr)?"
_STEEPEST = SteepestStep()


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """What one attack says at several numbers of steps.

    Attributes:
      last: k to bool [B]: still right at x_k in every restart (what papers print).
      never_fooled: k to bool [B]: right on the clean image and at every x_0 .. x_k of every
        restart: the honest lower figure.
      clean: bool [B].
      x_adv: float32, like x: per example the final iterate of the first restart that fools the
        model there, or of the last.
    """

    last: dict[int, np.ndarray]
    never_fooled: dict[int, np.ndarray]
    clean: np.ndarray
    x_adv: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Curve"]) -> "Curve":
        """The curves of consecutive batches as one."""

        def by_step(readings: str) -> dict[int, np.ndarray]:
            return {
                k: np.concatenate([getattr(part, readings)[k] for part in parts])
                for k in parts[0].last
            }

        return cls(
            by_step("last"),
            by_step("never_fooled"),
            np.concatenate([part.clean for part in parts]),
            np.concatenate([part.x_adv for part in parts]),
        )

    @property
    def any(self) -> dict[int, np.ndarray]:
        """The same as `never_fooled`, by its earlier name."""
        return self.never_fooled


@dataclasses.dataclass(frozen=True, kw_only=True)
class PGD(Attack):
    """Projected gradient descent (Madry et al. 2018).

    x <- project(x + step), the step by `step_rule` along the gradient of the summed loss: its sign
    in the l-infinity ball, the gradient over its norm in the l2 ball.

    Attributes:
      epsilon, step_size: in the model's pixel unit, or a fraction of its range such as "8/255".
      steps: gradients per restart.
      loss: `"xent"`, `"margin"` (Carlini-Wagner, MadryLab's "cw" without its cap), `"dlr"`, or any
        callable (labels [B], logits [B, K]) to the loss to raise, [B].
      norm: of the ball, `"linf"` or `"l2"`, or a `Ball`.
      random_start: begin uniformly in the ball (clipped to the range) instead of at x.
      restarts: trajectories per example, each for the examples that the ones before left something
        to find out on. They differ by their random start alone.
      step_rule: how an iterate moves.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        rf"pgd(?P<steps>[1-9]\d*){_LOSS}(?P<l2>-l2)?(?:-x(?P<restarts>[1-9]\d*))?"
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
    def ball(self) -> Ball:
        return ball_of(self.norm)

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
        radius = functools.partial(self.ball.radius, bounds=bounds, image_shape=image_shape)
        return radius(self.epsilon), radius(self.step_size, name="step_size")

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        radius, step_size = self.amounts(bounds, image_shape)
        start = "random start" if self.random_start else "no random start"
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        rule = "" if self.step_rule == _STEEPEST else f", {self.step_rule.describe()}"
        return (
            f"{self.ball.name}, eps {bounds.describe(radius)}, {self.steps} steps of {step_size:g}, "
            f"{start}{restarts}, loss {losses.loss_name(self.loss)}, right at the last step{rule}"
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

    def cost(self, num_classes: int) -> tuple[int, int]:
        return self.steps * self.restarts, 0

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        radius, step_size = self.amounts(bounds, image_shape)
        return {
            **super().settings(bounds, image_shape),
            "epsilon": radius,
            "step_size": step_size,
            "epsilon_shown": bounds.describe(radius),
            "norm": self.ball.name,
            "ball": repr(self.ball),
            "step_rule": repr(self.step_rule),
        }

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        # Without restarts it costs its gradients alone: classes, before and after, are not looked
        # at.
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
        """
        record_steps = sorted({int(k) for k in record_at})
        if not record_steps or record_steps[0] < 0 or record_steps[-1] > self.steps:
            raise InputError(
                f"pgd: expected 0 <= record_at <= steps, got {record_steps} and {self.steps}"
            )
        run, amounts = self._program(inputs, readings), self._tensors(inputs)
        aims = inputs.labels if inputs.targets is None else inputs.targets
        x_adv = inputs.images.copy()
        correct = np.ones((self.steps + 1, len(inputs)), bool)
        never_fooled, clean = correct.copy(), np.ones(len(inputs), bool)
        for restart in range(self.restarts):
            # Where nothing is right any more at the least k, no further restart changes a reading.
            chosen = inputs.survivors(correct[record_steps].any(0) | never_fooled[record_steps[0]])
            if not len(chosen):
                break
            arrays = (inputs.images, inputs.labels, aims, inputs.indices)
            images, unattacked, right = run(
                *(tf.constant(values[chosen]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, restart)),
                *amounts,
            )
            unattacked, right = unattacked.numpy(), right.numpy()
            unfooled = correct[self.steps, chosen]  # at the end, by the restarts before
            x_adv[chosen[unfooled]] = images.numpy()[unfooled]
            clean[chosen] &= unattacked
            correct[:, chosen] &= right
            never_fooled[:, chosen] &= np.logical_and.accumulate(right, 0) & unattacked
        return Curve(
            {k: correct[k] for k in record_steps},
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

    def _program(self, inputs: AttackInputs, readings: bool) -> Callable[..., Any]:
        program = _Program(
            losses.attack_loss(self.loss),
            self.ball,
            self.step_rule,
            self.random_start,
            inputs.targets is not None,
            readings,
        )
        return inputs.compiled(program, program.build)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FGSM(PGD):
    """One step of epsilon along the gradient's sign, without a random start (Goodfellow et al.
    2015).

    Attributes:
      uint8_first_step: repeats a slip of the release (`igam_tf.attacks.Uint8FirstStep`).
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(rf"fgsm{_LOSS}(?P<uint8>-uint8)?")
    GRAMMAR: ClassVar[str] = "fgsm[-margin|-dlr][-uint8]"

    uint8_first_step: bool = False
    step_size: Amount = dataclasses.field(init=False, default=0)
    steps: int = dataclasses.field(init=False, default=1)
    random_start: bool = dataclasses.field(init=False, default=False)
    restarts: int = dataclasses.field(init=False, default=1)
    step_rule: StepRule = dataclasses.field(init=False, default=_STEEPEST)

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", self.epsilon)
        if self.uint8_first_step:
            object.__setattr__(self, "step_rule", Uint8FirstStep())
        super().__post_init__()

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "FGSM":
        loss = (match["loss"] or "-xent")[1:]
        return cls(epsilon=epsilon, loss=loss, uint8_first_step=bool(match["uint8"]))

    @property
    def default_name(self) -> str:
        loss = [losses.loss_name(self.loss)] if self.loss != "xent" else []
        ball = [self.ball.name] if self.ball != LINF else []
        return "-".join(["fgsm", *loss, *ball, *(["uint8"] if self.uint8_first_step else [])])

    @property
    def trajectory(self) -> Hashable:
        return dataclasses.replace(self, label=None)


@dataclasses.dataclass(frozen=True)
class _Program:
    """What is compiled into a trajectory; all else are tensors."""

    loss_fn: ascent.LossFn
    ball: Ball
    step_rule: StepRule
    random_start: bool
    targeted: bool
    readings: bool

    def build(
        self, image_shape: tuple[int, ...], statistics: str, reference: Callable[[], Any]
    ) -> Callable[..., Any]:
        """A concrete function: any batch size, any amounts, never a second trace."""

        def run(
            x: tf.Tensor,
            y: tf.Tensor,
            aims: tf.Tensor,
            indices: tf.Tensor,
            seed: tf.Tensor,
            epsilon: tf.Tensor,
            step_size: tf.Tensor,
            steps: tf.Tensor,
            low: tf.Tensor,
            high: tf.Tensor,
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            def logits_fn(images: tf.Tensor) -> tf.Tensor:
                return gradients.logits_of(reference(), images, statistics)

            def loss_fn(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
                return (
                    -self.loss_fn(aims, logits) if self.targeted else self.loss_fn(labels, logits)
                )

            start = x
            if self.random_start:
                start = x + epsilon * self.ball.noise(x, seed, indices)
            amounts = {"epsilon": epsilon, "step_size": step_size, "steps": steps}
            parts = {"low": low, "high": high, "ball": self.ball, "step_rule": self.step_rule}
            last, correct = ascent.ascend(logits_fn, loss_fn, x, y, start, **amounts, **parts)
            if not self.readings:
                unread = tf.zeros([steps + 1, tf.size(y)], tf.bool)
                return last, unread[0], unread
            right = correct.write(steps, ascent.is_correct(y, logits_fn(last))).stack()
            clean = ascent.is_correct(y, logits_fn(x)) if self.random_start else right[0]
            return last, clean, right

        batch = tf.TensorSpec((None, *image_shape), tf.float32)
        real, whole = tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.int32)
        labels, numbers = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int32)
        return tf.function(run, autograph=False).get_concrete_function(
            batch, labels, labels, numbers, whole, real, real, whole, real, real
        )

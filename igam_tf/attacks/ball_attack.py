"""What attacks in a norm's ball share: the ball, its radius, and both in records."""

from collections.abc import Sequence
from typing import Any

from igam_tf.attacks.attack import Attack
from igam_tf.attacks.balls import LINF, Ball, ball_of
from igam_tf.core.bounds import Amount, Bounds


class BallAttack(Attack):
    """An attack in a ball around each image. Its subclasses declare these two settings.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      norm: of the ball, `"linf"` or `"l2"`, or a `Ball`.
    """

    epsilon: Amount
    norm: str | Ball

    @property
    def ball(self) -> Ball:
        return ball_of(self.norm)

    @property
    def ball_suffix(self) -> str:
        """The ball's part of the attack's name; the paper's ball has none."""
        return "" if self.ball == LINF else f"-{self.ball.name}"

    def radius(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> float:
        """Epsilon in the pixels' unit.

        Raises:
          InputError: not an amount, or larger than makes sense in this norm for such images.
        """
        return self.ball.radius(self.epsilon, bounds, image_shape)

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        radius = self.radius(bounds, image_shape)
        return {
            **super().settings(bounds, image_shape),
            "epsilon": radius,
            "epsilon_shown": bounds.describe(radius),
            "norm": self.ball.name,
        }

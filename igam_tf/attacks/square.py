"""Square Attack (Andriushchenko et al. 2020): a search without gradients.

This module has its settings and names; `square_program` has the search, `square_moves` its
candidates in each norm.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from igam_tf import losses
from igam_tf.attacks import square_program
from igam_tf.attacks.ball_attack import BallAttack
from igam_tf.attacks.balls import Ball
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.square_moves import moves_of
from igam_tf.attacks.square_program import BLOCK
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss


@dataclasses.dataclass(frozen=True, kw_only=True)
class Square(BallAttack):
    """Random search: returns each example's first misclassified image, or that of largest loss.

    In the l-infinity ball the first query adds epsilon or -epsilon to each column and channel.
    Every further query sets a random square of the best image to x plus or minus epsilon, by
    channel. In the l2 ball the perturbation always has the length epsilon (before pixels are
    clipped to the range); a query moves it from one window to another, where it adds a pattern of a
    bright and a dark half. A query's image is the next best one if the loss grows. Squares shrink
    on the paper's schedule, stretched to `queries`. Images that the model misclassifies without an
    attack are returned unchanged. The model is never differentiated.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      norm: of the ball, `"linf"` or `"l2"`.
      queries: the most forward passes on perturbed images, per example.
      p_init: the first squares' share of the image, in (0, 1].
      loss: as in `PGD`; the paper's is the margin.

    The candidate of example i at query q depends on (seed, q, `indices[i]`) alone.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(r"square(?P<queries>[1-9]\d*)?(?P<l2>-l2)?")
    GRAMMAR: ClassVar[str] = "squareQ[-l2] (Q queries)"

    epsilon: Amount = "8/255"
    queries: int = 5000
    p_init: float = 0.8
    loss: AttackLoss = "margin"
    norm: str | Ball = "linf"

    def __post_init__(self) -> None:
        moves_of(self.ball)
        losses.attack_loss(self.loss)
        if self.queries < 1 or not 0 < self.p_init <= 1:
            raise InputError(
                "square: need queries >= 1 and p_init in (0, 1], "
                f"got {self.queries} and {self.p_init}"
            )

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "Square":
        """The attack of a name that `PATTERN` matches."""
        norm = "l2" if match["l2"] else "linf"
        return cls(epsilon=epsilon, queries=int(match["queries"] or 5000), norm=norm)

    @property
    def default_name(self) -> str:
        queries = "" if self.queries == 5000 else str(self.queries)
        return f"square{queries}{self.ball_suffix}"

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        epsilon = bounds.describe(self.radius(bounds, image_shape))
        loss = "" if self.loss == "margin" else f", loss {losses.loss_name(self.loss)}"
        return f"{self.ball.name}, eps {epsilon}, {self.queries} queries, black box{loss}"

    def cost(self, num_classes: int) -> tuple[int, int]:
        return 0, self.queries

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        limits, moves = inputs.bounds, moves_of(self.ball)
        radius = self.radius(limits, inputs.image_shape)
        loss_fn = losses.attack_loss(self.loss)
        build = functools.partial(square_program.build, loss_fn, moves)
        run = inputs.compiled(("square", loss_fn, self.ball), build)
        best, highest = inputs.images.copy(), np.full(len(inputs), -np.inf, np.float32)
        survivors = np.ones(len(inputs), bool)

        def query(block: int, sides: np.ndarray, begins: bool = False) -> None:
            places = inputs.places_to_attack(survivors)
            arrays = (inputs.images, inputs.labels, inputs.indices, best, highest, survivors)
            outcome = run(
                *(tf.constant(values[places]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, block)),
                tf.constant(begins),
                tf.constant(sides),
                *(tf.constant(value, tf.float32) for value in (radius, limits.low, limits.high)),
            )
            best[places], highest[places], survivors[places] = (part.numpy() for part in outcome)

        query(0, np.zeros(1, np.int32))  # the clean images
        highest[:] = -np.inf
        sides = moves.sides(self.queries, self.p_init, inputs.image_shape[:2])
        for block, first in enumerate(range(0, self.queries, BLOCK)):
            if not survivors.any():
                break
            query(block, sides[first : first + BLOCK], begins=block == 0)
            inputs.on_share(min(first + BLOCK, self.queries) / self.queries)
        return best

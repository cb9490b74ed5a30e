"""Square Attack (Andriushchenko et al. 2020) in the l-infinity ball: random search without
gradients.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.attacks.attack import Attack
from igam_tf.attacks.balls import LINF
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError
from igam_tf.losses import AttackLoss

BLOCK = 100  # queries drawn at once, after which the fooled examples leave the batch

# The squares' share of the image halves after each of these queries, for 10,000 in all.
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Random search: of every example the first misclassified image, or else that of largest loss.

    The first query adds epsilon or -epsilon to each column and channel. Every other sets a random
    square of the best image so far to x plus or minus epsilon, by channel, and keeps it if the loss
    grows. Squares shrink on the paper's schedule, stretched to `queries`. Images that are
    misclassified from the start are returned as they are. The model is never differentiated.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      queries: forward passes on perturbed images, at most, per example.
      p_init: the first squares' share of the image, in (0, 1].
      loss: as `PGD`'s; the paper's is the margin.

    What example i tries at query q depends on (seed, q, `indices[i]`) alone.

    Raises:
      InputError: a setting out of its range.
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(r"square(?P<queries>[1-9]\d*)?")
    GRAMMAR: ClassVar[str] = "squareQ (Q queries)"

    epsilon: Amount = "8/255"
    queries: int = 5000
    p_init: float = 0.8
    loss: AttackLoss = "margin"

    def __post_init__(self) -> None:
        losses.attack_loss(self.loss)
        if self.queries < 1 or not 0 < self.p_init <= 1:
            raise InputError(
                f"square: need queries >= 1 and p_init in (0, 1], got {self.queries} and {self.p_init}"
            )

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "Square":
        """The attack of a name that `PATTERN` matches."""
        return cls(epsilon=epsilon, queries=int(match["queries"] or 5000))

    @property
    def default_name(self) -> str:
        return "square" if self.queries == 5000 else f"square{self.queries}"

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        epsilon = bounds.describe(bounds.amount(self.epsilon))
        loss = "" if self.loss == "margin" else f", loss {losses.loss_name(self.loss)}"
        return f"linf, eps {epsilon}, {self.queries} queries, black box{loss}"

    def cost(self, num_classes: int) -> tuple[int, int]:
        return 0, self.queries

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        radius = bounds.amount(self.epsilon)
        amounts = {"epsilon": radius, "epsilon_shown": bounds.describe(radius), "norm": "linf"}
        return {**super().settings(bounds, image_shape), **amounts}

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        limits, radius = inputs.bounds, inputs.bounds.amount(self.epsilon)
        loss_fn = losses.attack_loss(self.loss)
        run = inputs.compiled(("square", loss_fn), functools.partial(_compile, loss_fn))
        best, highest = inputs.images.copy(), np.full(len(inputs), -np.inf, np.float32)
        open_ = np.ones(len(inputs), bool)

        def query(block: int, sides: np.ndarray, stripes: bool = False) -> None:
            chosen = inputs.survivors(open_)
            arrays = (inputs.images, inputs.labels, inputs.indices, best, highest, open_)
            outcome = run(
                *(tf.constant(values[chosen]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, block)),
                tf.constant(stripes),
                tf.constant(sides),
                *(tf.constant(value, tf.float32) for value in (radius, limits.low, limits.high)),
            )
            best[chosen], highest[chosen], open_[chosen] = (values.numpy() for values in outcome)

        query(0, np.zeros(1, np.int32))  # the clean images
        highest[:] = -np.inf
        sides = _sides(self.queries, self.p_init, inputs.image_shape[:2])
        for block, first in enumerate(range(0, self.queries, BLOCK)):
            if not open_.any():
                break
            query(block, sides[first : first + BLOCK], stripes=block == 0)
        return best


def _sides(queries: int, p_init: float, size: tuple[int, ...]) -> np.ndarray:
    """The squares' sides by query, int32 [queries]; 0 for the first query, which has none."""
    at = np.arange(queries - 1) * 10_000 // queries
    share = p_init / 2.0 ** np.searchsorted(HALVINGS, at)
    return np.r_[0, np.clip(np.rint(np.sqrt(share * size[0] * size[1])), 1, min(size))].astype(
        np.int32
    )


def _compile(
    loss_fn: ascent.LossFn,
    shape: tuple[int, ...],
    statistics: str,
    reference: Callable[[], Any],
) -> Callable[..., Any]:
    """Up to one block of queries as a concrete function: the best images, their margins, whether
    still right.
    """
    height, width, channels = shape

    def run(
        x: tf.Tensor,
        y: tf.Tensor,
        indices: tf.Tensor,
        best: tf.Tensor,
        highest: tf.Tensor,
        open_: tf.Tensor,
        seed: tf.Tensor,
        stripes: tf.Tensor,
        sides: tf.Tensor,
        epsilon: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        project = LINF.projection(x, epsilon, low, high)

        def uniform(purpose: str, *shape: int) -> tf.Tensor:
            def draw(key: tf.Tensor) -> tf.Tensor:
                return tf.random.stateless_uniform(shape, key, -1.0, 1.0)

            like = tf.zeros([tf.size(indices), *shape])
            return randomness.by_example(draw, seed, purpose, indices, like)

        def shaped(images: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(
                images, (None, *shape)
            )  # which broadcasting over one channel forgets

        def query(
            index: tf.Tensor, best: tf.Tensor, highest: tf.Tensor, open_: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
            inside = _squares(draws[:, index, :2], sides[index], height, width)
            signs = tf.where(draws[:, index, 2:] < 0, -1.0, 1.0)[:, None, None, :]
            candidate = shaped(tf.where(inside, project(x + epsilon * signs), best))
            logits = gradients.logits_of(reference(), candidate, statistics)
            logits = tf.cast(logits, tf.float32)
            loss = ascent.per_example(loss_fn(y, logits))
            right = ascent.is_correct(y, logits)
            better = open_ & (~right | (loss > highest))
            best = shaped(tf.where(better[:, None, None, None], candidate, best))
            return index + 1, best, tf.where(better, loss, highest), open_ & right

        draws = uniform("square", BLOCK, 2 + channels)
        columns = tf.where(uniform("stripes", 1, width, channels) < 0, -1.0, 1.0)
        best = shaped(
            tf.where((stripes & open_)[:, None, None, None], project(x + epsilon * columns), best)
        )
        _, best, highest, open_ = tf.while_loop(
            lambda index, best, highest, open_: (index < tf.size(sides)) & tf.reduce_any(open_),
            query,
            (tf.constant(0), best, highest, open_),
            parallel_iterations=1,
            maximum_iterations=tf.size(sides),
        )
        return best, highest, open_

    images, real = tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec([], tf.float32)
    numbers, whole = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
    return tf.function(run, autograph=False).get_concrete_function(
        images,
        tf.TensorSpec([None], tf.int64),
        numbers,
        images,
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([None], tf.bool),
        whole,
        tf.TensorSpec([], tf.bool),
        numbers,
        real,
        real,
        real,
    )


def _squares(draws: tf.Tensor, side: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Which pixels lie in a square of that side at a random place: bool [B, H, W, 1] from uniform
    draws [B, 2] in [-1, 1).
    """

    def covered(draw: tf.Tensor, size: int) -> tf.Tensor:
        first = tf.floor((draw + 1) / 2 * tf.cast(size - side + 1, tf.float32))[:, None]
        place = tf.range(size, dtype=tf.float32)
        return (place >= first) & (place < first + tf.cast(side, tf.float32))

    return (covered(draws[:, 0], height)[:, :, None] & covered(draws[:, 1], width)[:, None, :])[
        ..., None
    ]

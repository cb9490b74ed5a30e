"""Square Attack (Andriushchenko et al. 2020) in the l-infinity ball: a gradient-free search."""

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

BLOCK = 100  # queries per program call, after which the fooled examples leave the batch

# The squares' share of the image halves after each of these queries, for 10,000 in all.
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Random search: returns each example's first misclassified image, or that of largest loss.

    The first query adds epsilon or -epsilon to each column and channel. Every further query sets a
    random square of the best image to x plus or minus epsilon, by channel, and keeps the result if
    the loss grows. Squares shrink on the paper's schedule, stretched to `queries`. Images that the
    model misclassifies without an attack are returned unchanged. The model is never differentiated.

    Attributes:
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      queries: the most forward passes on perturbed images, per example.
      p_init: the first squares' share of the image, in (0, 1].
      loss: as in `PGD`; the paper's is the margin.

    The candidate of example i at query q depends on (seed, q, `indices[i]`) alone.

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
                "square: need queries >= 1 and p_init in (0, 1], "
                f"got {self.queries} and {self.p_init}"
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
        run = inputs.compiled(("square", loss_fn), functools.partial(_build, loss_fn))
        best, highest = inputs.images.copy(), np.full(len(inputs), -np.inf, np.float32)
        survivors = np.ones(len(inputs), bool)

        def query(block: int, sides: np.ndarray, stripes: bool = False) -> None:
            places = inputs.places_to_attack(survivors)
            arrays = (inputs.images, inputs.labels, inputs.indices, best, highest, survivors)
            outcome = run(
                *(tf.constant(values[places]) for values in arrays),
                tf.constant(randomness.restart_seed(inputs.seed, block)),
                tf.constant(stripes),
                tf.constant(sides),
                *(tf.constant(value, tf.float32) for value in (radius, limits.low, limits.high)),
            )
            best[places], highest[places], survivors[places] = (part.numpy() for part in outcome)

        query(0, np.zeros(1, np.int32))  # the clean images
        highest[:] = -np.inf
        sides = _sides(self.queries, self.p_init, inputs.image_shape[:2])
        for block, first in enumerate(range(0, self.queries, BLOCK)):
            if not survivors.any():
                break
            query(block, sides[first : first + BLOCK], stripes=block == 0)
            inputs.on_share(min(first + BLOCK, self.queries) / self.queries)
        return best


def _sides(queries: int, p_init: float, size: tuple[int, ...]) -> np.ndarray:
    """The squares' sides by query, int32 [queries]; 0 for the first query, which has no square."""
    at = np.arange(queries - 1) * 10_000 // queries
    share = p_init / 2.0 ** np.searchsorted(HALVINGS, at)
    sides = np.clip(np.rint(np.sqrt(share * size[0] * size[1])), 1, min(size))
    return np.r_[0, sides].astype(np.int32)


def _build(
    loss_fn: ascent.LossFn,
    image_shape: tuple[int, ...],
    statistics: str,
    reference: Callable[[], Any],
) -> Callable[..., Any]:
    """Up to `BLOCK` queries as a concrete function: the best images, their loss, the survivors."""
    height, width, channels = image_shape

    def run(
        x: tf.Tensor,
        y: tf.Tensor,
        indices: tf.Tensor,
        best: tf.Tensor,
        highest: tf.Tensor,
        survivors: tf.Tensor,
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
            # Broadcasting over one channel loses the static shape.
            return tf.ensure_shape(images, (None, *image_shape))

        def query(
            index: tf.Tensor, best: tf.Tensor, highest: tf.Tensor, survivors: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
            inside = _squares(draws[:, index, :2], sides[index], height, width)
            signs = tf.where(draws[:, index, 2:] < 0, -1.0, 1.0)[:, None, None, :]
            candidate = shaped(tf.where(inside, project(x + epsilon * signs), best))
            logits = gradients.logits_of(reference(), candidate, statistics)
            logits = tf.cast(logits, tf.float32)
            loss = ascent.per_example(loss_fn(y, logits))
            correct = ascent.is_correct(y, logits)
            better = survivors & (~correct | (loss > highest))
            best = shaped(tf.where(better[:, None, None, None], candidate, best))
            return index + 1, best, tf.where(better, loss, highest), survivors & correct

        draws = uniform("square", BLOCK, 2 + channels)
        columns = tf.where(uniform("stripes", 1, width, channels) < 0, -1.0, 1.0)
        striped = (stripes & survivors)[:, None, None, None]
        best = shaped(tf.where(striped, project(x + epsilon * columns), best))
        _, best, highest, survivors = tf.while_loop(
            lambda index, *state: (index < tf.size(sides)) & tf.reduce_any(state[-1]),
            query,
            (tf.constant(0), best, highest, survivors),
            parallel_iterations=1,
            maximum_iterations=tf.size(sides),
        )
        return best, highest, survivors

    images, reals = (tf.TensorSpec((None, *rest), tf.float32) for rest in (image_shape, ()))
    labels, integers = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int32)
    flags, flag = tf.TensorSpec([None], tf.bool), tf.TensorSpec([], tf.bool)
    seed, real = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32)
    return tf.function(run, autograph=False).get_concrete_function(
        images, labels, integers, images, reals, flags, seed, flag, integers, real, real, real
    )


def _squares(draws: tf.Tensor, side: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Masks of squares of that side at random places, bool [B, H, W, 1].

    draws: uniform in [-1, 1), [B, 2].
    """

    def covered(draw: tf.Tensor, size: int) -> tf.Tensor:
        first = tf.floor((draw + 1) / 2 * tf.cast(size - side + 1, tf.float32))[:, None]
        place = tf.range(size, dtype=tf.float32)
        return (place >= first) & (place < first + tf.cast(side, tf.float32))

    rows, columns = covered(draws[:, 0], height), covered(draws[:, 1], width)
    return (rows[:, :, None] & columns[:, None, :])[..., None]

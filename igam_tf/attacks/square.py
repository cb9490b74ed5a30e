"""Square Attack (Andriushchenko et al. 2020) in the l-infinity ball: random search, for models whose gradients mislead."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent, common
from igam_tf.bounds import Amount
from igam_tf.errors import InputError
from igam_tf.layers import check_statistics

BLOCK = 100  # queries drawn at once, after which the fooled examples leave the batch

# The squares' share of the image halves after each of these queries, for 10,000 in all.
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


def square(
    model: Any,
    x: Any,
    y: Any,
    *,
    epsilon: Amount,
    queries: int = 5000,
    bounds: Any = None,
    statistics: str = "moving",
    seed: int | None = None,
    indices: Any = None,
    p_init: float = 0.8,
) -> np.ndarray:
    """Adversarial images, float32 like x: the first that is misclassified, or else the one of largest margin loss.

    The first query adds epsilon or -epsilon to each column and channel; every other sets a random square of the best image
    so far to x plus or minus epsilon, by channel, and keeps it if the margin grows. Squares shrink on the paper's schedule,
    stretched to `queries`. Images that are misclassified from the start are returned as they are.

    Args:
      model: Keras model or callable, images to logits; it is never differentiated.
      x: images [B, H, W, C] within the bounds; y: integer labels [B].
      epsilon: radius, in the model's pixel unit, or a fraction of its range such as "8/255".
      queries: forward passes on perturbed images, at most, per example.
      bounds: pixel range, `Bounds` or (low, high); None asks the model.
      statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated. With `"batch"` the whole batch takes part in
        every query, since its statistics are part of the model.
      seed: None draws one. What example i tries at query q depends on (seed, q, `indices[i]`, by default i) alone.
      p_init: the first squares' share of the image, in (0, 1].

    Raises:
      InputError: any argument out of its range, with the range.
    """
    if queries < 1 or not 0 < p_init <= 1:
        raise InputError(f"square: need queries >= 1 and p_init in (0, 1], got {queries} and {p_init}")
    limits, images, labels = common.checked(model, x, y, bounds)
    check_statistics(statistics, model)
    radius = limits.amount(epsilon)
    kind = (images.shape[1:], statistics)
    run = common.compiled(model, ("square", *kind), functools.partial(_compile, *kind))
    seed, order = common.drawn(seed), common.order_of(indices, len(labels))
    best, highest, open_ = images.copy(), np.full(len(labels), -np.inf, np.float32), np.ones(len(labels), bool)

    def query(block: int, sides: np.ndarray, stripes: bool = False) -> None:
        chosen = np.flatnonzero(open_) if statistics == "moving" else np.arange(len(labels))
        found = run(
            *(tf.constant(values[chosen]) for values in (images, labels, order, best, highest, open_)),
            tf.constant(common.restart_seed(seed, block)),
            tf.constant(stripes),
            tf.constant(sides),
            *(tf.constant(amount, tf.float32) for amount in (radius, limits.low, limits.high)),
        )
        best[chosen], highest[chosen], open_[chosen] = (values.numpy() for values in found)

    query(0, np.zeros(1, np.int32))  # the clean images
    highest[:] = -np.inf
    sides = _sides(queries, p_init, images.shape[1:3])
    for block, first in enumerate(range(0, queries, BLOCK)):
        if not open_.any():
            break
        query(block, sides[first : first + BLOCK], stripes=block == 0)
    return best


def _sides(queries: int, p_init: float, size: tuple[int, ...]) -> np.ndarray:
    """The squares' sides by query, int32 [queries]; 0 for the first query, which has none."""
    at = np.arange(queries - 1) * 10_000 // queries
    share = p_init / 2.0 ** np.searchsorted(HALVINGS, at)
    return np.r_[0, np.clip(np.rint(np.sqrt(share * size[0] * size[1])), 1, min(size))].astype(np.int32)


def _compile(shape: tuple[int, ...], statistics: str, reference: Callable[[], Any]) -> Callable[..., Any]:
    """Up to one block of queries as a concrete function: the best images, their margins, whether still right."""
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
        project = ascent.projection(x, epsilon, low, high, "linf")

        def uniform(keys: tf.Tensor, *shape: int) -> tf.Tensor:
            return ascent.random_start(tf.zeros([tf.size(keys), *shape]), 1.0, seed, keys)

        def shaped(images: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(images, (None, *shape))  # which broadcasting over one channel forgets

        def query(
            index: tf.Tensor, best: tf.Tensor, highest: tf.Tensor, open_: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
            inside = _squares(draws[:, index, :2], sides[index], height, width)
            signs = tf.where(draws[:, index, 2:] < 0, -1.0, 1.0)[:, None, None, :]
            tried = shaped(tf.where(inside, project(x + epsilon * signs), best))
            logits = tf.cast(gradients.logits_of(reference(), tried, statistics), tf.float32)
            loss = losses.margin(y, logits)
            right = ascent.is_correct(y, logits)
            kept = open_ & (~right | (loss > highest))
            best = shaped(tf.where(kept[:, None, None, None], tried, best))
            return index + 1, best, tf.where(kept, loss, highest), open_ & right

        draws = uniform(indices, BLOCK, 2 + channels)
        columns = tf.where(uniform(-1 - indices, 1, width, channels) < 0, -1.0, 1.0)
        best = shaped(tf.where((stripes & open_)[:, None, None, None], project(x + epsilon * columns), best))
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
    """Which pixels lie in a square of that side at a random place: bool [B, H, W, 1] from uniform draws [B, 2] in [-1, 1)."""

    def covered(draw: tf.Tensor, size: int) -> tf.Tensor:
        first = tf.floor((draw + 1) / 2 * tf.cast(size - side + 1, tf.float32))[:, None]
        place = tf.range(size, dtype=tf.float32)
        return (place >= first) & (place < first + tf.cast(side, tf.float32))

    return (covered(draws[:, 0], height)[:, :, None] & covered(draws[:, 1], width)[:, None, :])[..., None]

"""Square's candidates in each norm: the first image and the next one, from uniform draws.

As in the authors' AutoAttack, but every example has squares of its own, which reach the last row
and column too.
"""

import abc

import numpy as np
import tensorflow as tf

from igam_tf.attacks import ascent
from igam_tf.attacks.balls import L2, LINF, Ball
from igam_tf.core.errors import InputError

# The squares' share of the image halves after each of these queries, for 10,000 in all.
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


class SquareMoves(abc.ABC):
    """The candidates of one norm. Draws are uniform in [-1, 1); a sign is -1 below 0, else 1."""

    @abc.abstractmethod
    def first_draws(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the draws for one example's first image."""

    @abc.abstractmethod
    def first(
        self, x: tf.Tensor, draws: tf.Tensor, epsilon: tf.Tensor, low: tf.Tensor, high: tf.Tensor
    ) -> tf.Tensor:
        """The first images; draws [B, *first_draws]."""

    @abc.abstractmethod
    def num_draws(self, channels: int) -> int:
        """Draws for one candidate of one example."""

    @abc.abstractmethod
    def candidate(
        self,
        x: tf.Tensor,
        best: tf.Tensor,
        side: tf.Tensor,
        draws: tf.Tensor,
        epsilon: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
    ) -> tf.Tensor:
        """The next images: the best ones with other squares of that side; draws [B, num_draws]."""

    def sides(self, queries: int, p_init: float, size: tuple[int, ...]) -> np.ndarray:
        """The squares' sides by query, int32 [queries]; 0 for the first, which has no square."""
        at = np.arange(queries - 1) * 10_000 // queries
        share = p_init / 2.0 ** np.searchsorted(HALVINGS, at)
        sides = self._allowed(np.rint(np.sqrt(share * size[0] * size[1])))
        return np.r_[0, np.minimum(sides, min(size))].astype(np.int32)

    @abc.abstractmethod
    def _allowed(self, sides: np.ndarray) -> np.ndarray:
        """The nearest sides that squares may have."""


class LinfMoves(SquareMoves):
    """Stripes of x plus or minus epsilon first, then squares of it, one sign for each channel."""

    def first_draws(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (1, *image_shape[1:])

    def first(
        self, x: tf.Tensor, draws: tf.Tensor, epsilon: tf.Tensor, low: tf.Tensor, high: tf.Tensor
    ) -> tf.Tensor:
        return LINF.projection(x, epsilon, low, high)(x + epsilon * _signs(draws))

    def num_draws(self, channels: int) -> int:
        return 2 + channels

    def candidate(
        self,
        x: tf.Tensor,
        best: tf.Tensor,
        side: tf.Tensor,
        draws: tf.Tensor,
        epsilon: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
    ) -> tf.Tensor:
        square = pixels(draws[:, :2], side, x)
        within = tf.gather_nd(x, square)  # [B, s, s, C]
        project = LINF.projection(within, epsilon, low, high)
        signs = _signs(draws[:, 2:])[:, None, None, :]
        return tf.tensor_scatter_nd_update(best, square, project(within + epsilon * signs))

    def _allowed(self, sides: np.ndarray) -> np.ndarray:
        return np.maximum(sides, 1)


class L2Moves(SquareMoves):
    """Patterns of two halves, one bright and one dark, which are strongest in their middles.

    The first image has a grid of about five by five of them. Each candidate adds one to the
    perturbation inside a window, lets the perturbation of a second window go, and gives its length
    to the first.
    """

    def first_draws(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        side = _tile_side(image_shape)
        return (image_shape[0] // side, image_shape[1] // side, 1 + image_shape[2])

    def first(
        self, x: tf.Tensor, draws: tf.Tensor, epsilon: tf.Tensor, low: tf.Tensor, high: tf.Tensor
    ) -> tf.Tensor:
        height, width, channels = x.shape[1:]
        side = _tile_side(x.shape[1:])
        tile, (rows, columns) = pattern(tf.constant(side)), draws.shape[1:3]
        tiles = _turned(tile, (draws[..., :1] < 0)[..., None])[..., None]
        tiles *= _signs(draws[..., 1:])[:, :, :, None, None, :]  # [B, rows, columns, s, s, C]
        tiles = tf.transpose(tiles, [0, 1, 3, 2, 4, 5])
        grid = tf.reshape(tiles, [-1, rows * side, columns * side, channels])
        edges = [(size - count * side) for size, count in ((height, rows), (width, columns))]
        margins = [[edge // 2, edge - edge // 2] for edge in edges]
        grid = tf.pad(grid, [[0, 0], *margins, [0, 0]])
        return _stretched(x, grid, epsilon, low, high)

    def num_draws(self, channels: int) -> int:
        return 5 + channels

    def candidate(
        self,
        x: tf.Tensor,
        best: tf.Tensor,
        side: tf.Tensor,
        draws: tf.Tensor,
        epsilon: tf.Tensor,
        low: tf.Tensor,
        high: tf.Tensor,
    ) -> tf.Tensor:
        offset = best - x
        window, other = pixels(draws[:, :2], side, x), pixels(draws[:, 2:4], side, x)
        within = tf.gather_nd(offset, window)  # [B, s, s, C]
        cleared = tf.tensor_scatter_nd_update(offset, window, tf.zeros_like(within))
        outside = tf.gather_nd(cleared, other)
        # By channel: the length that both windows have, and a share of what clipping left unused.
        spare = tf.square(epsilon) - tf.reduce_sum(_channel_squares(offset), -1, keepdims=True)
        squares = _channel_squares(within) + _channel_squares(outside)
        lengths = tf.sqrt(tf.maximum(spare, 0.0) / x.shape[-1] + squares)
        added = _turned(pattern(side), draws[:, 4, None, None] < 0)[..., None]
        added *= _signs(draws[:, 5:])[:, None, None, :]
        added += tf.math.divide_no_nan(within, tf.sqrt(_channel_squares(within)))
        added *= tf.math.divide_no_nan(lengths, tf.sqrt(_channel_squares(added)))
        moved = tf.tensor_scatter_nd_update(cleared, other, tf.zeros_like(outside))
        moved = tf.tensor_scatter_nd_update(moved, window, added)
        return ascent.select(side > 0, _stretched(x, moved, epsilon, low, high), best)

    def _allowed(self, sides: np.ndarray) -> np.ndarray:
        sides = np.maximum(sides, 3)
        return sides + (sides % 2 == 0)


MOVES: dict[Ball, SquareMoves] = {LINF: LinfMoves(), L2: L2Moves()}


def moves_of(ball: Ball) -> SquareMoves:
    """The candidates in a ball.

    Raises:
      InputError: it is another ball than `LINF` and `L2`.
    """
    if ball not in MOVES:
        names = " and ".join(each.name for each in MOVES)
        raise InputError(f"norm: square has candidates for {names}, got {ball!r}")
    return MOVES[ball]


def pixels(draws: tf.Tensor, side: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Places of the pixels of squares of that side anywhere in the images.

    draws: uniform in [-1, 1), [B, 2].

    Returns:
      The example, row and column of each pixel, int32 [B, side, side, 3].
    """
    places = tf.constant(list(images.shape[1:3])) - side + 1
    corner = tf.cast(tf.floor((draws + 1) / 2 * tf.cast(places, tf.float32)), tf.int32)
    rows, columns = (corner[:, axis, None] + tf.range(side) for axis in (0, 1))
    shape = [tf.shape(draws)[0], side, side]
    parts = (tf.range(shape[0])[:, None, None], rows[:, :, None], columns[:, None, :])
    return tf.stack([tf.broadcast_to(part, shape) for part in parts], -1)


def pattern(side: tf.Tensor) -> tf.Tensor:
    """The paper's pattern for the l2 ball, float32 [side, side], of length 1.

    Its upper half is positive and its lower half negative. A half is a sum of concentric squares
    whose values fall with the square of their number.
    """
    half, line = side // 2, tf.range(side)
    upper = (line < half)[:, None]
    middle = tf.where(line < half, half // 2, half + (side - half) // 2)
    ring = tf.maximum(tf.abs(line - middle)[:, None], tf.abs(line - half)[None, :])
    terms = 1 / tf.square(tf.range(1, side + 2, dtype=tf.float64))
    sums = tf.concat([[tf.zeros([], tf.float64)], tf.cumsum(terms)], 0)
    values = sums[half + 1] - tf.gather(sums, ring)
    squares_of_halves = [
        tf.reduce_sum(tf.where(part, tf.square(values), 0.0)) for part in (upper, ~upper)
    ]
    values /= tf.sqrt(tf.where(upper, *squares_of_halves))
    values = tf.where(upper, values, -values)
    return tf.cast(values / tf.norm(values), tf.float32)


def _turned(values: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """Square patterns [..., s, s], transposed where `turned`, [..., 1, 1], is true."""
    return tf.where(turned, tf.transpose(values), values)


def _tile_side(image_shape: tuple[int, ...]) -> int:
    return max(min(image_shape[:2]) // 5, 1)


def _signs(draws: tf.Tensor) -> tf.Tensor:
    return tf.where(draws < 0, -1.0, 1.0)


def _stretched(
    x: tf.Tensor, offset: tf.Tensor, epsilon: tf.Tensor, low: tf.Tensor, high: tf.Tensor
) -> tf.Tensor:
    """Images at the distance epsilon from x in the direction of the offset, then clipped."""
    squares = tf.reduce_sum(_channel_squares(offset), -1, keepdims=True)
    return tf.clip_by_value(
        x + tf.math.divide_no_nan(epsilon, tf.sqrt(squares)) * offset, low, high
    )


def _channel_squares(offsets: tf.Tensor) -> tf.Tensor:
    """Sums of squares by example and channel, [B, 1, 1, C]."""
    return tf.reduce_sum(tf.square(offsets), [1, 2], keepdims=True)

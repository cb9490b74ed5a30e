"""The shortest way from points to a hyperplane inside the pixel range: FAB's projection.

Croce and Hein (2020), Section 2.1: for a point z, minimise ||d|| subject to <w, d> = -excess and
low <= z + d <= high. Every pixel moves against the excess, at a speed that depends on the norm,
until it meets its bound: |d_i| = min(time * speed_i, room_i). So the time is the root of

    sum_i |w_i| min(time * speed_i, room_i) = |excess|,

whose left side rises, is concave and piecewise linear. The paper sorts the pixels by the time of
their bound and searches the pieces. Newton's method from 0 approaches the root from below, and is
there once it stops rising: no step overshoots, and every step that rises leaves fewer pixels free.
It takes a few passes over the pixels where the sort takes many.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from igam_tf.attacks.balls import L2, LINF, Ball

_PIXELS = [-3, -2, -1]


class Norm(NamedTuple):
    """A norm by the parts that the projection needs."""

    length: Callable[[tf.Tensor], tf.Tensor]  # offsets [..., H, W, C] to [...]
    speed: Callable[[tf.Tensor], tf.Tensor]  # the absolute w to the pixels' speeds


NORMS: dict[Ball, Norm] = {
    LINF: Norm(lambda offset: tf.reduce_max(tf.abs(offset), _PIXELS), tf.ones_like),
    L2: Norm(lambda offset: tf.sqrt(tf.reduce_sum(offset**2, _PIXELS)), tf.identity),
}


def to_hyperplane(
    points: tf.Tensor, w: tf.Tensor, excess: tf.Tensor, low: tf.Tensor, high: tf.Tensor, norm: Norm
) -> tf.Tensor:
    """The shortest offsets from points to the hyperplanes <w, z> = b, inside the pixel range.

    Args:
      points: [..., H, W, C] within [low, high].
      w: the hyperplanes' normals, [..., H, W, C]; its shape broadcasts to that of the points.
      excess: <w, point> - b, [...].

    Returns:
      Offsets like the points. Where no point of the range lies on the hyperplane, they lead to the
      range's nearest corner; where w is 0, they are 0.
    """
    # Scaled first: the squares of gradients below 1e-19 would vanish.
    largest = tf.reduce_max(tf.abs(w), _PIXELS, keepdims=True)
    weight = tf.math.divide_no_nan(tf.abs(w), largest)
    target = tf.math.divide_no_nan(tf.abs(excess), largest[..., 0, 0, 0])
    way = -tf.sign(excess)[..., None, None, None] * tf.sign(w)
    room = tf.abs(low + (high - low) * tf.cast(way > 0, points.dtype) - points)
    speed = norm.speed(weight)
    limit = tf.math.divide_no_nan(room, speed)
    rate, whole = weight * speed, weight * room

    def newton(time: tf.Tensor, rises: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Products with 0 and 1: on CPUs `tf.where` takes many times as long.
        free = tf.cast(limit > time[..., None, None, None], points.dtype)
        at_bounds = tf.reduce_sum((1 - free) * whole, _PIXELS)
        slope = tf.reduce_sum(free * rate, _PIXELS)
        root = tf.math.divide_no_nan(target - at_bounds, slope)
        return tf.maximum(time, root), tf.reduce_any(root > time)

    time, _ = tf.while_loop(
        lambda time, rises: rises,
        newton,
        (tf.zeros_like(excess), tf.constant(True)),
        parallel_iterations=1,
    )
    return way * tf.minimum(time[..., None, None, None] * speed, room)

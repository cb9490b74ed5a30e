"""The images that an attack may reach: a norm's ball around each clean image."""

import abc
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from igam_tf.core import randomness
from igam_tf.core.bounds import Amount, Bounds
from igam_tf.core.errors import InputError

Projection = Callable[[tf.Tensor], tf.Tensor]  # images to images inside ball and pixel range


@dataclasses.dataclass(frozen=True, eq=False)
class Ball(abc.ABC):
    """A norm's ball around each image, by the parts that an attack needs.

    Subclasses are frozen dataclasses: equal balls share a compiled program. Instances of any other
    subclass are equal to themselves alone.
    """

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The name in records, such as `linf`."""

    @abc.abstractmethod
    def noise(self, x: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        """Offsets like x, uniform in the ball of radius 1.

        Args:
          seed: int32 scalar.
          indices: int32 [B], the examples' own numbers. An offset depends on (seed, number) alone.
        """

    @abc.abstractmethod
    def direction(self, gradient: tf.Tensor) -> tf.Tensor:
        """The steepest ascent of length 1, image by image; 0 where the gradient is 0."""

    def boundary_offset(
        self, x: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        """Random offsets like x on the boundary of the ball of radius epsilon, where APGD begins.

        A ball without a boundary of its own draws them inside. Arguments as `noise`.
        """
        return epsilon * self.noise(x, seed, indices)

    @abc.abstractmethod
    def projection(self, x: tf.Tensor, epsilon: Any, low: Any, high: Any) -> Projection:
        """The projection onto the images within epsilon of x and within [low, high]."""

    def radius(
        self,
        amount: Amount,
        bounds: Bounds,
        image_shape: Sequence[int] = (),
        name: str = "epsilon",
    ) -> float:
        """A radius or step in the pixels' unit.

        Raises:
          InputError: not an amount, or larger than makes sense in this norm.
        """
        return bounds.amount(amount, name)


@dataclasses.dataclass(frozen=True)
class LinfBall(Ball):
    """No pixel moves by more than epsilon. This is the paper's ball."""

    name = "linf"

    def noise(self, x: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        def draw(key: tf.Tensor) -> tf.Tensor:
            return tf.random.stateless_uniform(tf.shape(x)[1:], key, -1.0, 1.0, x.dtype)

        return randomness.by_example(draw, seed, "start", indices, x)

    def direction(self, gradient: tf.Tensor) -> tf.Tensor:
        return tf.sign(gradient)

    def boundary_offset(
        self, x: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        """Uniform in the cube, then stretched until it touches a face."""
        noise = self.noise(x, seed, indices)
        return epsilon * noise / tf.reduce_max(tf.abs(noise), [1, 2, 3], keepdims=True)

    def projection(self, x: tf.Tensor, epsilon: Any, low: Any, high: Any) -> Projection:
        floor, ceiling = tf.maximum(x - epsilon, low), tf.minimum(x + epsilon, high)
        return lambda images: tf.clip_by_value(images, floor, ceiling)


@dataclasses.dataclass(frozen=True)
class L2Ball(Ball):
    """The image moves by at most epsilon in Euclidean length."""

    name = "l2"

    def noise(self, x: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(x)[1:]

        def length(key: tf.Tensor) -> tf.Tensor:
            share = tf.random.stateless_uniform([1, 1, 1], key, dtype=x.dtype)
            return share ** (1.0 / tf.cast(tf.reduce_prod(shape), x.dtype))

        lengths = randomness.by_example(length, seed, "radius", indices, x[:, :1, :1, :1])
        return lengths * _random_directions(x, seed, indices)

    def boundary_offset(
        self, x: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        """Uniform on the sphere."""
        return epsilon * _random_directions(x, seed, indices)

    def direction(self, gradient: tf.Tensor) -> tf.Tensor:
        # Scaled first: the squares of gradients below 1e-19 would vanish.
        largest = tf.reduce_max(tf.abs(gradient), [1, 2, 3], keepdims=True)
        gradient = tf.math.divide_no_nan(gradient, largest)
        return tf.math.divide_no_nan(gradient, _length(gradient))

    def projection(self, x: tf.Tensor, epsilon: Any, low: Any, high: Any) -> Projection:
        def project(images: tf.Tensor) -> tf.Tensor:
            offset = images - x
            offset *= tf.minimum(1.0, tf.math.divide_no_nan(epsilon, _length(offset)))
            # x lies in the range, so clipping moves no image further from x.
            return tf.clip_by_value(x + offset, low, high)

        return project

    def radius(
        self,
        amount: Amount,
        bounds: Bounds,
        image_shape: Sequence[int] = (),
        name: str = "epsilon",
    ) -> float:
        """A length of at most the diagonal of images of that shape."""
        diagonal = math.sqrt(math.prod(image_shape)) * bounds.range
        return bounds.amount(amount, name, diagonal, f"the diagonal of images in {bounds}")


LINF, L2 = LinfBall(), L2Ball()
BALLS: dict[str, Ball] = {ball.name: ball for ball in (LINF, L2)}


def ball_of(norm: str | Ball) -> Ball:
    """A ball from itself or from a norm's name.

    Raises:
      InputError: no such norm.
    """
    if isinstance(norm, Ball):
        return norm
    if norm not in BALLS:
        raise InputError(f"norm: expected one of {', '.join(BALLS)} or a Ball, got {norm!r}")
    return BALLS[norm]


def _length(images: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(images), [1, 2, 3], keepdims=True))


def _random_directions(x: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Offsets like x of Euclidean length 1, uniform on the sphere."""

    def draw(key: tf.Tensor) -> tf.Tensor:
        normal = tf.random.stateless_normal(tf.shape(x)[1:], key, dtype=x.dtype)
        return normal / tf.norm(normal)

    return randomness.by_example(draw, seed, "start", indices, x)

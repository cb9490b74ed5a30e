"""Square's compiled program: a block of queries on tensors, for one model, loss and ball."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import ascent
from igam_tf.attacks.square_moves import SquareMoves
from igam_tf.core import randomness

BLOCK = 100  # queries per program call, after which the fooled examples leave the batch


class SquareArguments(NamedTuple):
    """What a program is called with, in this order."""

    x: tf.Tensor  # [B, H, W, C]
    y: tf.Tensor  # [B]
    indices: tf.Tensor  # [B], the examples' own numbers
    best: tf.Tensor  # [B, H, W, C], the images of highest loss so far
    highest: tf.Tensor  # [B], their loss
    survivors: tf.Tensor  # bool [B], the examples that are not fooled yet
    seed: tf.Tensor
    begins: tf.Tensor  # bool, whether the best images are replaced by the search's first ones
    sides: tf.Tensor  # the squares' sides, one for each query
    epsilon: tf.Tensor
    low: tf.Tensor
    high: tf.Tensor


def build(
    loss_fn: ascent.LossFn,
    moves: SquareMoves,
    image_shape: tuple[int, ...],
    statistics: str,
    reference: Callable[[], Any],
) -> Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """A concrete function of `SquareArguments`, for up to `BLOCK` queries.

    It returns the best images, their loss and the survivors.
    """

    def run(*tensors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        a = SquareArguments(*tensors)
        limits = (a.epsilon, a.low, a.high)

        def uniform(purpose: str, *shape: int) -> tf.Tensor:
            def draw(key: tf.Tensor) -> tf.Tensor:
                return tf.random.stateless_uniform(shape, key, -1.0, 1.0)

            like = tf.zeros([tf.size(a.indices), *shape])
            return randomness.by_example(draw, a.seed, purpose, a.indices, like)

        def shaped(images: tf.Tensor) -> tf.Tensor:
            # Broadcasting over one channel loses the static shape.
            return tf.ensure_shape(images, (None, *image_shape))

        def query(
            index: tf.Tensor, best: tf.Tensor, highest: tf.Tensor, survivors: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
            candidate = moves.candidate(a.x, best, a.sides[index], draws[:, index], *limits)
            candidate = shaped(candidate)
            logits = gradients.logits_of(reference(), candidate, statistics)
            logits = tf.cast(logits, tf.float32)
            loss = ascent.per_example(loss_fn(a.y, logits))
            correct = ascent.is_correct(a.y, logits)
            better = survivors & (~correct | (loss > highest))
            best = ascent.select(better, candidate, best)
            return index + 1, best, tf.where(better, loss, highest), survivors & correct

        draws = uniform("square", BLOCK, moves.num_draws(image_shape[-1]))
        first = moves.first(a.x, uniform("stripes", *moves.first_draws(image_shape)), *limits)
        best = ascent.select(a.begins & a.survivors, shaped(first), a.best)
        _, best, highest, survivors = tf.while_loop(
            lambda index, *state: (index < tf.size(a.sides)) & tf.reduce_any(state[-1]),
            query,
            (tf.constant(0), best, a.highest, a.survivors),
            parallel_iterations=1,
            maximum_iterations=tf.size(a.sides),
        )
        return best, highest, survivors

    images, reals = (tf.TensorSpec((None, *rest), tf.float32) for rest in (image_shape, ()))
    labels, integers = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.int32)
    flags, real = tf.TensorSpec([None], tf.bool), tf.TensorSpec([], tf.float32)
    specs = SquareArguments(
        x=images,
        y=labels,
        indices=integers,
        best=images,
        highest=reals,
        survivors=flags,
        seed=tf.TensorSpec([], tf.int32),
        begins=tf.TensorSpec([], tf.bool),
        sides=integers,
        epsilon=real,
        low=real,
        high=real,
    )
    return tf.function(run, autograph=False).get_concrete_function(*specs)

"""What one replica computes, so that all of them together do what one device does.

Three rules make the updates those of one device, up to rounding:

* The mean over replicas of their objectives is the objective of the whole batch. Means over images
  have this property as they are; a sum over images is multiplied by the number of replicas.
* Optimisers sum gradients over replicas: each replica divides its own by their number first.
* Random numbers are drawn for the whole batch, and each replica takes its part.

All functions are called in replica context. On one device each is the plain operation.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def number() -> int:
    """The number of replicas; 1 without a strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def random_like(x: tf.Tensor, draw: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Random numbers in the shape of `x`: this replica's part of a draw for the whole batch.

    Args:
      x: a batch [B, ...], on several replicas a part of it; all parts are equal in size.
      draw: shape to tensor, the same on every replica.
    """
    shape = tf.shape(x)
    if number() == 1:
        return draw(shape)
    context = tf.distribute.get_replica_context()
    whole = draw(tf.concat([shape[:1] * context.num_replicas_in_sync, shape[1:]], 0))
    begin = shape[0] * context.replica_id_in_sync_group
    return tf.ensure_shape(whole[begin : begin + shape[0]], x.shape)


def local_sum(total: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """A sum over the images of `x`, this replica's part of a batch, scaled to the whole batch.

    The mean over all images of the scaled sums is the sum over the whole batch: parts may differ in
    size.
    """
    if number() == 1:
        return total
    sizes = tf.cast(_sizes(x), total.dtype)
    return total * tf.reduce_sum(sizes) / tf.cast(tf.shape(x)[0], total.dtype)


def rolled(x: tf.Tensor) -> tf.Tensor:
    """`tf.roll(x, 1, 0)` of the whole batch, of which `x` is this replica's part."""
    if number() == 1:
        return tf.roll(x, 1, 0)
    context, sizes = tf.distribute.get_replica_context(), _sizes(x)
    begin = tf.reduce_sum(sizes[: context.replica_id_in_sync_group])
    whole = tf.roll(context.all_gather(x, 0), 1, 0)
    return tf.ensure_shape(whole[begin : begin + tf.shape(x)[0]], x.shape)


def _sizes(x: tf.Tensor) -> tf.Tensor:
    """The number of images of each replica's part, int32 [replicas]."""
    context = tf.distribute.get_replica_context()
    place = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
    size = tf.cast(tf.shape(x)[0], place.dtype)
    return tf.cast(context.all_reduce(tf.distribute.ReduceOp.SUM, place * size), tf.int32)


def apply(
    optimizer: keras.optimizers.Optimizer, gradients: Sequence[Any], variables: Sequence[Any]
) -> None:
    """Updates variables by the gradients of this replica's objective; clips those of the mean."""
    replicas = number()
    if replicas > 1:
        present = [gradient for gradient in gradients if gradient is not None]
        shares = iter(_clipped(optimizer, [gradient / replicas for gradient in present]))
        gradients = [None if gradient is None else next(shares) for gradient in gradients]
    optimizer.apply(gradients, variables)


def _clipped(optimizer: keras.optimizers.Optimizer, shares: list[tf.Tensor]) -> list[tf.Tensor]:
    """Shares whose sum over replicas is clipped; Keras would clip each share, and then sum.

    Keras clips what it is given again. A clipped sum over the number of replicas lies within every
    limit, so that stays as it is.
    """
    if not (optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm):
        return shares
    whole = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, shares)
    if optimizer.clipnorm:
        whole = [tf.clip_by_norm(gradient, optimizer.clipnorm) for gradient in whole]
    elif optimizer.global_clipnorm:
        whole, _ = tf.clip_by_global_norm(whole, optimizer.global_clipnorm)
    else:
        limit = optimizer.clipvalue
        whole = [tf.clip_by_value(gradient, -limit, limit) for gradient in whole]
    return [gradient / number() for gradient in whole]

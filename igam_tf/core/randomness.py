"""Random keys from (seed, purpose, number); different purposes and seeds have different streams.

All randomness of the package is stateless. The number is an iteration, a pass over the data or an
example. So a resumed run has the random numbers of an uninterrupted one, and those of an example do
not depend on its batch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# A purpose's index is part of its keys: append new purposes at the end.
PURPOSES = (
    "order",  # of the examples in a pass
    "augmentation",
    "pixel_noise",
    "training_start",  # of the attack inside adversarial training
    "start",  # of an attack
    "radius",  # of a start in the l2 ball
    "square",
    "stripes",
    "place",  # of a random pad
    "trades_start",  # of the attack inside TRADES
)


def stream(seed: Any, purpose: str) -> tf.Tensor:
    """The stream of a seed and a purpose: a hash of both, int64 scalar.

    Args:
      seed: integer, or integer scalar tensor.
      purpose: one of `PURPOSES`.
    """
    key = tf.stack([tf.cast(seed, tf.int64), tf.constant(PURPOSES.index(purpose), tf.int64)])
    return tf.random.stateless_uniform([], key, minval=None, maxval=None, dtype=tf.int64)


def key(seed: Any, purpose: str, number: Any) -> tf.Tensor:
    """A seed for `tf.random.stateless_*`: int64 [2].

    Args:
      seed: integer, or integer scalar tensor.
      purpose: one of `PURPOSES`.
      number: integer scalar: an iteration, a pass or an example.
    """
    return tf.stack([stream(seed, purpose), tf.cast(number, tf.int64)])


def by_example(
    draw: Callable[[tf.Tensor], tf.Tensor],
    seed: Any,
    purpose: str,
    indices: tf.Tensor,
    like: tf.Tensor,
) -> tf.Tensor:
    """Random tensors [B, ...]; each depends on the seed, the purpose and its example's index only.

    Args:
      draw: maps a key, int64 [2], to one example's tensor.
      indices: integers [B], the examples' indices in their data set.
      like: a tensor with the shape and dtype of the result.
    """
    prefix = stream(seed, purpose)
    spec = tf.TensorSpec(like.shape[1:], like.dtype)
    return tf.map_fn(
        lambda index: draw(tf.stack([prefix, tf.cast(index, tf.int64)])),
        indices,
        fn_output_signature=spec,
    )


def restart_seed(seed: int, restart: int) -> int:
    """The seed of a restart, in [0, 2^31); restart 0 has the seed itself."""
    if restart == 0:
        return seed % 2**31
    return int(np.random.SeedSequence([seed % 2**31, restart]).generate_state(1)[0]) % 2**31

"""Random keys: who draws what, from which seed. No two purposes and no two seeds share a stream.

Every draw of the package is stateless: it depends on (seed, purpose, number) alone, where the
number is an iteration, a pass over the data or an example. So a resumed run draws what an
uninterrupted one would have drawn, and an example's draw does not depend on its batch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

# A purpose's place is a part of its keys: new ones go to the end.
PURPOSES = (
    "order",  # of the examples in a pass
    "augmentation",
    "pixel_noise",
    "training_start",  # of the attack inside adversarial training
    "start",  # of an attack
    "radius",  # how far out a start in the l2 ball lies
    "square",
    "stripes",
    "place",  # of a random pad
)


def stream(seed: Any, purpose: str) -> tf.Tensor:
    """One 64-bit number that stands for a seed and a purpose; int64 scalar.

    Args:
      seed: integer, or integer scalar tensor.
      purpose: one of `PURPOSES`.
    """
    key = tf.stack([tf.cast(seed, tf.int64), tf.constant(PURPOSES.index(purpose), tf.int64)])
    return tf.random.stateless_uniform([], key, minval=None, maxval=None, dtype=tf.int64)


def key(seed: Any, purpose: str, number: Any) -> tf.Tensor:
    """The seed of one draw for `tf.random.stateless_*`: int64 [2].

    Args:
      seed: integer, or integer scalar tensor.
      purpose: one of `PURPOSES`.
      number: which draw, integer scalar: an iteration, a pass or an example.
    """
    return tf.stack([stream(seed, purpose), tf.cast(number, tf.int64)])


def by_example(
    draw: Callable[[tf.Tensor], tf.Tensor],
    seed: Any,
    purpose: str,
    indices: tf.Tensor,
    like: tf.Tensor,
) -> tf.Tensor:
    """A draw for each example, which depends on (seed, purpose, the example's number) alone.

    Args:
      draw: from a key, int64 [2], to a tensor like one example of `like`.
      indices: integers [B], the examples' own numbers.
      like: [B, ...], of the result's shape and dtype.
    """
    prefix = stream(seed, purpose)
    spec = tf.TensorSpec(like.shape[1:], like.dtype)
    return tf.map_fn(
        lambda index: draw(tf.stack([prefix, tf.cast(index, tf.int64)])),
        indices,
        fn_output_signature=spec,
    )


def restart_seed(seed: int, restart: int) -> int:
    """The seed of a restart, in [0, 2^31). Restart 0 has the seed itself."""
    if restart == 0:
        return seed % 2**31
    return int(np.random.SeedSequence([seed % 2**31, restart]).generate_state(1)[0]) % 2**31

"""The speed of bare convolutions, forward, at a network's sizes and in its compute type."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

LEAST_FLOPS = 2e9  # of a call, so that the time of starting it does not count


def calls(
    width: int, batch_size: int, compute_dtype: str = "float32"
) -> dict[str, tuple[Callable[[], Any], int]]:
    """The 3x3 convolutions of a wide residual network's three stages.

    Returns:
      By name (`conv` and the channels): a call that runs one several times, and its operations.
    """
    return {
        f"conv {base * width}": _call(base * width, side, batch_size, compute_dtype)
        for base, side in ((16, 32), (32, 16), (64, 8))
    }


def _call(
    channels: int, side: int, batch_size: int, compute_dtype: str
) -> tuple[Callable[[], Any], int]:
    flops = 2 * 9 * channels**2 * side**2 * batch_size
    times = max(1, round(LEAST_FLOPS / flops))
    images = tf.cast(
        tf.random.stateless_normal((batch_size, side, side, channels), (0, 0)), compute_dtype
    )
    kernel = tf.cast(
        tf.random.stateless_normal((3, 3, channels, channels), (0, 1)) / (3 * channels**0.5),
        compute_dtype,
    )
    # Compiled, as the networks' are; one at a time, for a graph computes equal ones once.
    convolve = tf.function(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), autograph=False)

    def call() -> Any:
        features = images
        for _ in range(times):
            features = convolve(features, kernel)
        return tf.cast(features[0, 0, 0, 0], tf.float32).numpy()  # waits for the device

    return call, times * flops

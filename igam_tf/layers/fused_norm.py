"""Batch normalisation by TensorFlow's fused kernels, its second derivatives in closed form.

The kernels bring first derivatives. TensorFlow derives those by rebuilding them from elementary
operations: right, but some thirty passes over the activations. With the normalised x^ = (x - mean)
r, r = 1/sqrt(variance + epsilon), and means over a channel's n values, the first derivative for an
upstream g is

    dx = gamma r (g - a - x^ b),   dgamma = n b,   dbeta = n a,   a = mean(g),   b = mean(g x^)

and that of <u, dx> + <s, dgamma> + <t, dbeta>, with c = mean(u x^) and m = mean(u g) - mean(u) a -
b c,

    for g:      gamma r (u - mean(u) - x^ c) + s x^ + t
    for gamma:  n r m
    for x:      -gamma r^2 (b (u - mean(u) - x^ c) + c (g - a - x^ b) + m x^) + s r (g - a - x^ b)

where the bracket with u is what the first derivative's own kernel gives for u.
"""

from typing import Any

import tensorflow as tf

LEAST_EPSILON = 1.001e-5  # cuDNN takes no smaller one


def batch_norm(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Outputs, mean and unbiased variance of float32 or bfloat16 inputs [B, H, W, C]; gamma and
    beta are float32 [C].

    epsilon is at least `LEAST_EPSILON`.
    No gradient flows through the mean and variance returned. Third derivatives raise
    NotImplementedError.
    """

    @tf.custom_gradient
    def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        outputs, mean, unbiased, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
        )

        def gradient(upstream: tf.Tensor, *_: tf.Tensor) -> Any:
            return _backward(upstream, x, gamma, mean, unbiased, reserved, epsilon)

        return (outputs, mean, unbiased), gradient

    return normalize(inputs, gamma, beta)


def _backward(
    upstream: tf.Tensor,
    x: tf.Tensor,
    gamma: tf.Tensor,
    mean: tf.Tensor,
    unbiased: tf.Tensor,
    reserved: list[tf.Tensor],
    epsilon: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Derivatives for x, gamma and beta, which can be derived once more."""
    n = tf.cast(tf.size(x) // tf.size(gamma), gamma.dtype)

    def kernel(g: tf.Tensor) -> list[tf.Tensor]:
        spaces = dict(
            zip(("reserve_space_1", "reserve_space_2", "reserve_space_3"), reserved, strict=True)
        )
        return tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=g, x=x, scale=gamma, **spaces, epsilon=epsilon, is_training=True
        )[:3]

    @tf.custom_gradient
    def first(g: tf.Tensor, x: tf.Tensor, gamma: tf.Tensor) -> Any:
        dx, dgamma, dbeta = kernel(g)

        @tf.custom_gradient
        def second(u: tf.Tensor, s: tf.Tensor, t: tf.Tensor, *_: tf.Tensor) -> Any:
            du, dgamma_u, dbeta_u = kernel(u)
            r = tf.math.rsqrt(unbiased * (tf.maximum(n - 1.0, 1.0) / n) + epsilon)
            a, b, c = dbeta / n, dgamma / n, dgamma_u / n
            m = (
                tf.reduce_mean(tf.cast(u, r.dtype) * tf.cast(g, r.dtype), [0, 1, 2])
                - dbeta_u / n * a
                - b * c
            )
            by_x = -gamma * r**3 * m
            for_g = du
            for_x = [
                -r * b * tf.cast(du, r.dtype),
                -r * c * tf.cast(dx, r.dtype),
                by_x * (tf.cast(x, r.dtype) - mean),
            ]
            if not (
                _is_zero(s) and _is_zero(t)
            ):  # they are where only the inputs' gradient is derived
                normalized = (tf.cast(x, r.dtype) - mean) * r
                for_g = tf.cast(tf.cast(du, r.dtype) + s * normalized + t, du.dtype)
                for_x.append(s * r * (tf.cast(g, r.dtype) - a - normalized * b))
            return (for_g, tf.cast(tf.add_n(for_x), x.dtype), n * r * m), _third

        # All that `second` depends on is passed to it, so that `_third` hears of it.
        return (dx, dgamma, dbeta), lambda *above: second(*above, g, x, gamma)

    return first(upstream, x, gamma)


def _is_zero(tensor: tf.Tensor) -> bool:
    """Known to be while the graph is built."""
    value = tf.get_static_value(tensor)
    return value is not None and not value.any()


def _third(*_: Any) -> Any:
    raise NotImplementedError(
        "BatchNorm has no third derivatives with the batch's statistics in float32"
    )

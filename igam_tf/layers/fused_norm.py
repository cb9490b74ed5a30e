"""Batch normalisation by TensorFlow's fused kernels, with second derivatives in closed form.

The kernels compute first derivatives. TensorFlow's own second derivatives are correct but slow:
they make about thirty passes over the activations, since they compute the first derivatives again
from elementary operations.

Let x^ = (x - mean) r be the normalised input, with r = 1/sqrt(variance + epsilon). All means are
over the n values of a channel. The first derivatives for an upstream gradient g are

    dx = gamma r (g - a - x^ b),   dgamma = n b,   dbeta = n a,   a = mean(g),   b = mean(g x^)

The derivatives of <u, dx> + <s, dgamma> + <t, dbeta> are, with c = mean(u x^) and
m = mean(u g) - mean(u) a - b c,

    for g:      gamma r (u - mean(u) - x^ c) + s x^ + t
    for gamma:  n r m
    for x:      -gamma r^2 (b (u - mean(u) - x^ c) + c (g - a - x^ b) + m x^) + s r (g - a - x^ b)

The bracket with u has the form of dx, so the kernel of the first derivatives computes it from u.
"""

from typing import Any

import tensorflow as tf

LEAST_EPSILON = 1.001e-5  # the smallest that cuDNN supports


def batch_norm(
    inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Outputs [B, H, W, C], and the batch's mean and unbiased variance [C].

    No gradient flows through mean and variance.

    Args:
      inputs: float32 or bfloat16 [B, H, W, C].
      gamma, beta: float32 [C].
      epsilon: at least `LEAST_EPSILON`.

    Raises:
      NotImplementedError: a third derivative is taken.
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
    """Derivatives for x, gamma and beta, themselves differentiable once."""
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
            # s and t are zero where only the gradient of the inputs is differentiated.
            if not (_is_zero(s) and _is_zero(t)):
                normalized = (tf.cast(x, r.dtype) - mean) * r
                for_g = tf.cast(tf.cast(du, r.dtype) + s * normalized + t, du.dtype)
                for_x.append(s * r * (tf.cast(g, r.dtype) - a - normalized * b))
            return (for_g, tf.cast(tf.add_n(for_x), x.dtype), n * r * m), _third

        # `second` takes all tensors that it uses as arguments: TensorFlow then calls `_third` for
        # every third derivative.
        return (dx, dgamma, dbeta), lambda *above: second(*above, g, x, gamma)

    return first(upstream, x, gamma)


def _is_zero(tensor: tf.Tensor) -> bool:
    """Whether the tensor is known to be zero while the graph is built."""
    value = tf.get_static_value(tensor)
    return value is not None and not value.any()


def _third(*_: Any) -> Any:
    raise NotImplementedError(
        "BatchNorm: no third derivatives in float32 in the mode batch; first and second are right"
    )

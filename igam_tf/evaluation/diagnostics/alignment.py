"""Alignment and linearised robustness (paper's §6, Eq. 18; Etmann et al. 2019).

They are the two terms of rho(x) <= alpha(x) + C/|g|.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import gradients


@dataclasses.dataclass(frozen=True)
class Alignment:
    """The terms of Eq. 18 per example, float64 [B].

    z1 >= z2 are the two largest logits at x, and g is the gradient of z1 - z2 by the pixels of x.

    Attributes:
      alignment: alpha = |<x, g>| / |g|_2, the length of x along g. It depends on where the pixel
        range has its 0.
      linearised_robustness: rho = (z1 - z2) / |g|_2, the l2 distance at which the runner-up would
        catch up if the logits were linear. Etmann et al. take the least such distance over all
        other classes.
      gradient_norm: |g|_2.

    alpha and rho are l2 lengths in the model's pixel unit. Both are NaN where g is 0. For linear
    logits without bias they are equal. The logits of a network that scales each image to unit
    length or deviation (`wide_resnet`) do not change along x: its alpha is 0 but for rounding.
    """

    alignment: np.ndarray
    linearised_robustness: np.ndarray
    gradient_norm: np.ndarray


def alignment(model: Any, x: Any, statistics: str = "moving") -> Alignment:
    """Alpha and rho of every image.

    Args:
      model: Keras model or callable, images to logits.
      x: images [B, H, W, C] in the model's pixel range.
      statistics: BatchNorm mode, `"moving"` or `"batch"` (as `gradients.input_gradient`).
    """
    images = tf.convert_to_tensor(x, tf.float32)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        gap = top_two_gap(gradients.logits_of(model, images, statistics))
    gradient = tape.gradient(gap, images, unconnected_gradients="zero")
    return terms(images.numpy(), gap.numpy(), gradient.numpy())


def top_two_gap(logits: tf.Tensor) -> tf.Tensor:
    """Largest logit minus the second largest, [B]."""
    top = tf.math.top_k(logits, 2).values
    return top[:, 0] - top[:, 1]


def terms(x: np.ndarray, gap: np.ndarray, gradient: np.ndarray) -> Alignment:
    """Alpha and rho from images [B, ...], top-two gaps [B] and the gaps' gradients [B, ...]."""
    # float64 before squares and sums: gradients by pixels in [0, 255] may be tiny.
    x, gap, gradient = (np.asarray(values, np.float64) for values in (x, gap, gradient))
    x, gradient = x.reshape(len(x), -1), gradient.reshape(len(x), -1)
    norm = np.linalg.norm(gradient, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.where(norm > 0, norm, np.nan)
        return Alignment(np.abs((x * gradient).sum(1)) / length, gap / length, norm)

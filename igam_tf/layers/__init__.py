"""Layers of the networks: pixel range, normalisations, BatchNorm, activation, shortcut, pooling.

The statistics mode of `BatchNorm`, moving averages or the batch, is an argument of
`igam_tf.gradients.logits_of` and never depends on `trainable` (`igam_tf.core.modes`).
"""

from igam_tf.core.settings.choices import NORMALIZATIONS, STATISTICS
from igam_tf.layers.batch_norm import (
    BatchNorm,
    batch_norms,
    check_statistics,
    stock_batchnorms,
)
from igam_tf.layers.blocks import LeakyReLU, PaddedMaxPool, PaddedShortcut
from igam_tf.layers.channels import AffineChannels
from igam_tf.layers.conversion import (
    convert_normalizations,
    exact_batchnorm,
    stock_normalizations,
)
from igam_tf.layers.exact_norms import GroupNorm, LayerNorm
from igam_tf.layers.normalization import (
    PerImageStandardization,
    UnitNorm,
    normalization,
)
from igam_tf.layers.pixels import PixelRange, bounds_of

__all__ = [
    "NORMALIZATIONS",
    "STATISTICS",
    "AffineChannels",
    "BatchNorm",
    "GroupNorm",
    "LayerNorm",
    "LeakyReLU",
    "PaddedMaxPool",
    "PaddedShortcut",
    "PerImageStandardization",
    "PixelRange",
    "UnitNorm",
    "batch_norms",
    "bounds_of",
    "check_statistics",
    "convert_normalizations",
    "exact_batchnorm",
    "normalization",
    "stock_batchnorms",
    "stock_normalizations",
]

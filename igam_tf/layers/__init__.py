"""Keras layers of the original networks: input bounds, normalisations, BatchNorm, activation, shortcut.

`BatchNorm` and the context `batch_statistics` are how the whole package chooses between BatchNorm's moving averages and
the statistics of the batch at hand. Which of the two runs never depends on `trainable`.
"""

from igam_tf.layers.batch_norm import (
    STATISTICS,
    BatchNorm,
    batch_statistics,
    check_statistics,
    exact_batchnorm,
    stock_batchnorms,
)
from igam_tf.layers.blocks import LeakyReLU, PaddedShortcut
from igam_tf.layers.normalization import (
    NORMALIZATIONS,
    PerImageStandardization,
    UnitNorm,
    normalization,
)
from igam_tf.layers.pixels import PixelRange, bounds_of

__all__ = [
    "NORMALIZATIONS",
    "STATISTICS",
    "BatchNorm",
    "LeakyReLU",
    "PaddedShortcut",
    "PerImageStandardization",
    "PixelRange",
    "UnitNorm",
    "batch_statistics",
    "bounds_of",
    "check_statistics",
    "exact_batchnorm",
    "normalization",
    "stock_batchnorms",
]

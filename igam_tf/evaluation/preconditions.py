"""Checks of an evaluation before it starts: pixel ranges, settings, images, logits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from igam_tf.attacks import inputs, programs
from igam_tf.core.bounds import Bounds, as_bounds
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import MODES
from igam_tf.data.splits import Dataset, Split
from igam_tf.layers import bounds_of


def bounds_for(model: Any, dataset: Any, bounds: Any) -> Bounds:
    """The pixel range of an evaluation: `bounds`, else the model's, else the data set's.

    Raises:
      InputError: there is none, or the model and the data set disagree.
    """
    if bounds is not None:
        return as_bounds(bounds)
    if not isinstance(dataset, Dataset):
        return bounds_of(model)
    try:
        limits = bounds_of(model)
    except InputError:
        return dataset.bounds
    if limits != dataset.bounds:
        raise InputError(
            f"dataset: {dataset.name} has pixels in {dataset.bounds}, the model takes {limits}"
        )
    return limits


def require_settings(
    split: Split, statistics: Sequence[str], batch_size: int, calibration: Any
) -> None:
    """Raises an InputError for settings that do not make an evaluation."""
    if not len(split) or not statistics or batch_size < 1:
        raise InputError(
            "evaluate: need examples, a mode and a positive batch, "
            f"got {len(split)}, {tuple(statistics)}, {batch_size}"
        )
    if unknown := [mode for mode in statistics if mode not in MODES]:
        raise InputError(f"statistics: expected {', '.join(MODES)}, got {', '.join(unknown)}")
    if "recalibrated" in statistics and calibration is None:
        raise InputError("statistics: recalibrated needs clean training data (calibration)")


def require_pixels(split: Split, bounds: Bounds, name: str) -> None:
    """Checks the first 1000 images of a split.

    Raises:
      InputError: they leave the pixel range, or fill so little of it that they have another one.
    """
    pixels = split.first(1000).pixels()
    slack = 1e-6 * bounds.range
    low, high = bounds.low - slack, bounds.high + slack
    if not (pixels.min() >= low and bounds.low + bounds.range / 128 <= pixels.max() <= high):
        raise InputError(
            f"{name}: expected images in {bounds}, got pixels {pixels.min():g} to {pixels.max():g}"
        )


def require_logits(model: Any, split: Split, bounds: Bounds, mode: str) -> None:
    """Checks the model's outputs once: under attack, probabilities or NaN look like robustness.

    Raises:
      InputError: examples that do not fit the model, or outputs that are not finite logits.
    """
    first = split.first(min(len(split), 32))
    _, x, _ = inputs.checked(model, first.pixels(), first.labels, bounds)
    if mode == "recalibrated":  # the model itself may not run with moving averages
        return
    logits = programs.logits(model, x, mode)
    sums_to_one = np.allclose(logits.sum(-1), 1, atol=1e-3)
    if logits.shape[1] > 1 and logits.min() >= 0 and sums_to_one:
        raise InputError(f"{getattr(model, 'name', 'model')}: {inputs.PROBABILITIES}")
    if split.labels.max() >= logits.shape[1]:
        raise InputError(
            f"labels: the model has {logits.shape[1]} classes, "
            f"got labels up to {split.labels.max()}"
        )

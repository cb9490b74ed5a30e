"""Input gradients beside their images: Figures 1, 4 and 6."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from igam_tf import gradients as input_gradients_of
from igam_tf.core.bounds import PIXELS, Bounds
from igam_tf.core.errors import InputError
from igam_tf.report.figures import style

_MOST_COLUMNS = 3  # models that stand in columns beside the images; more models stand in rows below
_GAP, _TOP = 0.04, 0.2  # inches: between cells, and for the titles above them


def input_gradients(
    models: Mapping[str, keras.Model],
    images: Any,
    labels: Any,
    statistics: str = "moving",
    of: str = "xent",
) -> dict[str, np.ndarray]:
    """Computes each model's input gradients.

    Args:
      images: float32 [B, H, W, C] in the models' pixel range.
      labels: integers [B].
      statistics: the BatchNorm mode. With `"batch"` all B images are the batch.
      of: `"xent"` is the paper's definition (§2, Eq. 8): brighter pixels raise the loss.
        `"softmax"` is the true class's probability p, which the release matches. Each of its
        gradients is -p times that of the cross-entropy, so `as_images` gives the negative of the
        picture (in batch mode, up to the terms between images).

    Returns:
      Float32 arrays [B, H, W, C] by model.

    Raises:
      InputError: as `igam_tf.gradients.input_gradient`.
    """
    return {
        name: np.asarray(input_gradients_of.input_gradient(model, images, labels, of, statistics))
        for name, model in models.items()
    }


def as_images(gradients: np.ndarray) -> np.ndarray:
    """Gradients [B, H, W, C] as images in [0, 1], each on its own scale.

    The images are clipped at three root mean squares on both sides of 0, so mid-grey is a gradient
    of 0 and the sign shows. Because of the scaling, norms of gradients cannot be compared.
    """
    spread = np.sqrt(np.mean(np.square(gradients, dtype=np.float64), axis=(1, 2, 3), keepdims=True))
    scaled = np.divide(gradients, 3 * spread, out=np.zeros(gradients.shape), where=spread > 0)
    return (np.clip(scaled, -1, 1) + 1) / 2


def one_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` examples: first one of every class, then a second one, and so on."""
    examples: collections.Counter[int] = collections.Counter()
    rank_in_class = []
    for label in labels.tolist():
        rank_in_class.append(examples[label])
        examples[label] += 1
    return np.argsort(rank_in_class, kind="stable")[:count]


@style.styled()
def gradient_grid(
    images: np.ndarray,
    gradients: Mapping[str, np.ndarray],
    captions: Sequence[str] | None = None,
    bounds: Bounds = PIXELS,
) -> Figure:
    """Draws images with every model's input gradients (`as_images`).

    Up to three models stand in columns beside the images, as in the paper's Figure 1. More models
    stand in rows below the images, where their names have room.

    Args:
      images: [B, H, W, C] in `bounds`; an image with one channel is grey.
      gradients: arrays [B, H, W, C] by model.
      captions: a short text for each image, such as its class.
      bounds: the images' pixel range.

    Raises:
      InputError: there is no image or no model, or a gradient's shape differs from the images'.
    """
    if not len(images) or not gradients:
        raise InputError(
            f"gradients: expected images and models, got {len(images)} and {len(gradients)}"
        )
    if odd := [name for name, array in gradients.items() if array.shape != images.shape]:
        raise InputError(
            f"gradients: expected the images' shape {images.shape}, {', '.join(odd)} has another"
        )
    strips = {"Image": (images - bounds.low) / bounds.range}
    strips |= {name: as_images(array) for name, array in gradients.items()}
    in_columns = len(gradients) <= _MOST_COLUMNS
    captions = list(captions or [""] * len(images))
    heads, sides = (list(strips), captions) if in_columns else (captions, list(strips))
    figure, cells = _grid(heads, sides, in_columns)
    for strip, column in zip(strips.values(), cells.T if in_columns else cells, strict=True):
        for image, axes in zip(strip, column, strict=True):
            axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    return figure


def _grid(heads: Sequence[str], sides: Sequence[str], narrow: bool) -> tuple[Figure, np.ndarray]:
    """A grid of square axes, with titles above (`heads`) and labels on the left (`sides`).

    `narrow`: the figure has the width of a paper's column.
    """
    labels = 0.07 * max(map(len, sides)) + 0.1  # inches, about the width of their text
    width, left, most = (style.COLUMN, 0.2, 0.95) if narrow else (style.PAGE, labels, 0.7)
    step = min((width - left) / len(heads), most)
    across, down = left + step * len(heads), _TOP + step * len(sides)
    figure = Figure((across, down))
    cells = np.empty((len(sides), len(heads)), dtype=object)
    for row, column in np.ndindex(*cells.shape):
        x, y, side = left + step * column, step * (len(sides) - 1 - row), step - _GAP
        position = (x / across, y / down, side / across, side / down)
        cells[row, column] = figure.add_axes(position)
    for axes, head in zip(cells[0], heads, strict=True):
        axes.set_title(head, pad=3, fontsize=7)
    for axes, name in zip(cells[:, 0], sides, strict=True):
        if narrow:
            axes.set_ylabel(name, fontsize=7, labelpad=3)
        else:
            axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=4)
    return figure, cells

"""Input gradients beside their images: Figures 1, 4 and 6."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igam_tf import gradients as input_gradients_of
from igam_tf.core.bounds import PIXELS, Bounds
from igam_tf.core.errors import InputError
from igam_tf.report.figures import style

_IN_COLUMNS = 3  # so many models beside the images; more of them below the images
_GAP, _TOP = 0.04, 0.2  # inches: between pictures, and for the words above them


def input_gradients(
    models: Mapping[str, keras.Model],
    images: Any,
    labels: Any,
    statistics: str = "moving",
    of: str = "xent",
) -> dict[str, np.ndarray]:
    """Each model's input gradients.

    Args:
      images: float32 [B, H, W, C] in the models' pixel range; labels: integers [B].
      statistics: BatchNorm mode. With `"batch"` all B images are the batch.
      of: `"xent"`, the paper's definition (§2, Eq. 8), by which pixels that are lit in the picture
        raise the loss; or `"softmax"`, the true class's probability, which the release matches. The
        second is -p times the first, image by image, so that `shown` makes of it the same picture
        as a negative (apart from terms between images in batch mode).

    Returns:
      Arrays like `images`.

    Raises:
      InputError: as `igam_tf.gradients.input_gradient`.
    """
    return {
        name: np.asarray(input_gradients_of.input_gradient(model, images, labels, of, statistics))
        for name, model in models.items()
    }


def shown(gradients: np.ndarray) -> np.ndarray:
    """Gradients [B, H, W, C] as images in [0, 1], each on its own scale.

    Clipped to three standard deviations on both sides, as is usual, but around 0 (root mean
    square), so that the grey in the middle is a gradient of 0 and the sign can be seen. The lengths
    of gradients cannot be compared by it. A gradient of 0 everywhere is grey.
    """
    spread = np.sqrt(np.mean(np.square(gradients, dtype=np.float64), axis=(1, 2, 3), keepdims=True))
    scaled = np.divide(gradients, 3 * spread, out=np.zeros(gradients.shape), where=spread > 0)
    return (np.clip(scaled, -1, 1) + 1) / 2


def one_of_each(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` examples of as many classes as there are: first ones of their classes,
    then second ones, ...
    """
    seen: dict[int, int] = {}
    turns = []
    for label in labels.tolist():
        turns.append(seen.get(label, 0))
        seen[label] = turns[-1] + 1
    return np.argsort(turns, kind="stable")[:count]


@style.styled()
def gradient_grid(
    images: np.ndarray,
    gradients: Mapping[str, np.ndarray],
    captions: Sequence[str] | None = None,
    bounds: Bounds = PIXELS,
) -> Figure:
    """Images with every model's input gradients (`shown`).

    Up to three models stand in columns beside the images, as in the paper's Figure 1; more of them
    in rows below, where their names have room.

    Args:
      images: [B, H, W, C] in `bounds`; one channel is drawn grey.
      gradients: by model, arrays like `images`.
      captions: a word for each image, such as its class.

    Raises:
      InputError: no image, no model, or a gradient that is not like the images.
    """
    if not len(images) or not gradients:
        raise InputError(
            f"gradients: expected images and models, got {len(images)} and {len(gradients)}"
        )
    if odd := [name for name, found in gradients.items() if found.shape != images.shape]:
        raise InputError(
            f"gradients: expected the images' shape {images.shape}, {', '.join(odd)} has another"
        )
    strips = {
        "Image": (images - bounds.low) / bounds.range,
        **{name: shown(found) for name, found in gradients.items()},
    }
    in_columns = len(gradients) <= _IN_COLUMNS
    words = list(captions or [""] * len(images))
    heads, sides = (list(strips), words) if in_columns else (words, list(strips))
    figure, cells = _grid(heads, sides, in_columns)
    for place, pictures in enumerate(strips.values()):
        for index, picture in enumerate(pictures):
            _picture(cells[index, place] if in_columns else cells[place, index], picture)
    return figure


def _grid(heads: Sequence[str], sides: Sequence[str], narrow: bool) -> tuple[Figure, np.ndarray]:
    """Square axes under each head and beside each side, all but touching; in a paper's column where
    `narrow`.
    """
    names = 0.07 * max(map(len, sides)) + 0.1  # about their width
    width, left, most = (style.COLUMN, 0.2, 0.95) if narrow else (style.PAGE, names, 0.7)
    step = min((width - left) / len(heads), most)
    across, down = left + step * len(heads), _TOP + step * len(sides)
    figure = Figure((across, down))
    cells = np.empty((len(sides), len(heads)), dtype=object)
    for row, column in np.ndindex(*cells.shape):
        corner = (left + step * column, step * (len(sides) - 1 - row))
        side = step - _GAP
        cells[row, column] = figure.add_axes(
            (corner[0] / across, corner[1] / down, side / across, side / down)
        )
    for axes, head in zip(cells[0], heads, strict=True):
        axes.set_title(head, pad=3, fontsize=7)
    for axes, name in zip(cells[:, 0], sides, strict=True):
        if narrow:
            axes.set_ylabel(name, fontsize=7, labelpad=3)
        else:
            axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=4)
    return figure, cells


def _picture(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)

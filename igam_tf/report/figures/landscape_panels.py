"""Panels of decision regions and losses around one image: Figure 7."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colors, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igam_tf.core.errors import InputError
from igam_tf.report.figures import style
from igam_tf.report.figures.landscape import Landscape

_LEAST = 1e-3  # smaller losses are drawn as this one
_TRUE, _OTHER = "#F2F2F2", "#999999"  # colours of the true class, and of classes beyond _WRONG
_WRONG = (
    *(style.VERMILION, style.BLUE, style.GREEN, style.PURPLE),
    *(style.ORANGE, style.SKY, style.YELLOW),
)
_LABELLED = 0.03  # share of a panel: smaller regions have no number


@style.styled()
def landscape_figure(landscapes: Mapping[str, Landscape]) -> Figure:
    """Draws decision regions above and cross-entropy below, with a column for each model.

    All panels share their scales. The true class is near white; every wrong class has a colour and
    its number. Losses are on a logarithmic scale, with contours at the marked losses. The + is the
    image, the x is PGD's adversarial example, and the dashed diamond is the ball of radius epsilon.

    Args:
      landscapes: by the title of the column.

    Raises:
      InputError: there is no landscape, or they differ in label, epsilon or offsets.
    """
    first = next(iter(landscapes.values()), None)
    if first is None:
        raise InputError("landscapes: expected at least one")
    planes = {(each.label, each.epsilon, *each.offsets) for each in landscapes.values()}
    if len(planes) > 1:
        raise InputError("landscapes: expected one label, epsilon and extent for all, they differ")
    figure, axes, bar = _panels(len(landscapes))
    fills, scale = _fills(list(landscapes.values())), _scale(list(landscapes.values()))
    lines = _round_losses(scale)
    for (name, plane), (above, below) in zip(landscapes.items(), axes.T, strict=True):
        _regions(above, plane, fills)
        surface = _loss(below, plane, scale, lines)
        for panel in (above, below):
            _frame(panel, plane)
            panel.tick_params(labelbottom=panel is below, labelleft=panel in axes[:, 0])
        above.set_title(name)
    for panel, what in zip(axes[:, 0], ("predicted class", "cross-entropy"), strict=True):
        panel.set_ylabel(what, labelpad=1)
    unit = "direction (pixel levels of 255)"
    figure.text(0.5, 0.01, f"adversarial {unit}", ha="center", va="bottom")
    figure.text(0.01, 0.5, f"random {unit}", ha="left", va="center", rotation=90)
    figure.colorbar(surface, cax=bar, label=f"cross-entropy of class {first.label}")
    bar.yaxis.set_major_locator(ticker.FixedLocator(lines))
    bar.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    bar.yaxis.set_minor_locator(ticker.NullLocator())
    for loss in lines:
        bar.axhline(loss, color="white", lw=0.7)
    return figure


def _panels(count: int) -> tuple[Figure, np.ndarray, Axes]:
    """Two rows of square panels that share their axes, and axes for the colour bar on the right."""
    # All sizes are in inches.
    left, right, bottom, top, gap = 0.72, 0.68, 0.45, 0.38, 0.14
    side = min((style.PAGE - left - right + gap) / count - gap, 1.35)
    width, height = left + count * (side + gap) - gap + right, bottom + 2 * side + gap + top
    figure = Figure((width, height))

    def place(x: float, y: float, across: float) -> tuple[float, float, float, float]:
        return x / width, y / height, across / width, side / height

    axes = np.empty((2, count), dtype=object)
    for row, column in np.ndindex(2, count):
        corner = left + column * (side + gap), bottom + (1 - row) * (side + gap)
        axes[row, column] = figure.add_axes(
            place(*corner, side), sharex=axes[0, 0], sharey=axes[0, 0]
        )
    return figure, axes, figure.add_axes(place(width - right + 0.08, bottom, 0.1))


def _fills(landscapes: list[Landscape]) -> dict[int, str]:
    """The colour of each class in all panels; the wrong classes with most area come first."""
    label = landscapes[0].label
    predicted = np.stack([each.predicted for each in landscapes])
    classes, areas = np.unique(predicted, return_counts=True)
    wrong = [int(each) for each in classes[np.argsort(-areas, kind="stable")] if each != label]
    spare = [_OTHER] * max(0, len(wrong) - len(_WRONG))
    return {label: _TRUE, **dict(zip(wrong, [*_WRONG, *spare], strict=False))}


def _scale(landscapes: list[Landscape]) -> colors.LogNorm:
    """From the least loss in any panel to the largest."""
    losses_of_all = np.stack([each.cross_entropy for each in landscapes])
    least = max(float(losses_of_all.min()), _LEAST)
    return colors.LogNorm(least, max(float(losses_of_all.max()), 2 * least))


def _round_losses(scale: colors.LogNorm) -> list[float]:
    """The losses marked on the scale: 1, 2 and 5 times powers of ten, or the powers alone if more
    than six losses would be marked.
    """
    assert scale.vmin is not None
    assert scale.vmax is not None
    candidates = [
        (factor, loss)
        for power in range(-4, 6)
        for factor in (1, 2, 5)
        if scale.vmin <= (loss := float(f"{factor}e{power}")) <= scale.vmax
    ]
    return [loss for factor, loss in candidates if len(candidates) <= 6 or factor == 1]


def _regions(axes: Axes, plane: Landscape, fills: dict[int, str]) -> None:
    """Draws the predicted classes, each with an outline and its number."""
    pixels = np.array([colors.to_rgb(fills[int(each)]) for each in plane.predicted.ravel()])
    _image(axes, pixels.reshape(*plane.predicted.shape, 3), plane, interpolation="nearest")
    distance = abs(plane.offsets)
    outside_ball = distance[:, None] + distance > 1.2 * plane.epsilon
    for each in np.unique(plane.predicted):
        region = plane.predicted == each
        if each != plane.label:
            _contour(axes, region, plane, [0.5], style.BLACK, 0.6)
        if region.mean() >= _LABELLED:
            # The number avoids the ball and its marks where the region reaches outside.
            outer = region & outside_ball
            row, column = _innermost(outer if outer.mean() >= _LABELLED / 2 else region)
            light = np.dot(colors.to_rgb(fills[int(each)]), (0.299, 0.587, 0.114)) > 0.5
            x, y, ink = plane.offsets[column], plane.offsets[row], style.BLACK if light else "white"
            axes.text(x, y, f"{each}", size=7, ha="center", va="center", color=ink)


def _loss(axes: Axes, plane: Landscape, scale: colors.LogNorm, lines: list[float]) -> Any:
    """Draws the cross-entropy with its contours."""
    loss = np.maximum(plane.cross_entropy, _LEAST)
    image = _image(axes, loss, plane, norm=scale, cmap="cividis", interpolation="bilinear")
    if levels := [level for level in lines if loss.min() < level < loss.max()]:
        _contour(axes, loss, plane, levels, "white", 0.7)
    return image


def _image(axes: Axes, pixels: np.ndarray, plane: Landscape, **look: Any) -> Any:
    """Shows one pixel at each point of the plane, centred there."""
    half = (plane.offsets[1] - plane.offsets[0]) / 2
    low, high = float(plane.offsets[0] - half), float(plane.offsets[-1] + half)
    return axes.imshow(pixels, origin="lower", extent=(low, high, low, high), **look)


def _contour(
    axes: Axes, values: np.ndarray, plane: Landscape, levels: list[float], color: str, width: float
) -> None:
    offsets = plane.offsets
    axes.contour(offsets, offsets, values, levels, colors=color, linewidths=width)


def _frame(axes: Axes, plane: Landscape) -> None:
    """Draws the ball, the image's + and the adversarial example's x, and sets the ticks."""
    radius = plane.epsilon
    x, y = [radius, 0, -radius, 0, radius], [0, radius, 0, -radius, 0]
    axes.plot(x, y, color=style.BLACK, ls="--", lw=0.8)
    for marker, place in (("+", 0.0), ("x", radius)):
        axes.plot(place, 0, marker, color="white", markersize=6, markeredgewidth=2.2)
        axes.plot(place, 0, marker, color=style.BLACK, markersize=5, markeredgewidth=1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.FixedLocator([-radius, 0, radius]))
    axes.spines[:].set_visible(True)
    axes.tick_params(pad=2)


def _innermost(region: np.ndarray) -> tuple[int, int]:
    """A point of a region [R, R] that is farthest from its edge, by removing layer after layer."""
    core = region
    while core.any():
        last = core
        around = np.pad(core, 1)
        core = core & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    points = np.argwhere(last)
    row, column = points[len(points) // 2]
    return int(row), int(column)

"""What a model says around one image, on the plane of its own adversarial direction and a random
one: Figure 7.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from matplotlib import colors, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igam_tf import attacks, gradients, losses
from igam_tf.core.bounds import Amount, as_bounds
from igam_tf.core.errors import InputError
from igam_tf.layers import bounds_of
from igam_tf.report.figures import style

_LEAST = 1e-3  # losses below are drawn as this one
_TRUE, _OTHER = "#F2F2F2", "#999999"
_WRONG = (
    style.VERMILION,
    style.BLUE,
    style.GREEN,
    style.PURPLE,
    style.ORANGE,
    style.SKY,
    style.YELLOW,
)
_LABELLED = 0.03  # of a panel: smaller regions go without their number


@dataclasses.dataclass(frozen=True)
class Landscape:
    """Classes and losses at image + a * adversarial direction + b * random direction, clipped to
    the pixel range.

    Attributes:
      predicted: int [R, R], the class at each point; rows are b, rising, columns are a, rising.
      cross_entropy: float32 [R, R], of the true class.
      offsets: float [R], the values of a and of b, in units of the pixel range's 255th part; 0 is
        among them.
      label: the true class.
      epsilon: the attack's radius, in the same unit.
    """

    predicted: np.ndarray
    cross_entropy: np.ndarray
    offsets: np.ndarray
    label: int
    epsilon: float


def landscape(
    model: keras.Model,
    image: np.ndarray,
    label: int,
    *,
    epsilon: Amount = "8/255",
    step_size: Amount = "2/255",
    steps: int = 20,
    extent: float = 2.0,
    resolution: int = 81,
    bounds: Any = None,
    seed: int = 0,
    batch_size: int = 256,
) -> Landscape:
    """The plane around an image, in BatchNorm mode `"moving"`: points of one plane are no batch of
    images.

    The adversarial direction is the perturbation that PGD finds (l-infinity, cross-entropy, random
    start), over its largest pixel's size; the random one has +1 or -1 at every pixel, drawn from
    `seed` and so the same for every model of these images. Both are 1 in l-infinity, and an offset
    is the size of the largest change of a pixel. They are not made orthogonal: at thousands of
    pixels they nearly are.

    Args:
      image: float32 [H, W, C] in the model's pixel range.
      extent: how far the plane reaches to all sides, in epsilons.
      resolution: points on a side; odd, so that the image itself is one of them.
      bounds: pixel range; None asks the model.

    Raises:
      InputError: an even or too small resolution, no extent, amounts out of range, or an attack
        that finds no direction.
    """
    require_resolution(resolution)
    if not extent > 0:
        raise InputError(f"extent: expected more than 0 epsilons, got {extent:g}")
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    radius = limits.amount(epsilon)
    found = attacks.pgd(
        model,
        image[None],
        np.array([label]),
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
        bounds=limits,
        seed=seed,
    )
    adversarial = found[0] - image
    largest = np.abs(adversarial).max()
    if not largest > 0:
        raise InputError(
            f"landscape: PGD leaves the image as it is at epsilon {epsilon}, so there is no direction"
        )
    random = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), image.shape)
    offsets = np.linspace(-extent * radius, extent * radius, resolution)
    offsets[resolution // 2] = 0  # exactly
    b, a = np.meshgrid(offsets, offsets, indexing="ij")
    predicted, loss = [], []
    for start in range(0, a.size, batch_size):
        chosen = slice(start, start + batch_size)
        along, across = (values.ravel()[chosen, None, None, None] for values in (a, b))
        points = image + along * (adversarial / largest) + across * random
        logits = gradients.logits_of(
            model, np.clip(points, limits.low, limits.high).astype(np.float32)
        )
        predicted.append(np.argmax(logits, -1))
        loss.append(np.asarray(losses.cross_entropy(np.full(len(points), label), logits)))
    shape = (resolution, resolution)
    return Landscape(
        np.concatenate(predicted).reshape(shape),
        np.concatenate(loss).reshape(shape).astype(np.float32),
        offsets / limits.range * 255,
        int(label),
        radius / limits.range * 255,
    )


def require_resolution(resolution: int) -> None:
    """Refuses what would miss the image, or be no plane.

    Raises:
      InputError: an even resolution, or one below 3.
    """
    if resolution < 3 or resolution % 2 == 0:
        raise InputError(f"resolution: expected an odd number of 3 or more, got {resolution}")


@style.styled()
def landscape_figure(landscapes: Mapping[str, Landscape]) -> Figure:
    """Decision regions above, cross-entropy below, a column for each model, one scale for all.

    The true class is near white, every wrong one has its colour and number. Losses are on a
    logarithmic scale, with lines at the losses that are marked on it. + is the image, x the point
    that PGD found, the dashed diamond the attack's ball.

    Raises:
      InputError: no landscape, or landscapes of different planes.
    """
    first = next(iter(landscapes.values()), None)
    if first is None:
        raise InputError("landscapes: expected at least one")
    if any(
        (found.label, found.epsilon, *found.offsets) != (first.label, first.epsilon, *first.offsets)
        for found in landscapes.values()
    ):
        raise InputError("landscapes: expected one label, epsilon and extent for all, they differ")
    figure, axes, bar = _panels(len(landscapes))
    fills, scale = _fills(list(landscapes.values())), _scale(list(landscapes.values()))
    lines = _round_losses(scale)
    for (name, found), (above, below) in zip(landscapes.items(), axes.T, strict=True):
        _regions(above, found, fills)
        surface = _loss(below, found, scale, lines)
        for panel in (above, below):
            _frame(panel, found)
            panel.tick_params(labelbottom=panel is below, labelleft=panel in axes[:, 0])
        above.set_title(name)
    for panel, what in zip(axes[:, 0], ("predicted class", "cross-entropy"), strict=True):
        panel.set_ylabel(what, labelpad=1)
    figure.text(0.5, 0.01, "adversarial direction (pixel levels of 255)", ha="center", va="bottom")
    figure.text(
        0.01, 0.5, "random direction (pixel levels of 255)", ha="left", va="center", rotation=90
    )
    figure.colorbar(surface, cax=bar, label=f"cross-entropy of class {first.label}")
    bar.yaxis.set_major_locator(ticker.FixedLocator(lines))
    bar.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    bar.yaxis.set_minor_locator(ticker.NullLocator())
    for loss in lines:
        bar.axhline(loss, color="white", lw=0.7)
    return figure


def _panels(count: int) -> tuple[Figure, np.ndarray, Axes]:
    """Two rows of square panels that share their axes, and a place for the scale beside the lower
    one; sizes in inches.
    """
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
    """Colours by class, the same in all panels; the wrong classes with the largest regions have the
    clearest ones.
    """
    label = landscapes[0].label
    classes, areas = np.unique(
        np.stack([found.predicted for found in landscapes]), return_counts=True
    )
    wrong = [int(each) for each in classes[np.argsort(-areas, kind="stable")] if each != label]
    spare = [_OTHER] * max(0, len(wrong) - len(_WRONG))
    return {label: _TRUE, **dict(zip(wrong, [*_WRONG, *spare], strict=False))}


def _scale(landscapes: list[Landscape]) -> colors.LogNorm:
    """From the least loss of all to the largest."""
    losses_of_all = np.stack([found.cross_entropy for found in landscapes])
    least = max(float(losses_of_all.min()), _LEAST)
    return colors.LogNorm(least, max(float(losses_of_all.max()), 2 * least))


def _round_losses(scale: colors.LogNorm) -> list[float]:
    """Losses on the scale that lines are drawn at: 1, 2 and 5 times powers of ten, or these alone
    where they are many.
    """
    assert scale.vmin is not None
    assert scale.vmax is not None
    found = [
        (factor, loss)
        for power in range(-4, 6)
        for factor in (1, 2, 5)
        if scale.vmin <= (loss := float(f"{factor}e{power}")) <= scale.vmax
    ]
    return [loss for factor, loss in found if len(found) <= 6 or factor == 1]


def _regions(axes: Axes, found: Landscape, fills: dict[int, str]) -> None:
    pixels = np.array([colors.to_rgb(fills[int(each)]) for each in found.predicted.ravel()])
    axes.imshow(
        pixels.reshape(*found.predicted.shape, 3),
        origin="lower",
        extent=_extent(found),
        interpolation="nearest",
    )
    reach = abs(found.offsets)
    beyond = reach[:, None] + reach > 1.2 * found.epsilon
    for each in np.unique(found.predicted):
        region = found.predicted == each
        if each != found.label:
            axes.contour(
                found.offsets, found.offsets, region, [0.5], colors=style.BLACK, linewidths=0.6
            )
        if region.mean() >= _LABELLED:
            # Clear of the ball and its marks, where the region reaches beyond.
            row, column = _innermost(
                region & beyond if (region & beyond).mean() >= _LABELLED / 2 else region
            )
            light = np.dot(colors.to_rgb(fills[int(each)]), (0.299, 0.587, 0.114)) > 0.5
            place, ink = (
                (found.offsets[column], found.offsets[row]),
                style.BLACK if light else "white",
            )
            axes.text(*place, f"{each}", size=7, ha="center", va="center", color=ink)


def _loss(axes: Axes, found: Landscape, scale: colors.LogNorm, lines: list[float]) -> Any:
    shown = np.maximum(found.cross_entropy, _LEAST)
    image = axes.imshow(
        shown,
        norm=scale,
        cmap="cividis",
        origin="lower",
        extent=_extent(found),
        interpolation="bilinear",
    )
    if crossed := [loss for loss in lines if shown.min() < loss < shown.max()]:
        axes.contour(found.offsets, found.offsets, shown, crossed, colors="white", linewidths=0.7)
    return image


def _frame(axes: Axes, found: Landscape) -> None:
    radius = found.epsilon
    axes.plot(
        [radius, 0, -radius, 0, radius],
        [0, radius, 0, -radius, 0],
        color=style.BLACK,
        ls="--",
        lw=0.8,
    )
    for marker, place in (("+", 0.0), ("x", radius)):
        axes.plot(place, 0, marker, color="white", markersize=6, markeredgewidth=2.2)
        axes.plot(place, 0, marker, color=style.BLACK, markersize=5, markeredgewidth=1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.FixedLocator([-radius, 0, radius]))
    axes.spines[:].set_visible(True)
    axes.tick_params(pad=2)


def _extent(found: Landscape) -> tuple[float, float, float, float]:
    """Of an image whose outer points are centres of its pixels."""
    half = (found.offsets[1] - found.offsets[0]) / 2
    low, high = float(found.offsets[0] - half), float(found.offsets[-1] + half)
    return low, high, low, high


def _innermost(region: np.ndarray) -> tuple[int, int]:
    """A point of a region [R, R] as far from its edge as any, by peeling layers off."""
    left = region
    while left.any():
        last = left
        around = np.pad(left, 1)
        left = left & around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    points = np.argwhere(last)
    row, column = points[len(points) // 2]
    return int(row), int(column)

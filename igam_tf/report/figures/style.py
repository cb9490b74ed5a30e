"""Colours, sizes and fonts of all figures, and their files: the same figure gives the same bytes.

The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), which people with any common
kind of colour vision can tell apart. Every colour comes with a marker, a line style and a hatch of
its own, for grey prints.
"""

import contextlib
import dataclasses
import io
import operator
import pathlib
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from igam_tf.core import files

# Inches: a column and the text's width of a two-column paper.
COLUMN, PAGE = 3.25, 6.875
DPI = 300

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#666666"
# Without yellow, because a yellow line cannot be seen on white.
PALETTE = (BLUE, VERMILION, GREEN, BLACK, PURPLE, ORANGE, SKY, GREY)
_MARKERS = "osD^vPX*"
_DASHES: tuple[Any, ...] = (
    *("-", "--", "-.", ":"),
    *((0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (6, 2)), (0, (3, 1, 1, 1))),
)
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "oo", "++", "--")

_SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # part of matplotlib, so every machine has it
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,  # TrueType: text can be searched and edited
}


@dataclasses.dataclass(frozen=True)
class Series:
    """The look of one data series, the same wherever the series appears in a figure."""

    color: str
    marker: str
    dashes: Any
    hatch: str


def series(index: int) -> Series:
    """The look of the index-th series; from the ninth on, colours return with other markers."""
    turn, first = divmod(index, len(PALETTE))
    second = (index + 3 * turn) % len(PALETTE)
    return Series(PALETTE[first], _MARKERS[second], _DASHES[second], _HATCHES[second])


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Replaces a user's matplotlib settings by the defaults and ours; restores them at the end.

    Both drawing and saving a figure need this context. It is also a decorator.
    """
    # Without the backend: setting it would choose one, and saving a figure needs none.
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    with matplotlib.rc_context({**defaults, **_SETTINGS}):
        yield


def subtitle(axes: Axes, text: str) -> None:
    """Puts small grey text above the axes, on the left."""
    axes.set_title(text, fontsize=6.5, color=GREY, loc="left")


def save(figure: Figure, path: pathlib.Path | str) -> list[pathlib.Path]:
    """Writes `path`.png (300 dpi) and `path`.pdf atomically, and creates missing directories.

    The files hold no time and no program's version: the same figure gives the same bytes.

    Returns:
      The paths of the two files, PNG first.

    Raises:
      OSError: a file cannot be written.
    """
    place = pathlib.Path(path)
    # Both are rendered before the first is written: a failure leaves the old files as they were.
    contents = {
        place.with_name(f"{place.name}.{suffix}"): _rendered(figure, suffix, DPI)
        for suffix in ("png", "pdf")
    }
    for file, content in contents.items():
        files.write(file, operator.methodcaller("write", content))
    return list(contents)


def png_bytes(figure: Figure, dpi: int = 160) -> bytes:
    """The content of a PNG file with the figure."""
    return _rendered(figure, "png", dpi)


@styled()
def _rendered(figure: Figure, kind: str, dpi: int) -> bytes:
    omitted = {"png": ("Software",), "pdf": ("Creator", "Producer", "CreationDate")}[kind]
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=dpi, metadata=dict.fromkeys(omitted))
    return stream.getvalue()

"""One look for all figures, and their files: vector PDF and PNG, the same bytes whenever the
picture is the same.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), told apart with every common kind of
colour vision; whatever has a colour also has a marker and a line style or a hatch of its own, so
that a print in grey can be read too.
"""

import contextlib
import dataclasses
import io
import operator
import pathlib
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from igam_tf.core import files

# Inches: a column and the text's width of a two-column paper.
COLUMN, PAGE = 3.25, 6.875
DPI = 300

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#666666"
PALETTE = (
    BLUE,
    VERMILION,
    GREEN,
    BLACK,
    PURPLE,
    ORANGE,
    SKY,
    GREY,
)  # yellow lines are lost on white
_MARKERS = "osD^vPX*"
_DASHES: tuple[Any, ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (1, 1)),
    (0, (6, 2)),
    (0, (3, 1, 1, 1)),
)
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "oo", "++", "--")

_SETTINGS: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],  # it comes with matplotlib, so that every machine has it
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
    "pdf.fonttype": 42,  # fonts as outlines that can be searched and edited
}


@dataclasses.dataclass(frozen=True)
class Series:
    """How one of several things is drawn wherever it appears in a figure."""

    color: str
    marker: str
    dashes: Any
    hatch: str


def series(index: int) -> Series:
    """The look of the index-th thing; after eight, colours come again with other markers and line
    styles.
    """
    turn = index // len(PALETTE)
    second = (index + 3 * turn) % len(PALETTE)
    return Series(
        PALETTE[index % len(PALETTE)], _MARKERS[second], _DASHES[second], _HATCHES[second]
    )


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Inside (it is a decorator, too), matplotlib has its own defaults and our settings, whatever a
    user's are; outside, nothing changes. Drawing and saving both need it.
    """
    # The backend is no part of it: figures are saved without one being chosen.
    defaults: dict[Any, Any] = {
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if not name.startswith("backend")
    }
    with matplotlib.rc_context(defaults | _SETTINGS):
        yield


def save(figure: Figure, path: pathlib.Path | str) -> list[pathlib.Path]:
    """Writes `path`.png (300 dpi) and `path`.pdf, each as a whole or not at all; directories are
    made.

    The files hold no time and no program's version: the same figure gives the same bytes.

    Returns:
      The files, PNG first.

    Raises:
      OSError: they cannot be written.
    """
    place = pathlib.Path(path)
    contents = {"png": _rendered(figure, "png", DPI), "pdf": _rendered(figure, "pdf", DPI)}
    written = []
    for suffix, content in contents.items():
        written.append(place.with_name(f"{place.name}.{suffix}"))
        files.write(written[-1], operator.methodcaller("write", content))
    return written


def png_bytes(figure: Figure, dpi: int = 160) -> bytes:
    """The picture as a PNG file's content, for embedding."""
    return _rendered(figure, "png", dpi)


@styled()
def _rendered(figure: Figure, kind: str, dpi: int) -> bytes:
    unsaid = {"png": ("Software",), "pdf": ("Creator", "Producer", "CreationDate")}[kind]
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=dpi, metadata=dict.fromkeys(unsaid))
    return stream.getvalue()

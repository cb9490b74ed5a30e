"""Clean and attacked accuracy as bars, with intervals: Figure 5."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from igam_tf.core.errors import InputError
from igam_tf.evaluation.records import EvalRecord
from igam_tf.report.figures import style
from igam_tf.report.figures.curves import conditions

_COLORS = (
    style.SKY,
    style.VERMILION,
    style.GREEN,
    style.BLUE,
    style.PURPLE,
)  # the first two are light and dark
_BAR, _ROOM = 0.33, 0.25  # inches: a bar, and the least one that a figure fits on
_TITLES = {"clean": "clean", "fgsm": "FGSM"}


@style.styled()
def accuracy_bars(
    records: Mapping[str, EvalRecord],
    columns: Sequence[str] = ("clean", "pgd5"),
    statistics: str | None = None,
) -> Figure:
    """A group of bars for each record, a bar for each column, with Wilson's 95 % intervals and the
    figure on top where it fits.

    Args:
      records: by row.
      columns: attacks, as the records name them, and `clean`.
      statistics: BatchNorm mode; each record's first by default.

    Raises:
      InputError: no record or column, or a record without such a column or mode.
    """
    if not records or not columns:
        raise InputError(
            f"bars: expected records and columns, got {len(records)} and {len(columns)}"
        )
    bars = len(records) * len(columns)
    page = max(style.COLUMN, min(style.PAGE, 0.7 + _BAR * bars))
    figure = Figure((page, 2.6), layout="constrained")
    axes = figure.subplots()
    has_room = 0.7 + _ROOM * bars <= page
    width = 0.8 / len(columns)
    for index, column in enumerate(columns):
        counts = [record.count(column, statistics) for record in records.values()]
        percent = np.array([100 * count.accuracy for count in counts])
        limits = 100 * np.array([count.interval for count in counts])
        places = np.arange(len(counts)) + (index - (len(columns) - 1) / 2) * width
        color, hatch = _COLORS[index % len(_COLORS)], style.series(index).hatch
        axes.bar(
            places,
            percent,
            0.94 * width,
            label=_title(column),
            color=color,
            hatch=hatch,
            ec="white",
            lw=0,
        )
        whiskers = np.abs(limits.T - percent)
        axes.errorbar(
            places, percent, whiskers, fmt="none", ecolor=style.BLACK, elinewidth=0.8, capsize=1.5
        )
        for place, value, (_, high) in (
            zip(places, percent, limits, strict=True) if has_room else ()
        ):
            axes.text(place, high + 1, f"{value:.1f}", size=5.5, ha="center", va="bottom")
    axes.set_xticks(
        range(len(records)), [name.replace("-", "-\n") for name in records], fontsize=6.5
    )
    axes.tick_params(axis="x", length=0)
    axes.set(
        xlim=(-0.5, len(records) - 0.5),
        ylim=(0, 108),
        yticks=range(0, 101, 20),
        ylabel="accuracy (%)",
    )
    axes.grid(axis="y")
    axes.set_title(
        conditions(list(records.values()), statistics), fontsize=6.5, color=style.GREY, loc="left"
    )
    figure.legend(loc="outside lower center", ncols=len(columns), handlelength=1.5)
    return figure


def _title(column: str) -> str:
    return _TITLES.get(column, column.upper())

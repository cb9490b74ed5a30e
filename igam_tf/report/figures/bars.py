"""Clean and attacked accuracy as bars, with intervals: Figure 5."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from igam_tf.core.errors import InputError
from igam_tf.evaluation.records import EvalRecord
from igam_tf.report.figures import style
from igam_tf.report.figures.curves import conditions

# The first two, light and dark, also differ in a grey print.
_COLORS = (style.SKY, style.VERMILION, style.GREEN, style.BLUE, style.PURPLE)
_BAR, _LABELLED_BAR = 0.33, 0.25  # inches: a bar's width, and the least width that has a number
_TITLES = {"clean": "clean", "fgsm": "FGSM"}


@style.styled()
def accuracy_bars(
    records: Mapping[str, EvalRecord],
    columns: Sequence[str] = ("clean", "pgd5"),
    statistics: str | None = None,
) -> Figure:
    """Draws a group of bars for each record, with a bar and Wilson's 95 % interval for each column.

    The accuracy stands on top of each bar where the bars are wide enough.

    Args:
      records: by row.
      columns: attacks, as the records name them, and `clean`.
      statistics: the BatchNorm mode; each record's first by default.

    Raises:
      InputError: there is no record or no column, or a record lacks a column or the mode.
    """
    if not records or not columns:
        raise InputError(
            f"bars: expected records and columns, got {len(records)} and {len(columns)}"
        )
    bars = len(records) * len(columns)
    page = max(style.COLUMN, min(style.PAGE, 0.7 + _BAR * bars))
    figure = Figure((page, 2.6), layout="constrained")
    axes = figure.subplots()
    labelled = 0.7 + _LABELLED_BAR * bars <= page
    width = 0.8 / len(columns)
    for index, column in enumerate(columns):
        counts = [record.count(column, statistics) for record in records.values()]
        percent = np.array([100 * count.accuracy for count in counts])
        limits = 100 * np.array([count.interval for count in counts])
        places = np.arange(len(counts)) + (index - (len(columns) - 1) / 2) * width
        color, hatch = _COLORS[index % len(_COLORS)], style.series(index).hatch
        bar = axes.bar(places, percent, 0.94 * width, color=color, hatch=hatch, ec="white", lw=0)
        bar.set_label(_TITLES.get(column, column.upper()))
        distance = np.abs(limits.T - percent)
        axes.errorbar(
            places, percent, distance, fmt="none", capsize=1.5, ecolor=style.BLACK, elinewidth=0.8
        )
        for place, value, (_, high) in zip(places, percent, limits, strict=True):
            if labelled:
                axes.text(place, high + 1, f"{value:.1f}", size=5.5, ha="center", va="bottom")
    names = [name.replace("-", "-\n") for name in records]
    axes.set_xticks(range(len(records)), names, fontsize=6.5)
    axes.tick_params(axis="x", length=0)
    axes.set(xlim=(-0.5, len(records) - 0.5), ylim=(0, 108))
    axes.set(yticks=range(0, 101, 20), ylabel="accuracy (%)")
    axes.grid(axis="y")
    style.subtitle(axes, conditions(list(records.values()), statistics))
    figure.legend(loc="outside lower center", ncols=len(columns), handlelength=1.5)
    return figure

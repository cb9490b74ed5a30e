"""plot_figure: draws a figure of the paper, or accuracy against PGD steps, as PNG and PDF.

Figures are drawn from the runs in --runs_dir. Missing runs are trained and scored first, as
reproduce_table does; a second call only draws.

Figures:
  1, 4, 6   input gradients of the cross-entropy; mid-grey is 0
  5         clean and PGD-5 accuracy on Tiny-ImageNet
  7         predicted classes and losses along PGD's direction and a random one
  curves    accuracy of a table's rows under PGD-k against k

  plot_figure --figure=4                        # on embedded data
  plot_figure --figure=7 --preset=paper         # the paper's sizes, for GPUs
  plot_figure --figure=curves --table=2
  plot_figure --figure=curves --from=results/curve-cpu.json   # from records; needs no runs
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from igam_tf.cli import shared, studies
from igam_tf.core.command import Command
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import STATISTICS
from igam_tf.experiments import paper_figures, tables
from igam_tf.experiments.options import Options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LANDSCAPE, _BARS, _CURVES = "7", "5", "curves"
_GRADIENTS = tuple(figure for figure in paper_figures.ROWS if figure != _LANDSCAPE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlotFigureFlags(Settings):
    figure: Annotated[
        str, Setting("The figure to draw.", choices=(*_GRADIENTS, _BARS, _LANDSCAPE, _CURVES))
    ] = "1"
    table: Annotated[
        str | None,
        Setting(
            f"curves: the table whose rows to draw. One of {', '.join(tables.TABLES)}, by default "
            "1; or one of the tables of --from, by default its only one.",
        ),
    ] = None
    study: studies.From = None
    preset: shared.Preset = "demo"
    rows: shared.Rows = ()
    num_images: Annotated[
        int | None,
        Setting("Figures 1, 4, 6: number of images; by default as in the paper.", at_least=1),
    ] = None
    num_examples: Annotated[
        int | None,
        Setting("Figure 5 and curves: test images per row; by default the preset's.", at_least=1),
    ] = None
    resolution: Annotated[
        int | None,
        Setting(
            "Figure 7: points per side of the plane, an odd number; 81 by default.", at_least=1
        ),
    ] = None
    statistics: Annotated[
        str, Setting("BatchNorm mode; figure 7 takes only moving.", choices=STATISTICS)
    ] = "moving"
    seed: Annotated[int, Setting("Seed of all runs and of everything random in the figure.")] = 0
    output: Annotated[
        pathlib.Path, Setting("Directory for the files, which are named after the figure.")
    ] = pathlib.Path("figures")
    options: Options = Options()


# The figures that each of these flags applies to.
_FIGURES_OF_FLAG = {
    "table": (_CURVES,),
    "num_images": _GRADIENTS,
    "num_examples": (_BARS, _CURVES),
    "resolution": (_LANDSCAPE,),
}
COMMAND = Command("plot_figure", __doc__, PlotFigureFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: PlotFigureFlags) -> None:
    _require_applicable(flags)
    from igam_tf.core import files

    if flags.study is not None:
        name, figure = _figure_of_study(flags, flags.study)
        place = flags.output / name
        files.require_place(place, "output")
    else:
        place = flags.output / _name(flags, flags.table or "1", flags.preset)
        files.require_place(place, "output")
        figure = _figure(flags)
    from igam_tf.report.figures import style

    for file in style.save(figure, place):
        print(f"written: {file}", flush=True)


def _name(flags: PlotFigureFlags, table: str, preset: str) -> str:
    """The files' name: figure, preset and seed, and the BatchNorm mode unless it is `moving`."""
    rows = f"table{table}" if table.isdigit() else table
    kind = f"curves-{rows}" if flags.figure == _CURVES else f"figure{flags.figure}"
    mode = "" if flags.statistics == "moving" else f"-{flags.statistics}"
    return f"{kind}-{preset}-seed{flags.seed}{mode}"


def _figure(flags: PlotFigureFlags) -> "Figure":
    from igam_tf import report
    from igam_tf.report.figures import draw

    if flags.figure in (_BARS, _CURVES):
        name = "figure5" if flags.figure == _BARS else flags.table or "1"
        draw_records = draw.bar_figure if flags.figure == _BARS else draw.curve_figure
        return draw_records(
            tables.table(name, flags.preset, flags.seed),
            flags.options,
            flags.statistics,
            rows=flags.rows,
            num_examples=flags.num_examples,
            progress=report.progress,
        )
    picture = paper_figures.figure(flags.figure, flags.preset, flags.seed)
    if flags.figure == _LANDSCAPE:
        return draw.landscape_figure(
            picture, flags.options, flags.rows, flags.seed, flags.resolution or 81
        )
    return draw.gradient_figure(
        picture, flags.options, flags.rows, flags.num_images, flags.statistics
    )


def _figure_of_study(flags: PlotFigureFlags, path: pathlib.Path) -> tuple[str, "Figure"]:
    """The figure's name and the figure, drawn from a study's records."""
    if flags.figure not in (_BARS, _CURVES):
        raise InputError(
            f"figure: expected {_BARS} or {_CURVES} with --from, got {flags.figure}, "
            "which needs models"
        )
    studies.require_usable(
        flags, ("study", "figure", "table", "rows", "statistics", "seed", "output", "options")
    )
    from igam_tf.report.figures import bars, curves

    table = "figure5" if flags.figure == _BARS else flags.table
    declared, records = studies.table_records(path, table, flags.seed, flags.rows, flags.options)
    name = _name(flags, declared.name, declared.preset)
    if flags.figure == _BARS:
        return name, bars.accuracy_bars(records, ("clean", "pgd5"), flags.statistics)
    return name, curves.k_curves(records, flags.statistics)


def _require_applicable(flags: PlotFigureFlags) -> None:
    """Refuses, before any work, flags that do not apply to the figure."""
    for flag, figures in _FIGURES_OF_FLAG.items():
        if getattr(flags, flag) is not None and flags.figure not in figures:
            expected = " or ".join(figures)
            raise InputError(f"{flag}: expected --figure={expected}, got --figure={flags.figure}")
    if flags.figure == _LANDSCAPE and flags.statistics != "moving":
        raise InputError(
            f"statistics: expected moving for figure 7, got {flags.statistics} "
            "(the points of a plane are no batch of images)"
        )


if __name__ == "__main__":
    sys.exit(main())

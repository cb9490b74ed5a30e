"""plot_figure: a figure of the paper, or a table's accuracy against PGD's number of steps, as PNG and PDF.

Drawn from saved runs. What is missing is trained and scored as reproduce_table does with the same runs_dir; a second call only
draws.

  plot_figure --figure=4                        input gradients of Tables 1's and 2's models, embedded data
  plot_figure --figure=7 --preset=paper         the paper's sizes: for GPUs
  plot_figure --figure=curves --table=2         accuracy under PGD-k against k

1, 4, 6: input gradients of the cross-entropy, each clipped to three standard deviations, grey being 0. 5: clean and PGD-5
accuracy on Tiny-ImageNet. 7: classes and losses along PGD's direction and a random one.
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command
from igam_tf.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COMMAND = Command("plot_figure", __doc__)
_VALUES = _COMMAND.flags
_GRADIENTS = ("1", "4", "6")
# Flags to the figures that they are for.
_MEANT = {
    "table": ("curves",),
    "num_images": _GRADIENTS,
    "num_examples": ("5", "curves"),
    "resolution": ("7",),
}
flags.DEFINE_enum("figure", "1", [*_GRADIENTS, "5", "7", "curves"], "Which one.", flag_values=_VALUES)
flags.DEFINE_enum(
    "table",
    None,
    shared.TABLES,
    "Whose rows the curves are of; 1 by default.",
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "preset", "demo", ["demo", "cpu", "paper"], "Sizes: embedded data, two cores, or the paper's.", flag_values=_VALUES
)
flags.DEFINE_list("rows", [], "Only these rows; all by default.", flag_values=_VALUES)
flags.DEFINE_integer(
    "num_images", None, "Figures 1, 4, 6: images shown; the figure's own by default.", flag_values=_VALUES
)
flags.DEFINE_integer(
    "num_examples",
    None,
    "Figure 5 and curves: test images per row; the preset's by default.",
    lower_bound=1,
    flag_values=_VALUES,
)
flags.DEFINE_integer(
    "resolution", None, "Figure 7: points on each side of the plane, an odd number; 81 by default.", flag_values=_VALUES
)
flags.DEFINE_enum(
    "statistics", "moving", ["moving", "batch"], "BatchNorm mode; 7 has moving alone.", flag_values=_VALUES
)
flags.DEFINE_integer("seed", 0, "Of all runs and of everything else drawn at random.", flag_values=_VALUES)
flags.DEFINE_string(
    "data_dir",
    None,
    "Where TFDS's prepared data, or tiny-imagenet-200, is; TFDS_DATA_DIR, else ~/tensorflow_datasets.",
    flag_values=_VALUES,
)
flags.DEFINE_string("output", "figures", "Directory for the files, which are named by the figure.", flag_values=_VALUES)
shared.define_runs_dir(_COMMAND)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    _require_meaning(values)
    from igam_tf import files

    place = pathlib.Path(values.output) / _name(values)
    files.require_place(place, "output")
    figure = _figure(values)
    from igam_tf.figures import style

    for file in style.save(figure, place):
        print(f"written: {file}", flush=True)


def _name(values: Any) -> str:
    """Of the files: what they show, at which sizes, from which seed; the BatchNorm mode where it is not the usual one."""
    table = values.table or "1"
    of = f"table{table}" if table.isdigit() else table
    kind = f"curves-{of}" if values.figure == "curves" else f"figure{values.figure}"
    mode = "" if values.statistics == "moving" else f"-{values.statistics}"
    return f"{kind}-{values.preset}-seed{values.seed}{mode}"


def _figure(values: Any) -> "Figure":
    from igam_tf import report
    from igam_tf.experiments import pictures, tables
    from igam_tf.figures import draw

    options = shared.options(values)
    if values.figure in ("5", "curves"):
        name = "figure5" if values.figure == "5" else values.table or "1"
        drawn = draw.bar_figure if values.figure == "5" else draw.curve_figure
        return drawn(
            tables.table(name, values.preset, values.seed),
            options,
            values.statistics,
            rows=values.rows,
            num_examples=values.num_examples,
            progress=report.progress,
        )
    picture = pictures.picture(values.figure, values.preset, values.seed)
    if values.figure == "7":
        return draw.landscape_figure(picture, options, values.rows, values.seed, values.resolution or 81)
    return draw.gradient_figure(picture, options, values.rows, values.num_images, values.statistics)


def _require_meaning(values: Any) -> None:
    """Refuses, before any work, flags that the figure has no use for."""
    for flag, figures in _MEANT.items():
        if getattr(values, flag) is not None and values.figure not in figures:
            raise InputError(f"{flag}: it is for --figure={' or '.join(figures)}, not for {values.figure}")
    if values.figure == "7" and values.statistics != "moving":
        raise InputError(
            f"statistics: figure 7 has moving alone (a plane is no batch of images), got {values.statistics}"
        )

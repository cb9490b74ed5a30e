"""The paper's figures that are drawn from models, as rows of its tables.

1       input gradients of a non-robust and a robust model on CIFAR-10 (§2): Table 1's baselines
4, 6    input gradients of §5.1's models, on a few images and on more (§5.1.3): Tables 1 and 2
7       decision regions and losses of IGAM-CIFAR10 without L_diff, without L_adv and with both,
        beside plain training (§5.2): Tables 3, 4 and 5

Figure 5, of clean and PGD-5 accuracy on Tiny-ImageNet (§5.3), is drawn from the table `figure5`.
"""

import dataclasses
import types
from collections.abc import Mapping

from igam_tf.core.errors import InputError
from igam_tf.experiments import table1, table2, tables
from igam_tf.experiments.configs import Row, Run, StudentRun


@dataclasses.dataclass(frozen=True)
class PaperFigure:
    """A figure drawn from models, at one preset.

    Attributes:
      rows: by the tables' names, in the figure's order.
      dataset: the source of the test images.
      images: number of test images in the paper's layout.
    """

    name: str
    rows: Mapping[str, Row]
    dataset: str
    images: int


_TABLES_1_AND_2 = (
    *(("1", row) for row in table1.PUBLISHED if row != "PGD7-trained"),
    *(("2", row) for row in table2.PUBLISHED if row not in table1.PUBLISHED),
    ("1", "PGD7-trained"),
)

# Figure to its rows, by table.
ROWS: Mapping[str, tuple[tuple[str, str], ...]] = types.MappingProxyType(
    {
        "1": (("1", "Standard"), ("1", "PGD7-trained")),
        "4": _TABLES_1_AND_2,
        "6": _TABLES_1_AND_2,
        "7": (
            ("3", "Standard"),
            ("4", "lambda_diff 0"),
            ("5", "lambda_adv 0"),
            ("4", "lambda_diff 10"),
        ),
    }
)
_IMAGES = {"1": 4, "4": 5, "6": 10, "7": 1}


def figure(name: str, preset: str, seed: int = 0) -> PaperFigure:
    """The declaration of a figure that is drawn from models.

    Raises:
      InputError: no such figure or preset.
    """
    if name not in ROWS:
        raise InputError(f"figure: expected one of {', '.join(ROWS)}, got {name!r}")
    declared = {table: tables.table(table, preset, seed) for table, _ in ROWS[name]}
    rows = {row: declared[table].rows[row] for table, row in ROWS[name]}
    return PaperFigure(name, rows, declared[ROWS[name][0][0]].scoring.dataset, _IMAGES[name])


def panel_title(index: int, row: str, run: Run) -> str:
    """The title of a panel of Figure 7: the paper's, with this run's lambdas."""
    letter = "abcdefghijklmnopqrstuvwxyz"[index]
    if not isinstance(run, StudentRun):
        return f"({letter}) {row}"
    adv, diff = (
        rf"$\lambda_\mathrm{{{term}}}={value:g}$"
        for term, value in (("adv", run.lambda_adv), ("diff", run.lambda_diff))
    )
    return f"({letter}) IGAM\n{adv}, {diff}"

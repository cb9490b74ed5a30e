"""The paper's figures as rows of its tables.

1       input gradients of a non-robust and a robust model on CIFAR-10 (§2): Table 1's baselines
4, 6    input gradients of all of §5.1's models, on a few images and on more (§5.1.3): Tables 1 and
2 5       clean and PGD-5 accuracy on Tiny-ImageNet (§5.3): the table `figure5`
7       decision regions and losses of IGAM-CIFAR10 without L_diff, without L_adv and with both,
        beside plain training (§5.2): Tables 3, 4 and 5
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
      dataset: whose test images the models take.
      images: how many the paper's layout has room for.
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


def picture(name: str, preset: str, seed: int = 0) -> PaperFigure:
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
    """Of Figure 7's panels, as the paper's caption has them, with this preset's lambdas."""
    letter = "abcdefghijklmnopqrstuvwxyz"[index]
    if not isinstance(run, StudentRun):
        return f"({letter}) {row}"
    adv, diff = (
        rf"$\lambda_\mathrm{{{term}}}={value:g}$"
        for term, value in (("adv", run.lambda_adv), ("diff", run.lambda_diff))
    )
    return f"({letter}) IGAM\n{adv}, {diff}"

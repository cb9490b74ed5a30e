"""Tables 4 and 5: what each of the two terms adds (§5.2, "Roles of Loss Terms").

The runs are Table 3's IGAM-CIFAR10, with one lambda at four shares of its own value: at `paper`,
lambda_diff 0, 2.5, 5 and 10 beside lambda_adv 2, and lambda_adv 0, 0.5, 1 and 2 beside lambda_diff
10. Rows have the paper's names at every preset.

    bin/reproduce_table --table=4       # demo: 4 minutes on two cores after Table 3
    bin/reproduce_table --table=5       # demo: 5 minutes
"""

import dataclasses

from igam_tf.experiments import table3
from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.sizes import by_column

PUBLISHED = {
    "4": by_column(
        ("pgd20", "clean"),
        {
            "lambda_diff 0": (16.0, 58.9),
            "lambda_diff 2.5": (16.3, 61.8),
            "lambda_diff 5": (21.7, 62.9),
            "lambda_diff 10": (21.7, 62.4),
        },
    ),
    "5": by_column(
        ("pgd20", "clean"),
        {
            "lambda_adv 0": (3.9, 78.4),
            "lambda_adv 0.5": (4.34, 77.4),
            "lambda_adv 1": (7.37, 74.3),
            "lambda_adv 2": (21.7, 62.4),
        },
    ),
}
SHARES = (0.0, 0.25, 0.5, 1.0)


def declare_diff(preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 4; `teacher` stands for the robust CIFAR-10 network, as in Table 3."""
    return _declare("4", "lambda_diff", preset, seed, teacher)


def declare_adv(preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 5."""
    return _declare("5", "lambda_adv", preset, seed, teacher)


def _declare(name: str, term: str, preset: str, seed: int, teacher: Weights | None) -> Table:
    base = table3.declare(preset, seed, teacher)
    student = base.student("IGAM-CIFAR10")
    value = getattr(student, term)
    rows = {
        row: dataclasses.replace(student, **{term: share * value})
        for row, share in zip(PUBLISHED[name], SHARES, strict=True)
    }
    scoring = dataclasses.replace(base.scoring, attacks=("pgd20",))
    title = f"{term} at the paper's shares of {value:g}"
    return Table(name, preset, title, rows, scoring, PUBLISHED[name], against_first=True)

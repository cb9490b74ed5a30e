"""Tables 4 and 5: what each of the two terms adds (§5.2), on Table 3's IGAM-CIFAR10."""

import dataclasses

from igam_tf.experiments import published, recipes
from igam_tf.experiments.configs import Run, Table, Weights

# Shares of the student's own lambda: the paper's 0, 2.5, 5, 10 of 10, and 0, 0.5, 1, 2 of 2.
_SHARES = (0.0, 0.25, 0.5, 1.0)


def declare_diff(preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 4; `teacher` is the source model, as in the table that the student is from."""
    return _declare("4", "lambda_diff", preset, seed, teacher)


def declare_adv(preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 5."""
    return _declare("5", "lambda_adv", preset, seed, teacher)


def _declare(name: str, term: str, preset: str, seed: int, teacher: Weights | None) -> Table:
    made = recipes.of(preset, seed, {"cifar10": teacher})
    student = made.student("3", "IGAM-CIFAR10")
    figures = {"4": published.TABLE_4, "5": published.TABLE_5}[name]
    rows: dict[str, Run] = {
        row: dataclasses.replace(student, **{term: share * getattr(student, term)})
        for row, share in zip(figures, _SHARES, strict=True)
    }
    title = f"{term} at the paper's shares of {getattr(student, term):g}"
    return Table(
        name,
        preset,
        title,
        rows,
        made.scoring(name, "cifar100", ("pgd20",)),
        figures,
        against_first=True,
    )

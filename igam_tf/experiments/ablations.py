"""Tables 4 and 5: what each of the two terms adds (§5.2), on IGAM-CIFAR10.

demo    Table 1's demo student, with lambdas in the paper's proportions
paper   CIFAR-10 -> CIFAR-100, WRN-32-10, the release's schedule
"""

import dataclasses

from igam_tf import paper
from igam_tf.errors import InputError
from igam_tf.experiments import recipes, table1
from igam_tf.experiments.configs import Run, Scoring, StudentRun, Table, Weights

# Shares of the student's own lambda: the paper's 0, 2.5, 5, 10 of 10, and 0, 0.5, 1, 2 of 2.
_SHARES = (0.0, 0.25, 0.5, 1.0)


def declare_diff(preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 4; `teacher` is the source model, as in the table that the student is from."""
    return _declare("4", "lambda_diff", preset, seed, teacher)


def declare_adv(preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 5."""
    return _declare("5", "lambda_adv", preset, seed, teacher)


def _declare(name: str, term: str, preset: str, seed: int, teacher: Weights | None) -> Table:
    if preset == "demo":
        student = table1.declare(preset, seed, teacher).rows["IGAM-MNIST"]
        dataset, examples = "shapes32", 500
    elif preset == "paper":
        student = recipes.student("3", "IGAM-CIFAR10", teacher or recipes.cifar10_teacher(seed), seed)
        dataset, examples = "cifar100", 10_000
    else:
        raise InputError(f"table {name}: it has the presets demo and paper, got {preset!r}")
    assert isinstance(student, StudentRun)
    published = {"4": paper.TABLE_4, "5": paper.TABLE_5}[name]
    rows: dict[str, Run | str] = {
        row: dataclasses.replace(student, **{term: share * getattr(student, term)})
        for row, share in zip(published, _SHARES, strict=True)
    }
    scoring = Scoring(dataset, examples, ("pgd20",), seed=seed)
    title = f"{term} at the paper's shares of {getattr(student, term):g}"
    return Table(name, preset, title, rows, scoring, published, against_first=True)

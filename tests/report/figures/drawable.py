"""A tiny figure and a tiny table, to be drawn from saved runs."""

import dataclasses

from igam_tf.core.errors import InputError
from igam_tf.experiments.configs import Absent, Data, Row, Scoring, Table
from igam_tf.experiments.paper_figures import PaperFigure

from ...experiments import small

ROWS: dict[str, Row] = {
    "Standard": dataclasses.replace(small.ROBUST, adversary=None),
    "Unwritten": Absent("not at this preset"),
    "Elsewhere": dataclasses.replace(small.ROBUST, data=Data("mnist")),
    "PGD": small.ROBUST,
}
PICTURE = PaperFigure("4", ROWS, "shapes28", 3)
TABLE = Table(
    "figure5",
    "tiny",
    "a tiny table",
    ROWS,
    Scoring("shapes28", 12, ("pgd5",), statistics=("moving",), strong_examples=6),
)
TRAINABLE = ["Standard", "PGD"]


def refuse(run, *_, **__) -> None:
    """Replaces `runs.train` where every trainable row is trained."""
    if run is ROWS["Elsewhere"]:
        raise InputError("dataset mnist: not found")
    raise AssertionError(f"trained {run}")

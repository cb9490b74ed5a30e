"""The tables by name: the paper's by their numbers, and our own."""

from collections.abc import Callable

from igam_tf.core.errors import InputError
from igam_tf.experiments import (
    ablations,
    controls,
    figure5,
    protocols,
    sweep,
    table1,
    table2,
    table3,
)
from igam_tf.experiments.configs import Table, Weights

TABLES: dict[str, Callable[[str, int, Weights | None], Table]] = {
    "1": table1.declare,
    "2": table2.declare,
    "3": table3.declare,
    "4": ablations.declare_diff,
    "5": ablations.declare_adv,
    "figure5": figure5.declare,
    "halves": table2.declare_halves,
    "controls": controls.declare,
    "sweep": sweep.declare,
    "protocols": protocols.declare,
    "protocols_upsize": protocols.declare_upsize,
}


def table(name: str, preset: str, seed: int = 0, teacher: Weights | None = None) -> Table:
    """The declaration of a table.

    Args:
      preset: `demo`, `cpu` or `paper`.
      seed: of all its runs and of the attacks' starts.
      teacher: a robust source model to use instead of training one.

    Raises:
      InputError: no such table or preset.
    """
    if name not in TABLES:
        raise InputError(f"table: expected one of {', '.join(TABLES)}, got {name!r}")
    return TABLES[name](preset, seed, teacher)

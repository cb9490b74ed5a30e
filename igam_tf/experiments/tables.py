"""The tables by name: the paper's by their numbers, and our own."""

import dataclasses
from collections.abc import Callable
from typing import Any

from igam_tf.core.errors import InputError
from igam_tf.experiments import (
    controls,
    figure5,
    halves,
    protocols,
    sweep,
    table1,
    table2,
    table3,
    tables_4_5,
)
from igam_tf.experiments.configs import Absent, RobustRun, Run, Table, Weights
from igam_tf.experiments.sizes import PRESETS

TABLES: dict[str, Callable[[str, int, Weights | None], Table]] = {
    "1": table1.declare,
    "2": table2.declare,
    "3": table3.declare,
    "4": tables_4_5.declare_diff,
    "5": tables_4_5.declare_adv,
    "figure5": figure5.declare,
    "halves": halves.declare,
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
    require_name(name)
    if preset not in PRESETS:
        raise InputError(f"preset: expected one of {', '.join(PRESETS)}, got {preset!r}")
    return TABLES[name](preset, seed, teacher)


def require_name(name: str) -> None:
    """Refuses a name that no table has.

    Raises:
      InputError: names the tables.
    """
    if name not in TABLES:
        raise InputError(f"table: expected one of {', '.join(TABLES)}, got {name!r}")


def at_precision(table: Table, precision: str) -> Table:
    """The table with all its runs and their teachers' in that precision."""
    rows = {
        name: run if isinstance(run, Absent) else run_at_precision(run, precision)
        for name, run in table.rows.items()
    }
    return dataclasses.replace(table, rows=rows)


def run_at_precision(run: Run, precision: str) -> Run:
    """The run and its teachers' runs in that precision; weights on disk stay what they are."""
    changes: dict[str, Any] = {"precision": precision}
    if not isinstance(run, RobustRun) and not isinstance(run.teacher, Weights):
        changes["teacher"] = run_at_precision(run.teacher, precision)
    return dataclasses.replace(run, **changes)

"""The paper's tables by number."""

from collections.abc import Callable

from igam_tf.errors import InputError
from igam_tf.experiments import table1, table2, table3
from igam_tf.experiments.configs import Table, Weights

TABLES: dict[int, Callable[[str, int, Weights | None], Table]] = {
    1: table1.declare,
    2: table2.declare,
    3: table3.declare,
}


def table(number: int, preset: str, seed: int = 0, teacher: Weights | None = None) -> Table:
    """The declaration of a table.

    Args:
      preset: `demo`, `cpu` or `paper`.
      seed: of all its runs and of the attacks' starts.
      teacher: a robust source model to use instead of training one.

    Raises:
      InputError: no such table or preset.
    """
    if number not in TABLES:
        raise InputError(f"table: expected one of {', '.join(map(str, TABLES))}, got {number}")
    return TABLES[number](preset, seed, teacher)

"""Trains and scores a table's rows; what is finished is reused."""

import dataclasses
import pathlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from igam_tf import evaluation
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.experiments import runs
from igam_tf.experiments.configs import Absent, Run, Scoring, Table, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.scoring import is_scored, score

NOT_REQUESTED = "not asked for (--rows)"


@dataclasses.dataclass(frozen=True)
class Result:
    """A row's result.

    Attributes:
      record: None where the row is absent.
      note: why the row is absent, or the path of its weights on disk.
      directory: of the records.
      strong: the record of the chain `strong`, with its diagnosis, on fewer images.
      command: made the result; empty where the table's declaration tells it.
    """

    record: evaluation.EvalRecord | None
    note: str = ""
    directory: pathlib.Path | None = None
    strong: evaluation.EvalRecord | None = None
    command: str = ""


def reproduce(
    table: Table,
    options: Options,
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    statistics: Sequence[str] = (),
    weights: Mapping[str, Weights] = types.MappingProxyType({}),
    progress: Callable[[str], Any] = lambda row: None,
) -> dict[str, Result]:
    """The results of all rows, in the table's order.

    Args:
      rows: train and score only these; the other rows are absent.
      num_examples, statistics: replace those of the table's scoring.
      weights: models on disk by row; such a row is scored without any training.
      progress: row name to the progress callback of `igam_tf.evaluation.evaluate`.

    Raises:
      InputError: the table has no such row, or there is no such BatchNorm mode.
    """
    table = adjusted(table, rows, num_examples, statistics, weights)
    results = {}
    for name, run in table.rows.items():
        model = weights.get(name, run)
        if rows and name not in rows:
            results[name] = Result(None, NOT_REQUESTED)
        elif isinstance(model, Absent):
            results[name] = Result(None, model.reason)
        else:
            try:
                results[name] = _result(model, table.scoring, options, name, progress)
            except (InputError, DivergedError) as error:
                results[name] = Result(None, str(error))
    return results


def _result(
    model: Run | Weights,
    scoring: Scoring,
    options: Options,
    row: str,
    progress: Callable[[str], Any],
) -> Result:
    if isinstance(model, Weights):
        directory, path, kind = runs.directory_of_weights(model, options), model.path, model.kind
        directory.mkdir(parents=True, exist_ok=True)
    else:
        directory = runs.directory_of(model, options)
        if not is_scored(directory, scoring):  # finished records do not need the trained model
            runs.ensure(model, options)
        path, kind = str(directory), None
    record, strong = score(directory, path, scoring, options, progress(row), kind)
    note = f"weights: {path}" if isinstance(model, Weights) else ""
    return Result(record, note, directory, strong)


def adjusted(
    table: Table,
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    statistics: Sequence[str] = (),
    weights: Mapping[str, Weights] = types.MappingProxyType({}),
) -> Table:
    """The table with the changed scoring; arguments and errors are those of `reproduce`."""
    if unknown := [row for row in (*rows, *weights) if row not in table.rows]:
        raise InputError(
            f"rows: table {table.name} has {', '.join(table.rows)}, not {', '.join(unknown)}"
        )
    scoring = dataclasses.replace(
        table.scoring,
        num_examples=num_examples or table.scoring.num_examples,
        statistics=tuple(statistics) or table.scoring.statistics,
    )
    return dataclasses.replace(table, scoring=scoring)

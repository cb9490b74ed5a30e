"""A table's rows, trained and scored; finished parts are reused."""

import dataclasses
import pathlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from igam_tf import evaluation
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.experiments import runs, scoring
from igam_tf.experiments.configs import Absent, Table, Weights
from igam_tf.experiments.options import Options

NOT_REQUESTED = "not asked for (--rows)"


@dataclasses.dataclass(frozen=True)
class Result:
    """A row's record, or why there is none; `note` says which, or where given weights came from.

    `strong` is the record of the chain `strong`, with its diagnosis, on fewer images. `command` is
    what made the result, where that is known and not to be composed from the table's declaration.
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
    given: Mapping[str, Weights] = types.MappingProxyType({}),
    progress: Callable[[str], Any] = lambda row: None,
) -> dict[str, Result]:
    """Every row of a table, in its order, as a record or the reason for its absence.

    Args:
      rows: only these; the others are absent as not asked for.
      num_examples, statistics: instead of the table's own.
      given: rows scored from weights on disk, their configurations untouched and nothing trained
        for them.
      progress: row name to the progress callback of `igam_tf.evaluation.evaluate`.

    Raises:
      InputError: a row that the table has not, or a BatchNorm mode that there is not.
    """
    table = adjusted(table, rows, num_examples, statistics, given)
    asked = table.scoring
    results = {}
    for name, run in table.rows.items():
        if rows and name not in rows:
            results[name] = Result(None, NOT_REQUESTED)
            continue
        if isinstance(run, Absent) and name not in given:
            results[name] = Result(None, run.reason)
            continue
        try:
            if name in given:
                directory, model = runs.directory_of_weights(given[name], options), given[name].path
                directory.mkdir(parents=True, exist_ok=True)
            else:
                assert not isinstance(run, Absent)
                directory = runs.directory_of(run, options)
                if not scoring.is_scored(
                    directory, asked
                ):  # records tell what they tell without the weights, too
                    runs.ensure(run, options)
                model = str(directory)
            told = progress(name)
            record = scoring.score(directory, model, asked, options, told, given.get(name))
            strong = scoring.score_strongly(directory, model, asked, options, told, given.get(name))
            results[name] = Result(
                record, "" if name not in given else f"weights: {model}", directory, strong
            )
        except (InputError, DivergedError) as error:
            results[name] = Result(None, str(error))
    return results


def adjusted(
    table: Table,
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    statistics: Sequence[str] = (),
    given: Mapping[str, Weights] = types.MappingProxyType({}),
) -> Table:
    """The table with the scoring that is asked for; arguments and errors are those of `reproduce`."""
    if unknown := [row for row in (*rows, *given) if row not in table.rows]:
        raise InputError(
            f"rows: table {table.name} has {', '.join(table.rows)}, not {', '.join(unknown)}"
        )
    scoring = dataclasses.replace(
        table.scoring,
        num_examples=num_examples or table.scoring.num_examples,
        statistics=tuple(statistics) or table.scoring.statistics,
    )
    return dataclasses.replace(table, scoring=scoring)

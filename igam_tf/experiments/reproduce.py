"""A table's rows, trained and scored; finished parts are reused."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from igam_tf import config, data, evaluation
from igam_tf.errors import InputError
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import Scoring, Table
from igam_tf.training.callbacks import DivergedError


@dataclasses.dataclass(frozen=True)
class Result:
    """A row's record, or why there is none."""

    record: evaluation.EvalRecord | None
    absent: str = ""
    directory: pathlib.Path | None = None


def reproduce(
    table: Table,
    options: runs.Options,
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    progress: Callable[[str], Any] = lambda row: None,
) -> dict[str, Result]:
    """Every row of a table, in its order, as a record or the reason for its absence.

    Args:
      rows: only these; the others are absent as not asked for.
      num_examples: instead of the table's own.
      progress: row name to the progress callback of `igam_tf.evaluation.evaluate`.

    Raises:
      InputError: a row that the table has not.
    """
    if unknown := [row for row in rows if row not in table.rows]:
        raise InputError(f"rows: table {table.number} has {', '.join(table.rows)}, not {', '.join(unknown)}")
    scoring = dataclasses.replace(table.scoring, num_examples=num_examples or table.scoring.num_examples)
    results = {}
    for name, run in table.rows.items():
        if rows and name not in rows:
            results[name] = Result(None, "not asked for (--rows)")
            continue
        try:
            directory = runs.ensure(run, options)
            results[name] = Result(score(directory, scoring, options, progress(name)), "", directory)
        except (InputError, DivergedError) as error:
            results[name] = Result(None, str(error))
    return results


def score(
    directory: pathlib.Path, scoring: Scoring, options: runs.Options, progress: Any = None
) -> evaluation.EvalRecord:
    """The record of a finished run under a scoring: read back if it is there, else made and kept beside the run."""
    path = directory / f"evaluation-{config.digest(scoring)}.json"
    if path.exists():
        return evaluation.EvalRecord.from_json(path.read_text())
    dataset = data.load(scoring.dataset, options.data_dir, test_size=scoring.num_examples)
    record = evaluation.evaluate(
        trained.load_model(directory),
        dataset.test,
        attacks=scoring.attacks,
        epsilon=scoring.epsilon,
        step_size=scoring.step_size,
        statistics=scoring.statistics,
        batch_size=scoring.batch_size,
        seed=scoring.seed,
        progress=progress,
    )
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(json.loads(record.to_json()), indent=1) + "\n")
    os.replace(temporary, path)
    return record

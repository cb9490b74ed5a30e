"""A table's rows, trained and scored; finished parts are reused."""

import dataclasses
import os
import pathlib
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from igam_tf import config, data, evaluation
from igam_tf.errors import InputError
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import Scoring, Table, Weights
from igam_tf.training.callbacks import DivergedError

CALIBRATION_SIZE = 5000  # training images from which "recalibrated" re-estimates moving averages


@dataclasses.dataclass(frozen=True)
class Result:
    """A row's record, or why there is none; `note` says which, or where given weights came from."""

    record: evaluation.EvalRecord | None
    note: str = ""
    directory: pathlib.Path | None = None


def reproduce(
    table: Table,
    options: runs.Options,
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
      given: rows scored from weights on disk, their configurations untouched and nothing trained for them.
      progress: row name to the progress callback of `igam_tf.evaluation.evaluate`.

    Raises:
      InputError: a row that the table has not, or a BatchNorm mode that there is not.
    """
    if unknown := [row for row in (*rows, *given) if row not in table.rows]:
        raise InputError(f"rows: table {table.name} has {', '.join(table.rows)}, not {', '.join(unknown)}")
    scoring = dataclasses.replace(
        table.scoring,
        num_examples=num_examples or table.scoring.num_examples,
        statistics=tuple(statistics) or table.scoring.statistics,
    )
    if odd := [mode for mode in scoring.statistics if mode not in evaluation.MODES]:
        raise InputError(f"statistics: expected {', '.join(evaluation.MODES)}, got {', '.join(odd)}")
    results = {}
    for name, run in table.rows.items():
        if rows and name not in rows:
            results[name] = Result(None, "not asked for (--rows)")
            continue
        if isinstance(run, str) and name not in given:
            results[name] = Result(None, run)
            continue
        try:
            if name in given:
                directory, model = options.runs_dir / f"given-{given[name].sha256[:10]}", given[name].path
                directory.mkdir(parents=True, exist_ok=True)
            else:
                assert not isinstance(run, str)
                directory = runs.ensure(run, options)
                model = str(directory)
            record = score(directory, model, scoring, options, progress(name), given.get(name))
            results[name] = Result(record, "" if name not in given else f"weights: {model}", directory)
        except (InputError, DivergedError) as error:
            results[name] = Result(None, str(error))
    return results


def score(
    directory: pathlib.Path,
    model: str,
    scoring: Scoring,
    options: runs.Options,
    progress: Any = None,
    given: Weights | None = None,
) -> evaluation.EvalRecord:
    """The record of a model under a scoring: read back if it is in `directory`, else made and kept there."""
    path = directory / f"evaluation-{config.digest(scoring)}.json"
    if path.exists():
        return evaluation.EvalRecord.from_json(path.read_text())
    recalibrates = "recalibrated" in scoring.statistics
    dataset = data.load(
        scoring.dataset, options.data_dir, train_size=None if recalibrates else 1, test_size=scoring.num_examples
    )
    record = evaluation.evaluate(
        trained.load_for(dataset, model, given.kind if given else None),
        dataset.test,
        attacks=scoring.attacks,
        epsilon=scoring.epsilon,
        step_size=scoring.step_size,
        statistics=scoring.statistics,
        batch_size=scoring.batch_size,
        seed=scoring.seed,
        calibration=dataset.train.first(CALIBRATION_SIZE) if recalibrates else None,
        progress=progress,
    )
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(record.to_json() + "\n")
    os.replace(temporary, path)
    return record

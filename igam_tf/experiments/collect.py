"""Collects run directories, records and speed measurements into a study.

`bin/reproduce_table --save_study` and `bin/save_study` are built on it.
"""

import csv
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from igam_tf.core import settings
from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import plain_data, runs, scoring
from igam_tf.experiments.configs import Absent, Row, Scoring, Table, with_teachers
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result
from igam_tf.experiments.study import History, Study, StudyRow, StudyRun, StudyTable

_CONFIG, _ENVIRONMENT, _HISTORY = "config.json", "environment.json", "history.csv"


def add_table(
    study: Study,
    table: Table,
    results: Mapping[str, Result],
    seed: int,
    options: Options,
    commands: Mapping[str, str],
) -> Study:
    """The study with a table, its rows' runs and their teachers' runs.

    The table replaces the study's table of the same name and seed.

    Args:
      table: with the scoring of the results (`igam_tf.experiments.reproduce.adjusted`).
      results: of `igam_tf.experiments.reproduce`.
      seed: that the table was declared with.
      commands: by row, what trains and scores it alone.

    Raises:
      InputError: the study has the table at another preset.
    """
    require_preset(study, table.name, table.preset)
    rows: dict[str, StudyRow] = {}
    for name, result in results.items():
        rows[name] = StudyRow(note=result.note, command=commands.get(name, ""))
        if result.record is None or result.directory is None:
            continue
        paths = scoring.record_paths(result.directory, table.scoring)
        record, *strong = (path.stem for path in paths)
        rows[name] = dataclasses.replace(
            rows[name],
            run=result.directory.name,
            record=record,
            strong=strong[0] if result.strong else None,
        )
        study = _with_run(
            study, result.directory.name, read_run(result.directory, (record, *strong))
        )
        for directory in _teachers(result.directory, table.rows[name], options):
            study = _with_run(study, directory.name, read_run(directory, ()))
    declared = StudyTable(
        table.name,
        table.preset,
        seed,
        table.title,
        settings.to_dict(table.scoring),
        rows,
        {row: dict(figures) for row, figures in table.published.items()},
        table.against_first,
    )
    return _with_table(study, declared)


def add_run(
    study: Study,
    directory: pathlib.Path,
    runs_dir: pathlib.Path,
    records: Sequence[str] | None = None,
) -> Study:
    """The study with a run directory; its name in the study is its path inside `runs_dir`.

    Args:
      records: as `read_run`.

    Raises:
      InputError: the directory holds no run.
    """
    if not (directory / _CONFIG).exists():
        raise InputError(f"runs: {directory} is no run directory, it has no {_CONFIG}")
    return _with_run(study, _run_name(directory, runs_dir), read_run(directory, records))


def add_row(
    study: Study,
    table: StudyTable,
    row: str,
    record_path: pathlib.Path,
    runs_dir: pathlib.Path,
    command: str,
) -> Study:
    """The study with one more row of a table, whose run it already holds.

    Args:
      table: its rows are ignored; those of the study's table of the same name and seed stay.
      record_path: the row's record, in its run's directory.
      command: evaluates this row alone.

    Raises:
      InputError: the study's table has another preset or another scoring.
    """
    require_preset(study, table.name, table.preset)
    rows: dict[str, StudyRow] = {}
    for other in study.tables:
        if (other.name, other.seed) == (table.name, table.seed):
            if other.scoring != table.scoring:
                raise InputError(
                    f"records: {record_path} was not evaluated as the other rows of {table.name}"
                )
            rows = other.rows
    cells = StudyRow(_run_name(record_path.parent, runs_dir), record_path.stem, command=command)
    return _with_table(study, dataclasses.replace(table, rows={**rows, row: cells}))


def scoring_of(record: EvalRecord, dataset: str) -> Scoring:
    """How a record's model was evaluated, on the images of `dataset`."""
    low, high = record.bounds

    def amount(key: str, default: Amount) -> Amount:
        values = (spec[key] for spec in record.attacks.values() if spec.get(key) is not None)
        value = next(values, None)
        if value is None:
            return default
        parts = Fraction(value / (high - low) * 255).limit_denominator(1000)
        return f"{parts}/255" if parts.denominator == 1 else value

    return Scoring(
        dataset,
        record.n,
        tuple(record.attacks),
        amount("epsilon", Scoring.epsilon),
        amount("step_size", Scoring.step_size),
        tuple(record.results),
        record.batch_size,
        record.seed,
    )


def add_benchmark(study: Study, path: pathlib.Path) -> Study:
    """The study with what `bin/benchmark --output` wrote, by the file's name.

    Raises:
      InputError: the file is no output of `bin/benchmark`.
    """
    content = plain_data.read(path)
    if not isinstance(content, dict) or not {"what", "environment", "results"} <= set(content):
        raise InputError(f"benchmarks: {path} was not written by benchmark --output")
    return dataclasses.replace(study, benchmarks={**study.benchmarks, path.stem: content})


def read_run(directory: pathlib.Path, records: Sequence[str] | None = None) -> StudyRun:
    """A run directory without its weights.

    Args:
      records: names of the records to read, without their suffix; by default every one. Names
        without a file are left out.
    """
    paths = {path.name: path for path in sorted(directory.glob("*.json"))}
    config, environment = paths.pop(_CONFIG, None), paths.pop(_ENVIRONMENT, None)
    history = directory / _HISTORY
    return StudyRun(
        plain_data.read(config) if config else None,
        plain_data.read(environment) if environment else {},
        read_history(history) if history.exists() else None,
        {
            path.stem: plain_data.read(path)
            for path in paths.values()
            if records is None or path.stem in records
        },
    )


def read_history(path: pathlib.Path) -> History:
    """A history.csv; an empty cell is None."""
    with path.open(newline="") as stream:
        columns, *rows = csv.reader(stream)
    return History(columns, [[_number(cell) for cell in row] for row in rows])


def require_preset(study: Study, name: str, preset: str) -> None:
    """Refuses a table that the study has at another preset: its seeds belong together.

    Raises:
      InputError: names both presets.
    """
    for other in (table.preset for table in study.tables if table.name == name):
        if other != preset:
            raise InputError(
                f"preset: the study has table {name} at {other}, and cannot take {preset} too"
            )


def _teachers(directory: pathlib.Path, row: Row, options: Options) -> list[pathlib.Path]:
    """The directories of the runs that a row's run in `directory` started from."""
    if isinstance(row, Absent):
        return []
    directories = [runs.directory_of(run, options) for run in with_teachers(row)]
    if directory not in directories:  # weights on disk stand for the run
        return []
    return [each for each in directories if each != directory and each.is_dir()]


def _with_run(study: Study, name: str, run: StudyRun) -> Study:
    records = {**study.runs[name].records, **run.records} if name in study.runs else run.records
    merged = dataclasses.replace(run, records=records)
    return dataclasses.replace(study, runs={**study.runs, name: merged})


def _with_table(study: Study, table: StudyTable) -> Study:
    place = (table.name, table.seed)
    others = [other for other in study.tables if (other.name, other.seed) != place]
    return dataclasses.replace(study, tables=[*others, table])


def _run_name(directory: pathlib.Path, runs_dir: pathlib.Path) -> str:
    path, above = directory.resolve(), runs_dir.resolve()
    return path.relative_to(above).as_posix() if path.is_relative_to(above) else directory.name


def _number(cell: str) -> Any:
    if not cell:
        return None
    try:
        return int(cell)
    except ValueError:
        return float(cell)

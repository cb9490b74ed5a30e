"""Gathers a study from run directories: what `bin/reproduce_table --save_study` writes."""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.experiments import runs, scoring
from igam_tf.experiments.configs import Absent, Row, Table, with_teachers
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result
from igam_tf.experiments.study import History, Study, StudyRow, StudyRun, StudyTable

_NO_RECORDS = ("config.json", "environment.json")


def add_table(
    study: Study,
    table: Table,
    results: Mapping[str, Result],
    seed: int,
    options: Options,
    commands: Mapping[str, str],
) -> Study:
    """The study with a table, its rows' runs and those of their teachers; replaces that seed's
    table.

    Args:
      table: with the scoring of the results (`igam_tf.experiments.reproduce.adjusted`).
      results: of `igam_tf.experiments.reproduce`.
      seed: that the table was declared with.
      commands: by row, what trains and scores it alone.

    Raises:
      InputError: the study has the table at another preset.
    """
    require_preset(study, table)
    rows: dict[str, StudyRow] = {}
    added: dict[str, StudyRun] = {}
    for name, result in results.items():
        if result.record is None or result.directory is None:
            rows[name] = StudyRow(note=result.note, command=commands.get(name, ""))
            continue
        record, *strong = [
            path.stem for path in scoring.record_paths(result.directory, table.scoring)
        ]
        run = result.directory.name
        rows[name] = StudyRow(
            run, record, strong[0] if result.strong else None, result.note, commands.get(name, "")
        )
        for directory, names in _directories(
            result.directory, (record, *strong), table.rows[name], options
        ):
            added[directory.name] = _merged(added.get(directory.name), read_run(directory, names))
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
    return _with_table(_with_runs(study, added), declared)


def read_run(directory: pathlib.Path, records: Sequence[str] | None = None) -> StudyRun:
    """A run directory without its weights.

    Args:
      records: names of the records to take, without their suffix; every one by default. Those that
        are not there are left out.
    """
    files = [path for path in sorted(directory.glob("*.json")) if path.name not in _NO_RECORDS]
    chosen = [path for path in files if records is None or path.stem in records]
    history = directory / "history.csv"
    return StudyRun(
        _read_json(directory / "config.json") if (directory / "config.json").exists() else None,
        _read_json(directory / "environment.json")
        if (directory / "environment.json").exists()
        else {},
        read_history(history) if history.exists() else None,
        {path.stem: _read_json(path) for path in chosen},
    )


def read_history(path: pathlib.Path) -> History:
    """A history.csv; an empty cell is None."""
    with path.open(newline="") as stream:
        columns, *rows = csv.reader(stream)
    return History(columns, [[_number(cell) for cell in row] for row in rows])


def _directories(
    directory: pathlib.Path, records: Sequence[str], run: Row, options: Options
) -> list[tuple[pathlib.Path, Sequence[str]]]:
    """A row's directory with its records, and its teachers' directories without any."""
    teachers = (
        []
        if isinstance(run, Absent)
        else [runs.directory_of(each, options) for each in with_teachers(run)]
    )
    if directory not in teachers:  # weights on disk stand for the run
        teachers = []
    return [
        (directory, records),
        *((each, ()) for each in teachers if each != directory and each.is_dir()),
    ]


def _with_runs(study: Study, added: Mapping[str, StudyRun]) -> Study:
    merged = {name: _merged(study.runs.get(name), run) for name, run in added.items()}
    return dataclasses.replace(study, runs={**study.runs, **merged})


def _merged(old: StudyRun | None, new: StudyRun) -> StudyRun:
    return new if old is None else dataclasses.replace(new, records={**old.records, **new.records})


def require_preset(study: Study, table: Table) -> None:
    """Refuses a table that the study has at another preset: its seeds belong together.

    Raises:
      InputError: names both presets.
    """
    for other in study.tables:
        if other.name == table.name and other.preset != table.preset:
            raise InputError(
                f"preset: the study has table {table.name} at {other.preset}, and cannot take {table.preset} too"
            )


def _with_table(study: Study, table: StudyTable) -> Study:
    kept = [other for other in study.tables if (other.name, other.seed) != (table.name, table.seed)]
    return dataclasses.replace(study, tables=[*kept, table])


def _read_json(path: pathlib.Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from error


def _number(cell: str) -> Any:
    if not cell:
        return None
    try:
        return int(cell)
    except ValueError:
        return float(cell)

"""A study: tables with everything that they were measured on, in one JSON document.

    {
     "schema": "igam_tf.study", "version": 1,
     "about": what was run, and where,
     "tables": [
      {"name", "preset", "seed", "title", "scoring", "rows", "published", "against_first"}
     ],
     "runs": {directory's name: {"config", "environment", "history", "records"}},
     "texts": {file's name: the lines as they were printed},
     "benchmarks": {name: what `bin/benchmark --output` wrote}
    }

A row of a table names its run and two of the run's records. A run can have more records than the
tables show. Configurations and records are plain data, as they were written; `Study.read` builds
tables and results from them. `igam_tf.experiments.collect` fills a study from run directories.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from igam_tf.core import files, settings
from igam_tf.core.errors import InputError
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import plain_data
from igam_tf.experiments.configs import VERBS, Absent, Row, Run, Scoring, Table
from igam_tf.experiments.reproduce import NOT_REQUESTED, Result

SCHEMA, VERSION = "igam_tf.study", 1


@dataclasses.dataclass(frozen=True)
class History:
    """The table in a run's history.csv: one row per epoch."""

    columns: list[str]
    rows: list[list[Any]]


@dataclasses.dataclass(frozen=True)
class StudyRun:
    """A run directory without its weights.

    Attributes:
      config: of the run; None for weights that no run of ours trained.
      records: every `igam_tf.evaluation.records.EvalRecord` of the trained model, by its file's
        name without the suffix.
    """

    config: dict[str, Any] | None = None
    environment: dict[str, Any] = dataclasses.field(default_factory=dict)
    history: History | None = None
    records: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class StudyRow:
    """A row of a table.

    Attributes:
      run: a key of `Study.runs`; None where the row has no record.
      record, strong: keys of the run's records.
      note: why the row has no record, or where its weights came from.
      command: trains and scores this row alone.
    """

    run: str | None = None
    record: str | None = None
    strong: str | None = None
    note: str = ""
    command: str = ""


@dataclasses.dataclass(frozen=True)
class StudyTable:
    """A table with one seed; the fields are those of `igam_tf.experiments.configs.Table`."""

    name: str
    preset: str
    seed: int
    title: str
    scoring: dict[str, Any]
    rows: dict[str, StudyRow]
    published: dict[str, Any] = dataclasses.field(default_factory=dict)
    against_first: bool = False


@dataclasses.dataclass(frozen=True)
class Study:
    """The document; the module's docstring shows its layout."""

    about: str = ""
    tables: list[StudyTable] = dataclasses.field(default_factory=list)
    runs: dict[str, StudyRun] = dataclasses.field(default_factory=dict)
    texts: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    benchmarks: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, path: pathlib.Path) -> "Study":
        """The study in a file.

        Raises:
          InputError: the file cannot be read, or is no study.
        """
        return cls._from_content(plain_data.read(path), str(path))

    def save(self, path: pathlib.Path) -> None:
        files.write_text(path, self.to_json())

    @classmethod
    def from_json(cls, text: str, where: str = "study") -> "Study":
        """The inverse of `to_json`; `where` begins the message of an error.

        Raises:
          InputError: no JSON, another schema or version, an unknown or missing key, a value of
            another type, or a table whose runs or records are not in the document.
        """
        return cls._from_content(plain_data.parse(text, where), where)

    @classmethod
    def _from_content(cls, content: Any, where: str) -> "Study":
        fields = dict(content) if isinstance(content, dict) else {}
        schema, version = fields.pop("schema", None), fields.pop("version", None)
        if (schema, version) != (SCHEMA, VERSION):
            raise InputError(
                f"{where}: expected schema {SCHEMA}, version {VERSION}, got {schema}, {version}"
            )
        study: Study = plain_data.build(cls, fields, where)
        for table in study.tables:
            study._read(table, (), pathlib.Path(), where)
        return study

    def to_json(self) -> str:
        """JSON that is compact and differs by lines: a value that fits into a line stays on it."""
        content = {"schema": SCHEMA, "version": VERSION, **dataclasses.asdict(self)}
        return plain_data.to_json(content) + "\n"

    @property
    def table_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(table.name for table in self.tables))

    def read(
        self,
        name: str,
        seeds: Sequence[int] = (),
        rows: Sequence[str] = (),
        runs_dir: pathlib.Path = pathlib.Path("runs"),
    ) -> tuple[dict[int, Table], dict[int, dict[str, Result]]]:
        """A table and its results, each by seed, as `igam_tf.experiments.reproduce` gives them.

        Args:
          seeds: all by default.
          rows: only these; the others are absent.
          runs_dir: where the runs' directories would be; nothing is read there.

        Raises:
          InputError: the study has no such table, seed or row.
        """
        by_seed = {table.seed: table for table in self.tables if table.name == name}
        if not by_seed:
            names = ", ".join(self.table_names) or "no table"
            raise InputError(f"table: the study has {names}, not {name}")
        if unknown := [seed for seed in seeds if seed not in by_seed]:
            recorded, absent = (", ".join(map(str, each)) for each in (by_seed, unknown))
            raise InputError(f"seed: the study has {recorded} of table {name}, not {absent}")
        tables: dict[int, Table] = {}
        results: dict[int, dict[str, Result]] = {}
        for seed in seeds or by_seed:
            table = by_seed[seed]
            if unnamed := [row for row in rows if row not in table.rows]:
                names, absent = ", ".join(table.rows), ", ".join(unnamed)
                raise InputError(f"rows: table {name} has {names}, not {absent}")
            tables[seed], results[seed] = self._read(table, rows, runs_dir, f"table {name}")
        return tables, results

    def _read(
        self, table: StudyTable, rows: Sequence[str], runs_dir: pathlib.Path, where: str
    ) -> tuple[Table, dict[str, Result]]:
        declared: dict[str, Row] = {}
        results: dict[str, Result] = {}
        for name, row in table.rows.items():
            place = f"{where}: table {table.name}, seed {table.seed}, row {name}"
            run = None if row.run is None else self.runs.get(row.run)
            if row.run is not None and run is None:
                raise InputError(f"{place}: the document has no run {row.run!r}")
            declared[name] = (
                Absent(row.note) if run is None or run.config is None else run_of(run.config, place)
            )
            if rows and name not in rows:
                results[name] = Result(None, NOT_REQUESTED, command=row.command)
                continue
            results[name] = Result(
                _record(run, row.record, place),
                row.note,
                runs_dir / row.run if row.run is not None else None,
                _record(run, row.strong, place),
                row.command,
            )
        scoring = settings.from_dict(Scoring, table.scoring, f"{where}: table {table.name}.scoring")
        return Table(
            table.name,
            table.preset,
            table.title,
            declared,
            scoring,
            table.published,
            table.against_first,
        ), results


def run_of(config: Any, where: str) -> Run:
    """The run that a config.json declares; `where` begins the message of an error.

    Raises:
      InputError: the content is no configuration of a run.
    """
    name = config.get("type") if isinstance(config, dict) else None
    kind = next((kind for kind in VERBS.values() if kind.__name__ == name), None)
    if kind is None:
        raise InputError(f"{where}: no configuration of a run, its type is {name!r}")
    run: Run = settings.from_dict(kind, config, where)
    return run


def record_of(content: Any, where: str) -> EvalRecord:
    """The record in plain data; `where` begins the message of an error.

    Raises:
      InputError: the content is no record of an evaluation.
    """
    try:
        return EvalRecord.from_dict(content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{where} is no record of an evaluation ({type(error).__name__})"
        ) from error


def _record(run: StudyRun | None, name: str | None, where: str) -> EvalRecord | None:
    if name is None:
        return None
    if run is None or name not in run.records:
        raise InputError(f"{where}: the document has no record {name!r} of that run")
    return record_of(run.records[name], f"{where}: {name}")

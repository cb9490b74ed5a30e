"""Studies in the commands: `--from` prints one, `--save_study` adds to one."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings, fields_of
from igam_tf.experiments.configs import Table
from igam_tf.experiments.options import Options

if TYPE_CHECKING:
    from igam_tf.evaluation.records import EvalRecord
    from igam_tf.experiments.reproduce import Result
    from igam_tf.experiments.study import Study

From = Annotated[
    pathlib.Path | None,
    Setting("A study, such as results/table1-demo.json: show what is recorded there.", flag="from"),
]
SaveStudy = Annotated[
    pathlib.Path | None,
    Setting(
        "Also keep the table, its text and all that is behind it (configurations, environments, "
        "histories, records) in this JSON file. An existing study keeps its other "
        "tables and seeds."
    ),
]

SHOWS = "not with --from, which shows what is recorded"


def require_usable(flags: Settings, usable: Sequence[str], reason: str = SHOWS) -> None:
    """Refuses flags that have no effect beside another one.

    Args:
      reason: names that flag and says why; by default --from, which trains and scores nothing.

    Raises:
      InputError: a flag that is not in `usable` differs from its default.
    """
    for name, field in fields_of(type(flags)).items():
        if name not in usable and getattr(flags, name) != field.default:
            raise InputError(f"{name}: {reason}")


def tables_text(
    path: pathlib.Path,
    table: str | None,
    seeds: Sequence[int],
    rows: Sequence[str],
    format: str,
    options: Options,
) -> str:
    """One table of a study in a format. Without `table`, all of its tables, as text.

    Raises:
      InputError: the file is no study, or lacks the table, seed or row; or `table` is None, the
        study has several tables, and the format is not `text`.
    """
    from igam_tf.experiments.study import Study
    from igam_tf.report import publish

    study = Study.load(path)
    names = _names(study, path, table)
    if len(names) > 1 and format != "text":
        raise InputError(
            f"table: {path} has {', '.join(names)}; --format={format} takes one of them"
        )
    texts = []
    for name in names:
        declared, results = study.read(name, seeds, rows, options.runs_dir)
        texts.append(publish.rendered(declared, results, {}, {}, options, format))
    return "\n".join(texts)


def table_records(
    path: pathlib.Path, table: str | None, seed: int, rows: Sequence[str], options: Options
) -> tuple[Table, dict[str, "EvalRecord"]]:
    """A study's table and the records of its rows. Reports rows without a record to `options`.

    Raises:
      InputError: as `tables_text`, or no row has a record.
    """
    from igam_tf.experiments.study import Study

    study = Study.load(path)
    names = _names(study, path, table)
    if len(names) > 1:
        raise InputError(f"table: {path} has {', '.join(names)}; --table chooses one of them")
    declared, results = study.read(names[0], (seed,), rows)
    requested = {row: result for row, result in results[seed].items() if not rows or row in rows}
    records = {row: result.record for row, result in requested.items() if result.record is not None}
    if not records:
        raise InputError(f"from: {path} has no record of table {names[0]}, seed {seed}")
    for row, result in requested.items():
        if row not in records:
            options.log(f"left out: {row}: {result.note}")
    return declared[seed], records


def study_at(path: pathlib.Path) -> "Study":
    """The study in a file; an empty one where there is no file yet."""
    from igam_tf.experiments.study import Study

    return Study.load(path) if path.exists() else Study()


def study_for(path: pathlib.Path, table: Table) -> "Study":
    """The study in a file, as `study_at`, to which a table will be added.

    Raises:
      InputError: the file is no study, or holds this table at another preset.
    """
    from igam_tf.experiments import collect

    study = study_at(path)
    collect.require_preset(study, table.name, table.preset)
    return study


def save(
    study: "Study",
    path: pathlib.Path,
    tables: Mapping[int, Table],
    results: Mapping[int, Mapping[str, "Result"]],
    rerun_flags: Mapping[str, Sequence[str]],
    texts: Mapping[str, str],
    options: Options,
) -> None:
    """Adds tables to a study and writes it.

    Args:
      tables: by seed, with the scoring of the results.
      results: by seed and row.
      rerun_flags: by row, the arguments that its command needs beside table, preset and seed.
      texts: printed text by file name.
    """
    from igam_tf import report
    from igam_tf.experiments import collect

    for seed, table in tables.items():
        rows = report.document(table, results[seed], seed, rerun_flags).rows
        commands = {row.name: row.command for row in rows}
        study = collect.add_table(study, table, results[seed], seed, options, commands)
    lines = {name: text.split("\n") for name, text in texts.items()}
    dataclasses.replace(study, texts={**study.texts, **lines}).save(path)


def _names(study: "Study", path: pathlib.Path, table: str | None) -> tuple[str, ...]:
    if table is not None:
        return (table,)
    if not study.table_names:
        raise InputError(f"from: {path} has no table")
    return study.table_names

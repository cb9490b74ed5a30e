"""save_study: keeps runs, evaluations and speed measurements in one JSON document.

reproduce_table --save_study writes its tables into such a document. This command adds what evaluate
and benchmark wrote, and whole run directories. STUDY is the document; an existing one keeps all
else that it holds.

  evaluate runs/RUN --attacks=pgd5,pgd100 --output=runs/RUN/curve.json
  save_study mine.json --records=runs/RUN/curve.json
  save_study mine.json --table=curve --records=IGAM=runs/RUN/curve.json
  benchmark train --output=train.json
  save_study mine.json --benchmarks=train.json
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from igam_tf.cli import shared, studies
from igam_tf.cli.evaluate import EvaluateFlags
from igam_tf.core.command import Command, shell_line
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings

if TYPE_CHECKING:
    from igam_tf.experiments.configs import Scoring
    from igam_tf.experiments.study import Study


@dataclasses.dataclass(frozen=True, kw_only=True)
class SaveStudyFlags(Settings):
    study: Annotated[pathlib.Path, Setting("The document, a JSON file.", positional=True)]
    about: Annotated[
        str | None, Setting("What was run, and where; replaces the document's own sentence.")
    ] = None
    runs: Annotated[
        tuple[pathlib.Path, ...],
        Setting("Run directories to keep, with every record in them."),
    ] = ()
    records: Annotated[
        tuple[str, ...],
        Setting(
            "[ROW=]FILE: records to keep, with the runs of the models. FILE is what evaluate "
            "--output wrote into the model's run directory; ROW makes it a row of --table."
        ),
    ] = ()
    benchmarks: Annotated[
        tuple[pathlib.Path, ...],
        Setting("What benchmark --output wrote, kept by the files' names."),
    ] = ()
    table: Annotated[str | None, Setting("A name for the table that rows are for.")] = None
    title: Annotated[str, Setting("Title of that table; its name by default.")] = ""
    preset: shared.Preset = "demo"
    runs_dir: Annotated[
        pathlib.Path, Setting("A run's name in the document is its path inside this directory.")
    ] = pathlib.Path("runs")


COMMAND = Command("save_study", __doc__, SaveStudyFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: SaveStudyFlags) -> None:
    from igam_tf.core import files
    from igam_tf.experiments import collect

    if not (flags.runs or flags.records or flags.benchmarks or flags.about):
        raise InputError("runs: nothing to add; give --runs, --records, --benchmarks or --about")
    rows = [record.rpartition("=")[0] for record in flags.records]
    if any(rows) != (flags.table is not None):
        raise InputError("table: a table and records with ROW= need each other")
    files.require_place(flags.study, "study")
    study = studies.study_at(flags.study)
    for directory in flags.runs:
        study = collect.add_run(study, directory, flags.runs_dir)
    for row, record in zip(rows, flags.records, strict=True):
        study = _with_record(study, row, pathlib.Path(record.rpartition("=")[2]), flags)
    for path in flags.benchmarks:
        study = collect.add_benchmark(study, path)
    if flags.about is not None:
        study = dataclasses.replace(study, about=flags.about)
    study.save(flags.study)
    print(f"written: {flags.study}")


def _with_record(study: "Study", row: str, path: pathlib.Path, flags: SaveStudyFlags) -> "Study":
    from igam_tf.core import settings
    from igam_tf.experiments import collect, plain_data
    from igam_tf.experiments import study as documents

    record = documents.record_of(plain_data.read(path), str(path))
    study = collect.add_run(study, path.parent, flags.runs_dir, [path.stem])
    if not row or flags.table is None:
        return study
    config = documents.run_of(plain_data.read(path.with_name("config.json")), str(path.parent))
    scoring = collect.scoring_of(record, config.data.dataset)
    table = documents.StudyTable(
        flags.table,
        flags.preset,
        record.seed,
        flags.title or flags.table,
        settings.to_dict(scoring),
        {},
    )
    return collect.add_row(study, table, row, path, flags.runs_dir, _command(path.parent, scoring))


def _command(directory: pathlib.Path, scoring: "Scoring") -> str:
    """The command that evaluates a run as a scoring says."""
    defaults = {field.name: field.default for field in dataclasses.fields(EvaluateFlags)}
    names = ("dataset", "attacks", "num_examples", "epsilon", "step_size", "statistics")
    values = {name: getattr(scoring, name) for name in (*names, "batch_size", "seed")}
    arguments = (
        f"--{name}={','.join(value) if isinstance(value, tuple) else value}"
        for name, value in values.items()
        if value != defaults[name]
    )
    return shell_line("evaluate", str(directory), *arguments)


if __name__ == "__main__":
    sys.exit(main())

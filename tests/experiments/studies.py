"""A study made by hand: the run directories of a table's rows, and the study of them."""

import pathlib

from igam_tf.core import settings
from igam_tf.experiments import collect, runs, scoring
from igam_tf.experiments.configs import Absent, FinetuneRun, Run, Schedule, Table
from igam_tf.experiments.reproduce import Result
from igam_tf.experiments.runs import Options
from igam_tf.experiments.study import Study

from ..report import samples

TEACHER = samples.RUN
STUDENT = FinetuneRun(samples.RUN.data, TEACHER, Schedule(3, 1, (0.1,)), seed=1)
TABLE = Table(
    "1",
    "demo",
    "a title",
    {"Standard": TEACHER, "FT-MNIST": STUDENT, "Absent": Absent("no data")},
    samples.TABLE.scoring,
    {"Standard": {"clean": 95.0}},
    against_first=True,
)


def run_directories(root: pathlib.Path) -> Options:
    """Run directories of two rows, the first with a strong record and one of no table."""
    options = Options(root)
    first, second = (_run_directory(options, run) for run in (TEACHER, STUDENT))
    record, strong = scoring.record_paths(first, TABLE.scoring)
    record.write_text(samples.record().to_json())
    strong.write_text(samples.strong(30, "PASS").to_json())
    scoring.record_paths(second, TABLE.scoring)[0].write_text(samples.record(50).to_json())
    (first / "mine.json").write_text(samples.record(20).to_json())
    return options


def _run_directory(options: Options, run: Run) -> pathlib.Path:
    directory = runs.directory_of(run, options)
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(settings.to_json(run))
    (directory / "environment.json").write_text('{"numpy": "2.4.6"}')
    (directory / "history.csv").write_text("epoch,loss\n1,0.5\n2,\n")
    return directory


def results(options: Options) -> dict[str, Result]:
    first, second = (runs.directory_of(run, options) for run in (TEACHER, STUDENT))
    return {
        "Standard": Result(samples.record(), "", first, samples.strong(30, "PASS")),
        "FT-MNIST": Result(samples.record(50), "", second),
        "Absent": Result(None, "no data"),
    }


def study(options: Options) -> Study:
    """Table 1 with seed 4."""
    commands = {row: f"make {row}" for row in TABLE.rows}
    return collect.add_table(Study("on two cores"), TABLE, results(options), 4, options, commands)

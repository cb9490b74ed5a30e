"""`save_study` keeps what other commands wrote; every mistake is one line.

The studies in results/ are the test's data: their runs and records are written out as directories
and files, and the command must make the same documents from them.
"""

import csv
import json
import pathlib
from typing import Any

import pytest

from igam_tf.cli import save_study
from igam_tf.experiments.study import Study, StudyRun

from ..experiments import studies

RESULTS = pathlib.Path(__file__).resolve().parents[2] / "results"
NAMES = sorted(path.stem for path in RESULTS.glob("*.json"))


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_run(directory: pathlib.Path, run: StudyRun) -> pathlib.Path:
    directory.mkdir(parents=True)
    files = {"config": run.config, "environment": run.environment, **run.records}
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    if run.history is not None:
        with (directory / "history.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([run.history.columns, *run.history.rows])
    return directory


def saved(*arguments: str) -> Study:
    assert save_study.main(["study.json", *arguments]) == 0
    return Study.load(pathlib.Path("study.json"))


@pytest.mark.parametrize("name", NAMES)
def test_all_runs_and_speeds_of_a_study(name: str) -> None:
    study = Study.load(RESULTS / f"{name}.json")
    for run in study.runs:
        write_run(pathlib.Path("runs") / run, study.runs[run])
    for benchmark, content in study.benchmarks.items():
        pathlib.Path(f"{benchmark}.json").write_text(json.dumps(content))
    copy = saved(
        f"--about={study.about or 'x'}",
        "--runs=" + ",".join(f"runs/{run}" for run in study.runs),
        "--benchmarks=" + ",".join(f"{benchmark}.json" for benchmark in study.benchmarks),
    )
    assert (copy.runs, copy.benchmarks) == (study.runs, study.benchmarks)


def test_a_table_of_evaluations() -> None:
    """Every line of results/curve-cpu.json, row by row and all rows at once."""
    study = Study.load(RESULTS / "curve-cpu.json")
    (table,) = study.tables
    table.scoring["strong_queries"] = None  # a later setting
    arguments = []
    for row, cells in table.rows.items():
        assert cells.run is not None
        directory = write_run(pathlib.Path("runs") / cells.run, study.runs[cells.run])
        arguments.append(f"--records={row}={directory / cells.record}.json")
    flags = (f"--about={study.about}", "--table=curve", f"--title={table.title}", "--preset=cpu")
    for argument in arguments:
        copy = saved(argument, *flags)
    assert copy == study
    rows = ",".join(argument.removeprefix("--records=") for argument in arguments)
    assert saved(f"--records={rows}", *flags) == study


def test_records_join_the_other_records_of_their_run() -> None:
    """results/protocols.json without the records of no table, which are then added."""
    study = Study.load(RESULTS / "protocols.json")
    arguments = []
    for name, run in study.runs.items():
        extra = [record for record in run.records if record.startswith(("student-", "finetuned-"))]
        if extra:
            directory = write_run(pathlib.Path("runs") / name, run)
            arguments += [str(directory / f"{record}.json") for record in extra]
            for record in extra:
                del run.records[record]
    assert len(arguments) == 12
    study.save(pathlib.Path("study.json"))
    assert saved("--records=" + ",".join(arguments)) == Study.load(RESULTS / "protocols.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "runs: nothing to add"),
        (["--runs=absent"], "runs: absent is no run directory, it has no config.json"),
        (["--records=RUN/absent.json"], "absent.json: cannot be read (FileNotFoundError)"),
        (["--records=RUN/config.json"], "config.json is no record of an evaluation (KeyError)"),
        (["--records=alone.json"], "runs: . is no run directory, it has no config.json"),
        (["--records=row=RUN/mine.json"], "table: a table and records with ROW= need each other"),
        (["--records=RUN/mine.json", "--table=x"], "table: a table and records with ROW="),
        (
            ["--records=a=RUN/mine.json", "--table=1", "--preset=cpu"],
            "preset: the study has table 1 at demo, and cannot take cpu too",
        ),
        (
            ["--records=a=RUN/mine.json,b=RUN/other.json", "--table=x"],
            "other.json was not evaluated as the other rows of x",
        ),
        (["--benchmarks=alone.json"], "alone.json was not written by benchmark --output"),
        (["--benchmarks=torn.json"], "torn.json: not JSON"),
    ],
)
def test_a_mistake_leaves_the_study_as_it_is(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = studies.run_directories(pathlib.Path("runs"))
    studies.study(options).save(pathlib.Path("study.json"))
    before = pathlib.Path("study.json").read_text()
    directory = next(pathlib.Path("runs").glob("train_robust-*"))
    record: dict[str, Any] = json.loads((directory / "mine.json").read_text())
    (directory / "other.json").write_text(json.dumps({**record, "batch_size": 7}))
    pathlib.Path("alone.json").write_text(json.dumps(record))
    pathlib.Path("torn.json").write_text("{")
    arguments = [argument.replace("RUN", str(directory)) for argument in arguments]
    assert save_study.main(["study.json", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("save_study: ")
    assert message in errors
    assert errors.count("\n") == 1
    assert pathlib.Path("study.json").read_text() == before

"""Studies are read back as they were written; a damaged document is refused in one line."""

import copy
import dataclasses
import json
import pathlib
from typing import Any

import pytest

from igam_tf import report
from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.experiments import collect, runs
from igam_tf.experiments.reproduce import NOT_REQUESTED
from igam_tf.experiments.runs import Options
from igam_tf.experiments.study import History, Study

from ..report import samples
from . import studies
from .studies import STUDENT, TABLE, TEACHER, results


@pytest.fixture
def options(tmp_path: pathlib.Path) -> Options:
    return studies.run_directories(tmp_path / "runs")


@pytest.fixture
def study(options: Options) -> Study:
    return studies.study(options)


def test_all_of_a_table_is_in_the_document_and_nothing_is_read_beside_it(
    study: Study, options: Options
) -> None:
    before = report.table_text(TABLE, results(options))
    for path in sorted(options.runs_dir.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    read = Study.from_json(study.to_json())
    assert read == study
    tables, results_of_seed = read.read("1")
    assert tables == {4: TABLE}
    assert results_of_seed[4] == {
        row: dataclasses.replace(result, command=f"make {row}", directory=recorded.directory)
        for (row, result), recorded in zip(
            results(options).items(), results_of_seed[4].values(), strict=True
        )
    }
    document = report.document(tables[4], results_of_seed[4], 4)
    assert report.document_text(document) == before
    assert [row.command for row in document.rows] == [
        "make Standard",
        "make FT-MNIST",
        "make Absent",
    ]
    run = read.runs[runs.directory_of(TEACHER, options).name]
    assert run.history == History(["epoch", "loss"], [[1, 0.5], [2, None]])
    assert run.environment == {"numpy": "2.4.6"}
    assert "mine" not in run.records  # no record of this table


def test_every_record_of_a_directory_can_be_read(options: Options) -> None:
    run = collect.read_run(runs.directory_of(TEACHER, options))
    assert len(run.records) == 3
    assert run.records["mine"] == json.loads(samples.record(20).to_json())


def test_a_second_seed_is_added_and_the_same_seed_is_replaced(
    study: Study, options: Options
) -> None:
    two_seeds = collect.add_table(study, TABLE, results(options), 5, options, {})
    replaced = collect.add_table(
        two_seeds, dataclasses.replace(TABLE, title="new"), results(options), 4, options, {}
    )
    assert [(table.seed, table.title) for table in replaced.tables] == [(5, "a title"), (4, "new")]
    assert replaced.runs == study.runs
    assert list(replaced.read("1", (4,))[0]) == [4]
    with pytest.raises(
        InputError, match="preset: the study has table 1 at demo, and cannot take cpu too"
    ):
        collect.add_table(
            study, dataclasses.replace(TABLE, preset="cpu"), results(options), 4, options, {}
        )


def test_teachers_are_in_it_without_their_records(options: Options) -> None:
    table = dataclasses.replace(TABLE, rows={"FT-MNIST": STUDENT})
    only = {"FT-MNIST": results(options)["FT-MNIST"]}
    study = collect.add_table(Study(), table, only, 0, options, {})
    teacher = study.runs[runs.directory_of(TEACHER, options).name]
    assert teacher.config == settings.to_dict(TEACHER)
    assert teacher.records == {}


def test_rows_seeds_and_tables_that_are_not_there(study: Study) -> None:
    _, by_seed = study.read("1", rows=["FT-MNIST"])
    assert [result.note for result in by_seed[4].values()] == [NOT_REQUESTED, "", NOT_REQUESTED]
    for arguments, message in (
        (("2",), "table: the study has 1, not 2"),
        (("1", (4, 7)), "seed: the study has 4 of table 1, not 7"),
        (("1", (), ("FT", "Standard")), "rows: table 1 has Standard, FT-MNIST, Absent, not FT"),
    ):
        with pytest.raises(InputError) as error:
            study.read(*arguments)
        assert str(error.value) == message


def test_what_fits_into_a_line_stays_on_it(study: Study) -> None:
    lines = study.to_json().splitlines()
    assert '     "flags": {"moving": {"clean": "ff00"}},' in lines
    assert all(len(line) <= 100 or line.count('": ') <= 1 for line in lines)


RUN = "train_robust-" + settings.digest(TEACHER)
TABLE_PLACE, ROW_PLACE = ("tables", 0), ("tables", 0, "rows", "Standard")
ROW = "study: table 1, seed 4, row Standard"
DAMAGES: list[tuple[tuple[Any, ...], Any, str]] = [
    (("schema",), "x", "study: expected schema igam_tf.study, version 1, got x, 1"),
    (("version",), 2, "study: expected schema igam_tf.study, version 1, got igam_tf.study, 2"),
    (("more",), 1, "study: unknown keys ['more'], missing keys []"),
    (("about",), 3, "study.about: expected a string, got 3"),
    (("tables",), {}, "study.tables: expected a list, got {}"),
    ((*TABLE_PLACE, "seed"), True, "study.tables[0].seed: expected a whole number, got true"),
    ((*TABLE_PLACE, "seed"), None, "study.tables[0].seed: expected a whole number, got null"),
    ((*TABLE_PLACE, "title"), ..., "study.tables[0]: unknown keys [], missing keys ['title']"),
    (ROW_PLACE, 1, "study.tables[0].rows.Standard: expected an object, got 1"),
    ((*ROW_PLACE, "run"), "x", f"{ROW}: the document has no run 'x'"),
    ((*ROW_PLACE, "record"), "x", f"{ROW}: the document has no record 'x' of that run"),
    (
        (*TABLE_PLACE, "scoring", "num_examples"),
        0,
        "study: table 1.scoring.num_examples: expected a whole number of at least 1, got 0",
    ),
    (
        ("runs", RUN, "config", "type"),
        "x",
        f"{ROW}: no configuration of a run, its type is 'x'",
    ),
    (("runs", RUN, "config"), [], f"study.runs.{RUN}.config: expected an object, got []"),
    (
        ("runs", RUN, "config", "schedule", "steps"),
        0,
        f"{ROW}.schedule.steps: expected a whole number of at least 1, got 0",
    ),
    (("runs", RUN, "history", "rows"), 5, f"study.runs.{RUN}.history.rows: expected a list, got 5"),
]


@pytest.mark.parametrize(
    ("place", "value", "message"), DAMAGES, ids=[".".join(map(str, d[0])) for d in DAMAGES]
)
def test_a_damaged_document_is_refused(
    study: Study, place: tuple[Any, ...], value: Any, message: str
) -> None:
    content = copy.deepcopy(json.loads(study.to_json()))
    holder = content
    for key in place[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    with pytest.raises(InputError) as error:
        Study.from_json(json.dumps(content))
    assert str(error.value) == message


def test_a_damaged_record_is_refused(study: Study) -> None:
    content = json.loads(study.to_json())
    record = next(iter(content["runs"][RUN]["records"].values()))
    del record["bounds"]
    with pytest.raises(
        InputError, match=r"row Standard: evaluation-\w+ is no record of an evaluation \(KeyError\)"
    ):
        Study.from_json(json.dumps(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "expected schema igam_tf.study"),
        (b"\xff", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_study(
    tmp_path: pathlib.Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "study.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"study.json: {message}"):
        Study.load(path)

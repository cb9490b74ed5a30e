"""`--from` prints tables and draws figures from a study alone; every mistake is one line."""

import dataclasses
import json
import pathlib
import re

import pytest
from matplotlib.figure import Figure

from igam_tf import report
from igam_tf.cli import plot_figure, reproduce_table
from igam_tf.experiments import collect, configs
from igam_tf.experiments.study import Study
from igam_tf.report.figures import style

from ..experiments import studies
from ..experiments.studies import TABLE

NAME = "study.json"


@pytest.fixture(autouse=True)
def study(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Table 1 with seed 4, in a directory with three files.

    Table 1 with seeds 4 and 5, the same with another table, and a study without tables.
    """
    monkeypatch.chdir(tmp_path)
    options = studies.run_directories(tmp_path / "runs")
    study, results = studies.study(options), studies.results(options)
    two_seeds = collect.add_table(study, TABLE, results, 5, options, {})
    two_seeds.save(pathlib.Path(NAME))
    other = configs.Table("2", "demo", "another", TABLE.rows, TABLE.scoring)
    collect.add_table(two_seeds, other, results, 5, options, {}).save(pathlib.Path("two.json"))
    Study("nothing yet").save(pathlib.Path("empty.json"))
    pathlib.Path("torn.json").write_text("{")
    return study


def test_text_of_all_seeds_with_their_means(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce_table.main([f"--from={NAME}"]) == 0
    text = capsys.readouterr().out
    tables, results = study.read("1")
    assert text.startswith(report.table_text(tables[4], results[4]) + "\n\nTable 1: a title\n")
    assert "\nOver seeds 4, 5: mean" in text


def test_one_seed_one_row_and_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        reproduce_table.main(
            [f"--from={NAME}", "--seed=4", "--rows=FT-MNIST", "--output=new/table.txt"]
        )
        == 0
    )
    assert capsys.readouterr().out == "written: new/table.txt\n"
    text = pathlib.Path("new/table.txt").read_text()
    assert "Standard  not run: not asked for" in text
    assert "Over seeds" not in text


@pytest.mark.parametrize("format", ["md", "json", "html"])
def test_other_formats(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce_table.main(["--from=two.json", "--table=1", f"--format={format}"]) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    assert "make Standard" in re.sub("<.*?>", "", text)
    if format == "json":
        assert [table["seed"] for table in json.loads(text)["tables"]] == [4, 5]


def test_a_table_of_the_users_own(
    study: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = dataclasses.replace(study.tables[0], name="mine")
    dataclasses.replace(study, tables=[*study.tables, own]).save(pathlib.Path("own.json"))
    assert reproduce_table.main(["--from=own.json", "--table=mine", "--format=md"]) == 0
    assert "Table mine: a title" in capsys.readouterr().out
    monkeypatch.setattr(style, "save", lambda _, place: [place])
    arguments = ["--figure=curves", "--from=own.json", "--table=mine", "--seed=4"]
    assert plot_figure.main(arguments) == 0
    assert capsys.readouterr().out == (
        "left out: Absent: no data\nwritten: figures/curves-mine-demo-seed4\n"
    )


def test_every_table_of_a_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce_table.main(["--from=two.json", "--seed=5"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("Table ")] == [
        "Table 1: a title",
        "Table 2: another",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from=absent.json"], "absent.json: cannot be read (FileNotFoundError)"),
        (["--from=torn.json"], "torn.json: not JSON (Expecting property name"),
        (["--from=empty.json"], "from: empty.json has no table"),
        ([f"--from={NAME}", "--table=2"], "table: the study has 1, not 2"),
        ([f"--from={NAME}", "--seed=6"], "seed: the study has 4, 5 of table 1, not 6"),
        (
            [f"--from={NAME}", "--seed=4,4"],
            "seed: expected one or more different numbers, got '4,4'",
        ),
        (
            [f"--from={NAME}", "--rows=None"],
            "rows: table 1 has Standard, FT-MNIST, Absent, not None",
        ),
        (
            [f"--from={NAME}", "--num_examples=3"],
            "num_examples: not with --from, which shows what is recorded",
        ),
        (
            [f"--from={NAME}", "--save_study=b.json"],
            "save_study: not with --from, which shows what is recorded",
        ),
        ([f"--from={NAME}", f"--output={NAME}/table.txt"], "is no directory"),
        (
            ["--from=two.json", "--format=md"],
            "table: two.json has 1, 2; --format=md takes one of them",
        ),
        (["--save_study=torn.json"], "torn.json: not JSON (Expecting property name"),
        (
            [f"--save_study={NAME}", "--preset=cpu"],
            "preset: the study has table 1 at demo, and cannot take cpu too",
        ),
    ],
)
def test_mistakes_in_tables(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce_table.main(arguments) == 2
    _, errors = capsys.readouterr()
    assert errors.startswith("reproduce_table: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(style, "save", lambda figure, place: [figures.append(figure), place][1:])
    arguments = ["--figure=curves", f"--from={NAME}", "--seed=5", "--output=new"]
    assert plot_figure.main([*arguments, "--statistics=batch"]) == 0
    assert plot_figure.main([*arguments, "--rows=FT-MNIST"]) == 0
    assert capsys.readouterr().out == (
        "left out: Absent: no data\nwritten: new/curves-table1-demo-seed5-batch\n"
        "written: new/curves-table1-demo-seed5\n"
    )
    labels = [[line.get_label() for line in figure.axes[0].lines] for figure in figures]
    assert labels == [["Standard", "FT-MNIST"], ["FT-MNIST"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figure=1"], "figure: expected 5 or curves with --from, got 1, which needs models"),
        (["--figure=5", "--seed=4"], "table: the study has 1, not figure5"),
        (["--figure=curves"], "seed: the study has 4, 5 of table 1, not 0"),
        (
            ["--figure=curves", "--seed=4", "--preset=cpu"],
            "preset: not with --from, which shows what is recorded",
        ),
        (
            ["--figure=curves", "--seed=4", "--rows=Absent"],
            f"from: {NAME} has no record of table 1, seed 4",
        ),
        (
            ["--figure=curves", "--seed=4", "--from=two.json"],
            "table: two.json has 1, 2; --table chooses one of them",
        ),
        (["--figure=curves", "--seed=4", f"--output={NAME}"], "is no directory"),
    ],
)
def test_mistakes_in_figures(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plot_figure.main([f"--from={NAME}", *arguments]) == 2
    _, errors = capsys.readouterr()
    assert errors.startswith("plot_figure: ")
    assert message in errors
    assert errors.count("\n") == 1

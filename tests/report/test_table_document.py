"""What all formats show, gathered once."""

import dataclasses
import shlex

import pytest

from igam_tf.core import settings
from igam_tf.report import table_document
from igam_tf.report.table_document import Figure, PublishedFigure

from . import samples


@pytest.fixture(scope="module")
def made() -> table_document.Document:
    return table_document.document(
        samples.TABLE, samples.results(), 7, {"Standard": ["--weights=Standard=my model"]}
    )


def test_the_table(made: table_document.Document) -> None:
    assert (made.name, made.preset, made.seed, made.heading) == (
        "1",
        "demo",
        7,
        "Table 1: a <title> & more",
    )
    assert made.columns == {"clean": "Clean", "fgsm": "FGSM", "pgd20": "PGD20", "strong": "strong"}
    assert [row.name for row in made.rows] == list(samples.ROWS)
    assert made.conditions == table_document.Conditions(
        "shapes32", 100, "linf", 8.0, "8/255 (8 of [0, 255])", 2.0, "2/255 (2 of [0, 255])", 50, 3
    )


def test_figures_in_percent_with_their_counts(made: table_document.Document) -> None:
    figures = made.rows[0].figures
    assert list(figures) == ["moving", "batch"]
    assert list(figures["moving"]) == ["clean", "fgsm", "pgd20", "strong"]
    assert list(figures["batch"]) == ["clean", "fgsm", "pgd20"]
    fgsm = figures["moving"]["fgsm"]
    assert (fgsm.percent, fgsm.correct, fgsm.n, fgsm.never_fooled) == (40.0, 40, 100, 37)
    assert fgsm.interval == pytest.approx((30.94, 49.80), abs=0.01)
    strong = figures["moving"]["strong"]
    assert isinstance(strong, Figure)
    assert (strong.percent, strong.correct, strong.n) == (6.0, 3, 50)


def test_the_papers_figures_stand_against_moving_averages_where_there_are_any(
    made: table_document.Document,
) -> None:
    assert made.rows[0].compared == "moving"
    assert made.rows[0].published == {
        "clean": PublishedFigure(95.0, -4.0),
        "pgd20": PublishedFigure(0.12, pytest.approx(19.88)),
    }
    assert made.rows[2].compared == "batch"
    assert made.rows[2].published == {}
    assert made.compared == "moving"


def test_an_absent_row(made: table_document.Document) -> None:
    row = made.rows[3]
    assert (row.absent, row.figures, row.compared, row.published, row.record) == (
        samples.NOTE,
        {},
        None,
        {},
        None,
    )
    assert (row.config, row.directory) == (None, None)


def test_where_a_row_is_and_how_it_is_made_again(made: table_document.Document) -> None:
    row = made.rows[0]
    assert row.directory == "train_robust-1234"  # no place of somebody's machine
    assert row.config == settings.to_dict(samples.RUN)
    words = ["bin/reproduce_table", "--table=1", "--preset=demo", "--seed=7", "--rows=Standard"]
    assert shlex.split(row.command) == [*words, "--weights=Standard=my model"]
    assert shlex.split(made.rows[3].command)[-1] == f"--rows={samples.ODD}"


def test_warnings(made: table_document.Document) -> None:
    assert made.warnings == [
        ("Standard", "a weak <attack>"),
        ("Standard", "still_falling: 7 <lost>. attack longer"),
        ("IGAM-MNIST", "a weak <attack>"),
        (samples.ODD, f"not run: {samples.NOTE}"),
    ]


def test_the_environment_names_every_value_once_and_of_times_the_ends(
    made: table_document.Document,
) -> None:
    assert made.environment == {
        "numpy": ("2.4.6", "2.5.0"),
        "machine": ("x86_64 <2 cores>",),
        "devices": ("CPU:0, GPU:0",),
        "time": ("2026-01-02T03:04:05", "2026-01-02T09:00:00"),
    }


def test_claims_in_the_mode_that_is_compared(made: table_document.Document) -> None:
    assert [finding.holds for finding in made.findings] == [
        None
    ] * 3  # this table lacks PGD5 and PGD10
    rows = {
        "lambda_adv 0": "FT-MNIST",
        "lambda_adv 2": "Standard",
    }  # scored in batch mode alone, and in both
    table = dataclasses.replace(samples.TABLE, name="5", rows=dict.fromkeys(rows, samples.RUN))
    found = {row: samples.results()[like] for row, like in rows.items()}
    costs = next(
        f
        for f in table_document.document(table, found).findings
        if f.claim.statement == "L_adv costs clean accuracy"
    )
    assert (costs.holds, costs.figures) == (True, (96.0, 91.0))


def test_of_a_table_of_which_nothing_ran() -> None:
    nothing = {name: samples.Result(None, "why") for name in samples.ROWS}
    made = table_document.document(samples.TABLE, nothing)
    assert made.conditions is made.compared is None
    assert made.environment == {}
    assert [row.absent for row in made.rows] == ["why"] * 4

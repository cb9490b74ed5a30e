"""The data that all formats of a report show."""

import dataclasses
import shlex

import pytest

from igam_tf.core import settings
from igam_tf.report import gather, table_document
from igam_tf.report.table_document import Figure, PublishedFigure

from . import samples


@pytest.fixture(scope="module")
def document() -> table_document.Document:
    return gather.document(
        samples.TABLE, samples.results(), 7, {"Standard": ["--weights=Standard=my model"]}
    )


def test_the_table(document: table_document.Document) -> None:
    assert (document.name, document.preset, document.seed, document.heading) == (
        "1",
        "demo",
        7,
        "Table 1: a <title> & more",
    )
    assert document.columns == {
        "clean": "Clean",
        "fgsm": "FGSM",
        "pgd20": "PGD20",
        "strong": "strong",
    }
    assert [row.name for row in document.rows] == list(samples.ROWS)
    assert document.conditions == table_document.Conditions(
        "shapes32", 100, "linf", 8.0, "8/255 (8 of [0, 255])", 2.0, "2/255 (2 of [0, 255])", 50, 3
    )


def test_figures_in_percent_with_their_counts(document: table_document.Document) -> None:
    figures = document.rows[0].figures
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
    document: table_document.Document,
) -> None:
    assert document.rows[0].compared == "moving"
    assert document.rows[0].published == {
        "clean": PublishedFigure(95.0, -4.0),
        "pgd20": PublishedFigure(0.12, pytest.approx(19.88)),
    }
    assert document.rows[2].compared == "batch"
    assert document.rows[2].published == {}
    assert document.compared == "moving"


def test_an_absent_row(document: table_document.Document) -> None:
    row = document.rows[3]
    assert (row.absent, row.figures, row.compared, row.published, row.record) == (
        samples.NOTE,
        {},
        None,
        {},
        None,
    )
    assert (row.config, row.directory) == (None, None)


def test_a_row_has_its_directory_and_command(document: table_document.Document) -> None:
    row = document.rows[0]
    assert row.directory == "train_robust-1234"  # not its path, which belongs to one machine
    assert row.config == settings.to_dict(samples.RUN)
    command = ["bin/reproduce_table", "--table=1", "--preset=demo", "--seed=7", "--rows=Standard"]
    assert shlex.split(row.command) == [*command, "--weights=Standard=my model"]
    assert shlex.split(document.rows[3].command)[-1] == f"--rows={samples.ODD}"


def test_warnings(document: table_document.Document) -> None:
    assert document.warnings == [
        ("Standard", "a weak <attack>"),
        ("Standard", "still_falling: 7 <lost>. attack longer"),
        ("IGAM-MNIST", "a weak <attack>"),
        (samples.ODD, f"not run: {samples.NOTE}"),
    ]


def test_the_environment_names_every_value_once_and_of_times_the_ends(
    document: table_document.Document,
) -> None:
    assert document.environment == {
        "numpy": ("2.4.6", "2.5.0"),
        "machine": ("x86_64 <2 cores>",),
        "devices": ("CPU:0, GPU:0",),
        "time": ("2026-01-02T03:04:05", "2026-01-02T09:00:00"),
    }


def test_claims_in_the_mode_that_is_compared(document: table_document.Document) -> None:
    assert [finding.holds for finding in document.findings] == [
        None
    ] * 3  # this table lacks PGD5 and PGD10
    rows = {
        "lambda_adv 0": "FT-MNIST",
        "lambda_adv 2": "Standard",
    }  # scored in batch mode alone, and in both
    table = dataclasses.replace(samples.TABLE, name="5", rows=dict.fromkeys(rows, samples.RUN))
    results = {row: samples.results()[like] for row, like in rows.items()}
    costs = next(
        f
        for f in gather.document(table, results).findings
        if f.claim.statement == "L_adv costs clean accuracy"
    )
    assert (costs.holds, costs.figures) == (True, (96.0, 91.0))


def test_a_table_without_any_record() -> None:
    absent = {name: samples.Result(None, "why") for name in samples.ROWS}
    document = gather.document(samples.TABLE, absent)
    assert document.conditions is document.compared is None
    assert document.environment == {}
    assert [row.absent for row in document.rows] == ["why"] * 4

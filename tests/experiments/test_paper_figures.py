"""The figures' rows are the tables' own runs."""

import re

import pytest

from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.experiments import paper_figures, table1, table2, tables
from igam_tf.experiments.configs import RobustRun, StudentRun
from igam_tf.experiments.sizes import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", list(paper_figures.ROWS))
def test_rows_are_the_tables(name: str, preset: str) -> None:
    picture = paper_figures.figure(name, preset, 5)
    assert picture.name == name
    assert list(picture.rows) == [row for _, row in paper_figures.ROWS[name]]
    for table, row in paper_figures.ROWS[name]:
        declared = tables.table(table, preset, 5)
        assert picture.rows[row] == declared.rows[row]
        assert declared.scoring.dataset == picture.dataset  # all models take the same images


def test_figures_4_and_6_are_of_all_models_of_the_section() -> None:
    for name in ("4", "6"):
        assert set(paper_figures.figure(name, "paper").rows) == {
            *table1.PUBLISHED,
            *table2.PUBLISHED,
        }
    assert paper_figures.figure("4", "paper").images < paper_figures.figure("6", "paper").images


def test_figure_1_is_of_a_non_robust_and_a_robust_model() -> None:
    standard, robust = paper_figures.figure("1", "paper").rows.values()
    assert isinstance(standard, RobustRun)
    assert standard.adversary is None
    assert robust.adversary.steps == 7


def test_figure_7_is_the_papers_four() -> None:
    """Its caption: lambda_adv = 2 and lambda_diff = 10, each alone, both, and plain training."""
    picture = paper_figures.figure("7", "paper")
    standard, *students = picture.rows.values()
    assert isinstance(standard, RobustRun)
    assert standard.adversary is None
    assert all(isinstance(run, StudentRun) for run in students)
    assert [(run.lambda_adv, run.lambda_diff) for run in students] == [(2, 0), (0, 10), (2, 10)]
    assert len({settings.digest(run) for run in picture.rows.values()}) == 4
    titles = [
        paper_figures.panel_title(place, row, run)
        for place, (row, run) in enumerate(picture.rows.items())
    ]
    assert titles[0] == "(a) Standard"
    assert [re.findall(r"=([\d.]+)", title) for title in titles[1:]] == [
        ["2", "0"],
        ["0", "10"],
        ["2", "10"],
    ]
    assert [title[:8] for title in titles[1:]] == ["(b) IGAM", "(c) IGAM", "(d) IGAM"]


@pytest.mark.parametrize("name", ["2", "5", "curves", ""])
def test_other_figures(name: str) -> None:
    with pytest.raises(InputError, match=rf"^figure: expected one of 1, 4, 6, 7, got '{name}'$"):
        paper_figures.figure(name, "demo")

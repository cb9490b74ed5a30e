"""Tables 4 and 5: Table 3's IGAM-CIFAR10 with one lambda changed."""

import dataclasses

import pytest

from igam_tf.core import settings
from igam_tf.experiments import tables, tables_4_5
from igam_tf.experiments.sizes import PRESETS

presets = pytest.mark.parametrize("preset", PRESETS)


@pytest.mark.parametrize(("name", "term"), [("4", "lambda_diff"), ("5", "lambda_adv")])
@presets
def test_ablations_change_one_term_alone(name: str, term: str, preset: str) -> None:
    table = tables.table(name, preset)
    runs = list(table.rows.values())
    assert list(table.rows) == list(tables_4_5.PUBLISHED[name])
    values = [getattr(run, term) for run in runs]
    assert values == [share * values[-1] for share in (0, 0.25, 0.5, 1)]
    assert {settings.digest(dataclasses.replace(run, **{term: 0.0})) for run in runs} == {
        settings.digest(runs[0])
    }
    if preset == "paper":  # the rows' names are the paper's lambdas
        assert [float(row.split()[1]) for row in table.rows] == values


@presets
def test_ablations_end_at_the_student_of_table_3(preset: str) -> None:
    """So that it is trained once."""
    student = tables.table("3", preset).rows["IGAM-CIFAR10"]
    assert tables.table("4", preset).rows["lambda_diff 10"] == student
    assert tables.table("5", preset).rows["lambda_adv 2"] == student

"""The controls: Table 1's student matched to other things."""

import dataclasses

import pytest

from igam_tf.experiments import tables
from igam_tf.experiments.sizes import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_controls_differ_in_what_is_matched_and_how_strongly(preset: str) -> None:
    table = tables.table("controls", preset, 3)
    student = tables.table("1", preset, 3).rows["IGAM-MNIST"]
    assert table.against_first
    assert table.rows["J_t and L_adv"] == student
    settings = {
        row: (run.matched_to, run.lambda_adv, run.lambda_diff / student.lambda_diff)
        for row, run in table.rows.items()
    }
    assert settings == {
        "J_t": ("teacher", 0, 1),
        "J_t and L_adv": ("teacher", student.lambda_adv, 1),
        "other images": ("other_images", 0, 1),
        "zero": ("zero", 0, 1),
        "J_t x0.25": ("teacher", 0, 0.25),
        "zero x0.25": ("zero", 0, 0.25),
        "J_t x4": ("teacher", 0, 4),
        "zero x4": ("zero", 0, 4),
    }
    free = {"matched_to": "teacher", "lambda_adv": 0.0, "lambda_diff": 0.0}
    assert len({dataclasses.replace(run, **free) for run in table.rows.values()}) == 1

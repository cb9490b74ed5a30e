"""The sweep: Table 1's student with one setting changed at a time."""

import dataclasses

import pytest

from igam_tf.experiments import tables
from igam_tf.experiments.sizes import PRESETS


@pytest.mark.parametrize("preset", PRESETS)
def test_the_sweep_changes_one_setting_at_a_time(preset: str) -> None:
    table = tables.table("sweep", preset, 3)
    student = tables.table("1", preset, 3).rows["IGAM-MNIST"]
    changed = {
        row: {
            field.name: getattr(run, field.name)
            for field in dataclasses.fields(run)
            if getattr(run, field.name) != getattr(student, field.name)
        }
        for row, run in table.rows.items()
    }
    longer = changed["matching x2"].pop("schedule")
    assert changed == {
        "IGAM-MNIST": {},
        "lambda_adv x0.25": {"lambda_adv": 0.25 * student.lambda_adv},
        "whole gradients to D": {"gradient_crop": None},
        "matching x2": {},
        "paper": {"protocol": "paper"},
        "paper and lambda_diff xB": {
            "protocol": "paper",
            "lambda_diff": student.schedule.batch_size * student.lambda_diff,
        },
    }
    start, before = student.steps_before_matching, student.schedule
    assert longer.steps - start == 2 * (before.steps - start)
    for new, old in zip(longer.boundaries, before.boundaries, strict=True):
        assert new == (old if old <= start else start + 2 * (old - start))
    assert dataclasses.replace(longer, steps=before.steps, boundaries=before.boundaries) == before

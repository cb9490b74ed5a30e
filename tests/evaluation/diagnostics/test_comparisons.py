"""Verdicts on two p-values: the smaller of two is smaller by chance, and has to be corrected for
that.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest

from igam_tf.core.bounds import PIXELS
from igam_tf.data import Split
from igam_tf.evaluation.diagnostics import chance, comparisons
from igam_tf.evaluation.diagnostics.probes import Standing
from igam_tf.evaluation.diagnostics.subject import Subject

N = 200
SPLIT = Split(np.zeros((N, 1, 1, 1)), np.zeros(N, int))
SUBJECT = Subject(None, SPLIT, PIXELS, 8, 2, 20, 100, 0, "moving", 1000, None, None)


def right(fooled: int, n: int = N) -> np.ndarray:
    return np.arange(n) >= fooled


def standing(n: int = N, **changes: Any) -> Standing:
    fields = {field.name: right(0, n) for field in dataclasses.fields(Standing)}
    return Standing(**{**fields, "transfer": None, "other_mode": None, **changes})


@pytest.mark.parametrize(("lost", "verdict"), [(6, "PASS"), (7, "PASS"), (8, "WARN")])
def test_one_step_beats_many(lost: int, verdict: str) -> None:
    """Seven lost and none regained has p = 0.0078, which is 0.0156 where it is the smaller of two."""
    outcome = standing(one_step=right(lost), white_box=right(lost))
    check = comparisons.one_step_beats_many(SUBJECT, outcome)
    assert check.evidence["chance"] == pytest.approx(0.5**lost)
    assert check.evidence["only"] == 0
    assert check.verdict == verdict


@pytest.mark.parametrize(
    ("n", "chance_of_six", "verdict"), [(170, 0.0076, "PASS"), (145, 0.0036, "WARN")]
)
def test_noise_beats_gradient(n: int, chance_of_six: float, verdict: str) -> None:
    """Six fooled by noise and by gradients: both p-values are below 1 %, one of them not for two."""
    outcome = standing(n, noise=right(6, n), white_box=right(6, n), few=right(6, n))
    check = comparisons.noise_beats_gradient(SUBJECT, outcome)
    assert check.evidence["noise_chance"] == pytest.approx(chance_of_six, abs=5e-5)
    assert check.verdict == verdict


def test_the_smaller_of_two() -> None:
    assert chance.either(0.004, 0.9) == chance.either(0.9, 0.004) == 0.008
    assert chance.either(0.7, 0.8) == 1.0

"""Verdicts on two p-values: the smaller of two is corrected for being the smaller."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from igam_tf.core.bounds import PIXELS
from igam_tf.data import Split
from igam_tf.evaluation.diagnostics import chance, masking
from igam_tf.evaluation.diagnostics.outcomes import AttackOutcomes
from igam_tf.evaluation.diagnostics.subject import Subject

N = 200
SPLIT = Split(np.zeros((N, 1, 1, 1)), np.zeros(N, int))
SUBJECT = Subject(None, SPLIT, PIXELS, 8, 2, 20, 100, 0, "moving", 1000, None, None)


def all_but(fooled: int, n: int = N) -> np.ndarray:
    return np.arange(n) >= fooled


def outcomes(n: int = N, **changes: Any) -> AttackOutcomes:
    fields = {field.name: all_but(0, n) for field in dataclasses.fields(AttackOutcomes)}
    return AttackOutcomes(**{**fields, "transfer": None, "other_mode": None, **changes})


@pytest.mark.parametrize(("fooled", "verdict"), [(6, "PASS"), (7, "PASS"), (8, "WARN")])
def test_one_step_beats_many(fooled: int, verdict: str) -> None:
    """Seven fooled and none regained has p = 0.0078, or 0.0156 as the smaller of two."""
    after_fgsm = outcomes(fgsm=all_but(fooled), white_box=all_but(fooled))
    check = masking.one_step_beats_many(SUBJECT, after_fgsm)
    assert check.evidence["chance"] == pytest.approx(0.5**fooled)
    assert check.evidence["only"] == 0
    assert check.verdict == verdict


@pytest.mark.parametrize(
    ("n", "chance_of_six", "verdict"), [(170, 0.0076, "PASS"), (145, 0.0036, "WARN")]
)
def test_noise_beats_gradient(n: int, chance_of_six: float, verdict: str) -> None:
    """Noise and gradients fool six: both p-values are below 1 %, one of them not as one of two."""
    survivors = all_but(6, n)
    after_noise = outcomes(n, noise=survivors, white_box=survivors, pgd=survivors)
    check = masking.noise_beats_gradient(SUBJECT, after_noise)
    assert check.evidence["noise_chance"] == pytest.approx(chance_of_six, abs=5e-5)
    assert check.verdict == verdict


def test_the_smaller_of_two() -> None:
    assert chance.either(0.004, 0.9) == chance.either(0.9, 0.004) == 0.008
    assert chance.either(0.7, 0.8) == 1.0

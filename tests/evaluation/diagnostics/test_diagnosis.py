"""Results as plain data and as text; what counts as chance."""

import json
from math import comb

import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.evaluation.diagnostics import Check, Diagnosis, chance, diagnosis_text

DIAGNOSIS = Diagnosis(
    (
        Check("still_falling", "PASS", {"lost": 1, "n": 200}, "one lost", "More steps."),
        Check(
            "large_epsilon", "WARN", {"left": 180, "chance": 1e-9}, "180 left", "It does not work."
        ),
        Check("transfer_beats_white_box", "SKIP", {}, "no surrogate was given", "Masked."),
    ),
    {
        "alignment": 1163.25,
        "linearised_robustness": None,
        "gradient_norm": 0.5,
        "unit": "l2 length",
        "n": 200,
    },
    {
        "n": 200,
        "clean_right": 190,
        "epsilon_shown": "8/255 (8 of [0, 255])",
        "steps": 20,
        "step_size": 2.0,
        "statistics": "moving",
        "seed": 0,
        "level": 0.01,
        "bounds": [0.0, 255.0],
    },
)


def test_plain_data_and_back() -> None:
    fields = json.loads(json.dumps(DIAGNOSIS.to_dict()))
    assert Diagnosis.from_dict(fields) == DIAGNOSIS
    assert [check.name for check in DIAGNOSIS.warnings] == ["large_epsilon"]
    assert DIAGNOSIS.check("large_epsilon").evidence["left"] == 180


def test_text() -> None:
    text = diagnosis_text(DIAGNOSIS).splitlines()
    assert text[0].startswith(
        "Diagnosis: n = 200 (190 right unattacked), linf, eps 8/255 (8 of [0, 255])"
    )
    assert [line.split() for line in text[1:4]] == [
        ["PASS", "still_falling:", "one", "lost"],
        ["WARN", "large_epsilon:", "180", "left"],
        ["It", "does", "not", "work."],
    ]
    assert text[4].split()[:2] == ["SKIP", "transfer_beats_white_box:"]
    assert (
        text[5]
        .strip()
        .startswith(
            "median alignment 1163, linearised robustness none (Eq. 18; l2 length; n = 200)"
        )
    )


@pytest.mark.parametrize(
    "change", [{"extra": 1}, {"checks": [{"name": "x"}]}, {"measures": None, "settings_": 0}]
)
def test_other_fields_are_mistakes(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="diagnosis: not the fields of one"):
        Diagnosis.from_dict({**DIAGNOSIS.to_dict(), **change})


def test_unknown_names_and_verdicts_are_mistakes() -> None:
    with pytest.raises(
        InputError, match="there is no 'falling', only still_falling, large_epsilon"
    ):
        DIAGNOSIS.check("falling")
    with pytest.raises(InputError, match="verdict: expected one of PASS, WARN, SKIP, got 'FAIL'"):
        Check("x", "FAIL", {}, "", "")


@pytest.mark.parametrize(
    ("count", "n", "share"), [(0, 5, 0.3), (3, 5, 0.3), (5, 5, 0.5), (7, 200, 0.01), (90, 100, 0.5)]
)
def test_binomial_tails_are_sums(count: int, n: int, share: float) -> None:
    expected = sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(count, n + 1))
    assert chance.binomial_tail(count, n, share) == pytest.approx(expected, rel=1e-9)


def test_binomial_tails_at_their_ends() -> None:
    assert chance.binomial_tail(0, 0, 0.5) == 1
    assert chance.binomial_tail(1, 9, 0) == 0
    assert chance.binomial_tail(9, 9, 1) == 1
    assert 0 < chance.binomial_tail(5200, 10_000, 0.5) < 1e-4


def test_pairs_are_compared_on_those_that_differ() -> None:
    before, after = np.zeros(40, bool), np.zeros(40, bool)
    before[:20], after[10:22] = True, True
    assert chance.paired(before, after) == (10, 2, pytest.approx((66 + 12 + 1) / 2**12))
    assert chance.paired(before, before) == (0, 0, 1.0)
    assert 0.5**chance.FEWEST < chance.LEVEL < 0.5 ** (chance.FEWEST - 1)

"""The paper's claims: they hold on its own figures, and are finding out on others."""

import dataclasses

import pytest

from igam_tf.experiments import claims, tables

PRINTED = [c for c in claims.CLAIMS if c.table != "figure5"]  # which has bars alone


@pytest.mark.parametrize("claim", PRINTED, ids=[f"{c.table}: {c.statement[:40]}" for c in PRINTED])
def test_claims_hold_on_the_papers_own_figures(claim: claims.Claim) -> None:
    figures = tables.table(claim.table, "paper").published
    finding = claims.find(claim, lambda row, column: figures[row][column])
    assert finding.holds
    assert finding.figures == (
        figures[finding.higher[0]][finding.higher[1]],
        figures[finding.lower[0]][finding.lower[1]],
    )
    assert (
        min(figures[a][i] - figures[b][j] for (a, i), (b, j) in claim.pairs)
        == finding.figures[0] - finding.figures[1]
    )
    assert claim in claims.of_table(claim.table)


@pytest.mark.parametrize("name", ["1", "2", "3", "4", "5", "figure5"])
def test_they_are_of_rows_and_columns_that_our_tables_have(name: str) -> None:
    table = tables.table(name, "paper")
    cells = {(row, column) for row in table.rows for column in ("clean", *table.scoring.attacks)}
    assert claims.of_table(name)
    for claim in claims.of_table(name):
        assert {cell for pair in claim.pairs for cell in pair} <= cells


CLAIM = claims.Claim(
    "1", "a beats b", "§1", ((("a", "fgsm"), ("b", "fgsm")), (("a", "pgd5"), ("b", "pgd5")))
)
FIGURES = {("a", "fgsm"): 30.0, ("b", "fgsm"): 20.0, ("a", "pgd5"): 11.0, ("b", "pgd5"): 10.0}


@pytest.mark.parametrize(
    ("changes", "in_text", "text"),
    [
        ({}, True, "holds: a beats b (§1): a pgd5 11.0 against b pgd5 10.0"),
        (
            {("a", "fgsm"): 5.0},
            True,
            "DOES NOT HOLD: a beats b (§1): a fgsm 5.0 against b fgsm 20.0",
        ),
        (
            {("a", "pgd5"): 10.0},
            True,
            "DOES NOT HOLD: a beats b (§1): a pgd5 10.0 against b pgd5 10.0",
        ),
        ({("b", "fgsm"): None}, True, "not tested: a beats b (§1)"),
        (
            {},
            False,
            "holds: a beats b (§1, which the text leaves out): a pgd5 11.0 against b pgd5 10.0",
        ),
    ],
)
def test_findings(changes: dict[tuple[str, str], float | None], in_text: bool, text: str) -> None:
    figures = {**FIGURES, **changes}
    claim = dataclasses.replace(CLAIM, in_text=in_text)
    assert claims.finding_text(claims.find(claim, lambda row, column: figures[row, column])) == text

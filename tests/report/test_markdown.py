"""Markdown as GitHub reads it."""

import itertools
import re

import pytest

from igam_tf import report
from igam_tf.experiments import summary
from igam_tf.report.markdown import escaped

from . import samples


def cells(line: str) -> list[str]:
    """The cells of a table's line, unescaped."""
    parts = re.split(r"(?<!\\)\|", line)
    assert parts[0] == parts[-1] == ""
    return [re.sub(r"\\(.)", r"\1", part.strip()) for part in parts[1:-1]]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    document = report.document(samples.TABLE, samples.results(), 7)
    return report.report_markdown([document]).splitlines()


def test_the_table(lines: list[str]) -> None:
    table = [cells(line) for line in lines if line.startswith("|")]
    assert {len(row) for row in table} == {6}
    assert table[0] == ["row", "BatchNorm", "Clean", "FGSM", "PGD20", "strong"]
    assert table[1] == ["---", "---", *["---:"] * 4]
    assert table[2] == [
        "Standard",
        "moving",
        "91.0 [83.8, 95.2]",
        "40.0 [30.9, 49.8]",
        "20.0 [13.3, 28.9]",
        "6.0 [2.1, 16.2]",
    ]
    assert table[3] == [
        "",
        "batch",
        "96.0 [90.2, 98.4]",
        "45.0 [35.6, 54.8]",
        "20.0 [13.3, 28.9]",
        "",
    ]
    assert table[4] == ["", "paper", "95 (-4.0)", "-", "0.12 (+19.9)", ""]
    assert table[-1] == [samples.ODD, "not run", "", "", "", ""]


def test_a_blank_line_stands_before_every_block(lines: list[str]) -> None:
    """Without it a table or a list would be part of the paragraph above."""
    for before, line in itertools.pairwise(lines):
        if line.startswith("|"):
            assert before == "" or before.startswith("|")
        if line.startswith("- "):
            assert before == "" or before.startswith("- ")


def test_what_stands_below(lines: list[str]) -> None:
    assert lines[0] == r"### Table 1: a \<title> \& more (preset demo, seed 7)"
    text = "\n".join(lines)
    assert "Beside each figure its 95 % interval" in text
    assert "- Standard: WARN still_falling (7 \\<lost>)" in lines
    assert "- IGAM-MNIST: PASS (2 checks)" in lines
    assert any(
        line.startswith("- not tested: IGAM-MNIST beats FT-MNIST in every column") for line in lines
    )
    assert "bin/reproduce_table --table=1 --preset=demo --seed=7 --rows=IGAM-MNIST" in lines
    assert lines[-1].startswith(
        r"Measured with numpy 2.4.6, 2.5.0; machine x86_64 \<2 cores>; devices CPU:0, GPU:0; "
        "time 2026"
    )
    notes = lines[lines.index("Notes:") + 2 : lines.index("Doubts:") - 1]
    assert notes[0] == r"- IGAM-MNIST: weights: \<mine>"
    assert notes[1].endswith(r": not run: dataset \<cifar10>: not found \| under \`/data\`")
    assert len(notes) == 2
    doubts = [rf"- {row}: a weak \<attack>" for row in ("Standard", "IGAM-MNIST")]
    assert lines[lines.index("Doubts:") + 2 :][:3] == [*doubts, ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lambda_diff 2.5", "lambda_diff 2.5"),
        ("_all_ *this*", r"\_all\_ \*this\*"),
        ("a|b\nc", r"a\|b c"),
        ("<script>&lt;", r"\<script>\&lt;"),
        ("[99.2, 100.0]", "[99.2, 100.0]"),
        ("[here](there)", r"[here\](there)"),
        ("`x` ~y~ \\z", r"\`x\` \~y\~ \\z"),
    ],
)
def test_text_is_escaped(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_several_seeds_begin_with_their_means() -> None:
    by_seed = samples.by_seed()
    documents = [report.document(samples.TABLE, results, seed) for seed, results in by_seed.items()]
    means = summary.summarise(samples.TABLE, by_seed)
    lines = report.report_markdown(documents, means).splitlines()
    assert lines[0] == r"### Table 1: a \<title> \& more (preset demo, seeds 0, 4)"
    assert cells(lines[4]) == ["moving", "Clean", "FGSM", "PGD20"]
    assert cells(lines[6])[:2] == ["Standard", "91.0 (all equal)"]
    assert sum(line.startswith("### ") for line in lines) == 3
    assert any(line.endswith("not run with every seed") for line in lines)

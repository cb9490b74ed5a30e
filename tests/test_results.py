"""The documents in results/: they can be read, and today's tables say what was printed when they
were made.
"""

import pathlib
import re

import pytest

from igam_tf import report
from igam_tf.experiments import summary
from igam_tf.experiments.study import Study

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
STUDIES = {path.stem: Study.load(path) for path in sorted(RESULTS.glob("*.json"))}
TEXTS = [(name, text) for name, study in STUDIES.items() for text in study.texts]

# Printed before titles named the data sets, before claims stood below, and before "(all equal)"
# stood in the place of an interval without width.
EARLIER_LAYOUT = {
    ("controls-cpu", "table1-cpu-seeds0-1"),
    ("protocols", "protocols-demo-seeds0-1-2"),
    ("table1-cpu", "table1-cpu-seed0"),
    ("table1-demo", "table1-demo-seed0"),
    ("table1-demo", "table1-demo-seed1"),
    ("table1-demo", "table1-demo-seed2"),
    ("table1-strong", "table1-demo-seed0"),
}


def printed(study: Study, name: str) -> list[str]:
    """The lines of a text, printed from the study's records."""
    found = re.fullmatch(r"(?:table)?(.+)-(?:demo|cpu)-seeds?([\d-]+)", name)
    assert found
    seeds = [int(seed) for seed in found[2].split("-")]
    tables, results = study.read(found[1], seeds)
    first = tables[seeds[0]]
    one = len(seeds) == 1
    return (
        report.table_text(first, results[seeds[0]]) if one else summary.summary_text(first, results)
    ).split("\n")


def figures(lines: list[str]) -> list[str]:
    """The lines of a table, from its columns' titles to the blank line at its end, and the
    diagnostics.
    """
    start = lines.index("") + 1
    end = lines.index("", start) if "" in lines[start:] else len(lines)
    return [*lines[start:end], *(line for line in lines if re.match("  .*: (PASS|WARN)", line))]


def means(lines: list[str]) -> list[str]:
    """The means and differences of a text over seeds, without their intervals."""
    return [figure for line in lines for figure in re.findall(r"[-+]?\d+\.\d(?= [\[(])", line)]


@pytest.mark.parametrize(("name", "text"), TEXTS)
def test_a_text_is_printed_from_the_records(name: str, text: str) -> None:
    then, now = STUDIES[name].texts[text], printed(STUDIES[name], text)
    if (name, text) not in EARLIER_LAYOUT:
        assert now == then
        return
    shown = means if "-seeds" in text else figures
    assert shown(now) == shown(then) != []
    assert now != then


@pytest.mark.parametrize("name", STUDIES)
def test_a_document_is_as_it_is_written(name: str) -> None:
    assert (RESULTS / f"{name}.json").read_text("utf-8") == STUDIES[name].to_json()


def test_records_of_speed() -> None:
    assert len(STUDIES["benchmark"].benchmarks) == 7
    assert all(record["results"] for record in STUDIES["benchmark"].benchmarks.values())

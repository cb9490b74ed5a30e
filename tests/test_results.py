"""The documents in results/ can be read and rendered, and hold what was printed."""

import html
import pathlib
import re

import pytest

from igam_tf import report
from igam_tf.cli import reproduce_table
from igam_tf.experiments import summary
from igam_tf.experiments.study import Study

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"
STUDIES = {path.stem: Study.load(path) for path in sorted(RESULTS.glob("*.json"))}
TABLES = [(name, table) for name, study in STUDIES.items() for table in study.table_names]
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


def reprinted(study: Study, name: str) -> list[str]:
    """The lines of a text, printed from the study's records."""
    match = re.fullmatch(r"(?:table)?(.+)-(?:demo|cpu)-seeds?([\d-]+)", name)
    assert match
    seeds = [int(seed) for seed in match[2].split("-")]
    tables, results = study.read(match[1], seeds)
    table, seed = tables[seeds[0]], seeds[0]
    text = (
        report.table_text(table, results[seed])
        if len(seeds) == 1
        else summary.summary_text(table, results)
    )
    return text.split("\n")


def figures(lines: list[str]) -> list[str]:
    """A table's lines from the columns' titles to the next blank line, and the diagnostics."""
    start = lines.index("") + 1
    end = lines.index("", start) if "" in lines[start:] else len(lines)
    return [*lines[start:end], *(line for line in lines if re.match("  .*: (PASS|WARN)", line))]


def means(lines: list[str]) -> list[str]:
    """The means and differences of a text over seeds, without their intervals."""
    return [figure for line in lines for figure in re.findall(r"[-+]?\d+\.\d(?= [\[(])", line)]


@pytest.mark.parametrize(("name", "text"), TEXTS)
def test_a_text_is_printed_from_the_records(name: str, text: str) -> None:
    before, now = STUDIES[name].texts[text], reprinted(STUDIES[name], text)
    if (name, text) not in EARLIER_LAYOUT:
        assert now == before
        return
    part = means if "-seeds" in text else figures
    assert part(now) == part(before) != []
    assert now != before


@pytest.mark.parametrize("name", STUDIES)
def test_a_document_is_as_it_is_written(name: str) -> None:
    assert (RESULTS / f"{name}.json").read_text("utf-8") == STUDIES[name].to_json()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "table"), TABLES)
def test_every_table_in_every_format(
    name: str, table: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = [f"--table={table}"] if len(STUDIES[name].table_names) > 1 else []
    arguments = [f"--from={RESULTS / name}.json", f"--runs_dir={tmp_path}", *choice]
    (rows, *_) = (each.rows for each in STUDIES[name].tables if each.name == table)
    for format in ("text", "md", "html", "json"):
        assert reproduce_table.main([*arguments, f"--format={format}"]) == 0
        text, errors = capsys.readouterr()
        assert errors == ""
        assert [row for row in rows if row not in html.unescape(text).replace("\\", "")] == []


def test_records_of_speed() -> None:
    assert len(STUDIES["benchmark"].benchmarks) == 13
    assert all(record["results"] for record in STUDIES["benchmark"].benchmarks.values())


def test_results_are_few_files_and_each_has_its_line() -> None:
    files = [path.name for path in RESULTS.rglob("*")]
    assert set(files) == {"README.md", *(f"{name}.json" for name in STUDIES)}
    assert len(files) <= 60
    readme = (RESULTS / "README.md").read_text("utf-8")
    for name in STUDIES:
        assert f"| [{name}](#{name}) |" in readme
        assert f"\n## {name}\n\n- [{name}.json]({name}.json): " in readme

"""The JSON report has exactly the documented fields, and every record."""

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from igam_tf import report
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import summary
from igam_tf.report import table_document

from . import samples

TABLE = {
    *("name", "preset", "seed", "title", "conditions", "columns", "compares", "rows", "findings"),
    "environment",
}
CONDITIONS = {
    *("dataset", "n", "norm", "epsilon", "epsilon_shown", "step_size", "step_size_shown"),
    *("batch_size", "seed"),
}
ROW = {
    *("name", "absent", "note", "figures", "compared", "published", "doubts", "warnings"),
    *("directory", "command", "config", "record", "strong", "classes"),
}


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    by_seed = samples.by_seed()
    documents = [report.document(samples.TABLE, results, seed) for seed, results in by_seed.items()]
    text = report.report_json(documents, summary.summarise(samples.TABLE, by_seed))
    content: dict[str, Any] = json.loads(text)
    return content


def test_the_fields_of_version_2(content: dict[str, Any]) -> None:
    """A change here is a new version, or one more field with its line in docs/reports.md."""
    assert (content["schema"], content["version"]) == ("igam_tf.report", 2)
    assert set(content) == {"schema", "version", "tables", "summary"}
    for table in content["tables"]:
        assert set(table) == TABLE
        assert set(table["conditions"]) == CONDITIONS
        for row in table["rows"]:
            assert set(row) == ROW
            for figures in row["figures"].values():
                for figure in figures.values():
                    assert set(figure) == {"percent", "interval", "correct", "n", "never_fooled"}
            for published in row["published"].values():
                assert set(published) == {"percent", "difference"}
        for finding in table["findings"]:
            assert set(finding) == {"claim", "holds", "higher", "lower", "figures"}
            assert set(finding["claim"]) == {"table", "statement", "source", "pairs", "in_text"}
    means = content["summary"]
    assert set(means) == {"seeds", "columns", "modes", "reference", "rows", "incomplete"}
    assert set(means["rows"][0]) == {"name", "means", "differences"}
    assert set(means["rows"][0]["means"]["moving"]["fgsm"]) == {"mean", "low", "high"}


def test_every_record_comes_back(content: dict[str, Any]) -> None:
    results = samples.by_seed()[4]
    assert [table["seed"] for table in content["tables"]] == [0, 4]
    for row in content["tables"][1]["rows"]:
        for key, record in (
            ("record", results[row["name"]].record),
            ("strong", results[row["name"]].strong),
        ):
            read = row[key] and EvalRecord.from_json(json.dumps(row[key]))
            assert read == record


def test_numbers(content: dict[str, Any]) -> None:
    standard = content["tables"][0]["rows"][0]
    assert standard["figures"]["batch"]["fgsm"]["percent"] == 45.0
    assert standard["published"]["clean"] == {"percent": 95.0, "difference": -4.0}
    assert content["tables"][0]["rows"][3]["absent"] == samples.NOTE
    assert content["summary"]["seeds"] == [0, 4]
    assert content["summary"]["rows"][0]["means"]["moving"]["fgsm"]["mean"] == 42.0
    assert content["summary"]["incomplete"] == [samples.ODD]


def test_one_seed_has_no_summary_and_nan_becomes_null() -> None:
    results = samples.results()
    strong = results["Standard"].strong
    broken = dataclasses.replace(
        strong, diagnosis={**strong.diagnosis, "measures": {"alignment": float("nan")}}
    )
    results["Standard"] = dataclasses.replace(results["Standard"], strong=broken)
    text = report.report_json([report.document(samples.TABLE, results)])
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read["summary"] is None
    assert read["tables"][0]["rows"][0]["strong"]["diagnosis"]["measures"] == {"alignment": None}


@pytest.mark.parametrize(
    "kind",
    [
        table_document.Document,
        table_document.Conditions,
        table_document.Row,
        table_document.ClassFigures,
        table_document.Figure,
        table_document.PublishedFigure,
        summary.Summary,
        summary.RowSummary,
        summary.Mean,
    ],
)
def test_every_field_is_documented(kind: type) -> None:
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/reports.md").read_text()
    assert [field.name for field in dataclasses.fields(kind) if f"`{field.name}`" not in page] == []

"""One model's report has the formats, and the page, that tables have."""

import dataclasses
import json
import pathlib
import shlex
from typing import Any

import numpy as np
import pytest

from igam_tf import data, evaluation, models, report
from igam_tf.core import settings
from igam_tf.core.bounds import Bounds
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments.configs import Scoring
from igam_tf.report import model_report

from . import samples
from .pages import Page

SCORING = Scoring("folder:images", 12, ())
COMMAND = "bin/evaluate 'my runs/model' --diagnose"
SIZE, CLASSES = 12, 10
MODEL = models.mnist_cnn(CLASSES, channels=(2, 3), hidden=4)


@pytest.fixture(scope="module")
def dataset() -> data.Dataset:
    labels = np.arange(SIZE) % 3
    images = np.random.default_rng(0).random((SIZE, 28, 28, 1)).astype(np.float32)
    split = data.Split(images, labels)
    names = tuple(f"<class> {label}" for label in range(CLASSES))
    return data.Dataset("folder:images", split, split, CLASSES, Bounds(0.0, 1.0), names)


@pytest.fixture(scope="module")
def record(dataset: data.Dataset) -> EvalRecord:
    """FGSM and two PGDs in both BatchNorm modes, with a diagnosis that warns."""
    attacks = ("fgsm", "pgd2", "pgd3")
    modes = ("moving", "batch")
    record = evaluation.evaluate(
        MODEL, dataset, attacks=attacks, statistics=modes, batch_size=SIZE, step_size="8/255"
    )
    return dataclasses.replace(record, diagnosis=samples.diagnosis("WARN").to_dict())


@pytest.fixture
def run(tmp_path: pathlib.Path) -> pathlib.Path:
    directory = tmp_path / "student"
    directory.mkdir()
    (directory / "config.json").write_text(settings.to_json(samples.RUN))
    return directory


def rendered(format: str, record: EvalRecord, run: pathlib.Path, dataset: data.Dataset) -> str:
    return model_report.rendered(record, run, MODEL, dataset, SCORING, COMMAND, format)


def test_the_json(record: EvalRecord, run: pathlib.Path, dataset: data.Dataset) -> None:
    content = json.loads(rendered("json", record, run, dataset))
    (table,) = content["tables"]
    assert (
        table["name"],
        table["preset"],
        table["title"],
        table["compares"],
        table["findings"],
    ) == ("", "", "student on folder:images", False, [])
    assert list(table["columns"]) == ["clean", "fgsm", "pgd2", "pgd3"]
    (row,) = table["rows"]
    assert (row["name"], row["command"], row["directory"]) == ("student", COMMAND, "student")
    assert row["config"] == settings.to_dict(samples.RUN)
    assert EvalRecord.from_json(json.dumps(row["record"])) == record
    assert row["record"]["class_names"] == list(dataset.class_names)
    assert row["warnings"][-1] == "still_falling: 7 <lost>. attack longer"


def test_accuracy_by_class(record: EvalRecord, run: pathlib.Path, dataset: data.Dataset) -> None:
    (table,) = json.loads(rendered("json", record, run, dataset))["tables"]
    classes = table["rows"][0]["classes"]
    assert [(each["name"], each["n"]) for each in classes] == [
        (name, 4) for name in dataset.class_names[:3]
    ]  # classes without images are left out
    for mode, counts in record.results.items():
        for name, count in counts.items():
            of_class = [each["figures"][mode][name] for each in classes]
            assert sum(figure["correct"] for figure in of_class) == count.correct
    right = record.right("clean", "batch")[dataset.test.labels == 1]
    assert classes[1]["figures"]["batch"]["clean"]["percent"] == 100 * right.mean()


def test_classes_without_names_are_their_labels(record: EvalRecord) -> None:
    unnamed = dataclasses.replace(record, class_names=[])
    figures = model_report.class_figures(unnamed, np.arange(SIZE) % 2)
    assert [each.name for each in figures] == ["0", "1"]


def test_the_page(record: EvalRecord, run: pathlib.Path, dataset: data.Dataset) -> None:
    page = Page(rendered("html", record, run, dataset))
    assert page.one("h1").text == page.one("title").text.removesuffix(" (igam_tf)")
    assert page.one("h1").text == "student on folder:images"
    assert [element.text for element in page.all("h2")] == [
        *("Warnings", "Accuracy", "Diagnostics", "Curves and input gradients", "Classes"),
        *("How to repeat it", "Environment"),
    ]
    moving, batch, grid = page.all("img")
    assert "BatchNorm" not in grid.attributes["alt"]
    assert [
        f"{100 * record.accuracy('pgd3', mode):.1f} at 3" in picture.attributes["alt"]
        for mode, picture in (("moving", moving), ("batch", batch))
    ] == [True, True]
    for words in (*dataset.class_names[:3], *shlex.split(COMMAND)[2:], "Preset"):
        assert (words in page.text) == (words != "Preset")
    assert "7 <lost>" in page.text


def test_markdown(record: EvalRecord, run: pathlib.Path, dataset: data.Dataset) -> None:
    text = rendered("md", record, run, dataset)
    assert text.startswith("### student on folder:images\n")
    assert "WARN still_falling" in text.replace("\\", "")
    assert f"The command:\n\n```\n{COMMAND}\n```" in text


@pytest.mark.parametrize("count", [20, 21])
def test_many_classes_are_folded_away(
    record: EvalRecord, run: pathlib.Path, dataset: data.Dataset, count: int
) -> None:
    document = model_report.model_document(record, run, dataset, SCORING, COMMAND)
    (row,) = document.rows
    many = tuple(dataclasses.replace(row.classes[0], name=str(n)) for n in range(count))
    html = report.report_html(
        [dataclasses.replace(document, rows=(dataclasses.replace(row, classes=many),))]
    )
    summaries = [element.text for element in Page(html).all("summary")]
    assert ("BatchNorm: moving" in summaries) == (count > 20)


def test_the_chain_strong_is_a_column_with_its_own_settings(
    run: pathlib.Path, dataset: data.Dataset
) -> None:
    strong = samples.strong(13, "PASS")
    attacks = {"pgd20": samples.described("pgd20"), **strong.attacks}
    counts = {"pgd20": strong.results["moving"]["clean"], **strong.results["moving"]}
    flags: dict[str, Any] = {"moving": dict.fromkeys(counts, "ff" * 7)}
    record = dataclasses.replace(strong, attacks=attacks, results={"moving": counts}, flags=flags)
    labels = np.zeros(50, np.int64)
    split = data.Split(np.zeros((50, 28, 28, 1), np.float32), labels)
    fifty = dataclasses.replace(dataset, test=split)
    document = model_report.model_document(record, run, fifty, SCORING, COMMAND)
    assert list(document.columns.values()) == [
        *("Clean", "PGD20", "strong: apgd-ce", "strong: apgd-t", "strong"),
    ]
    text = Page(report.report_html([document])).text
    assert "what is left of the first 50 images" in text
    assert "apgd-ce: settings of apgd-ce; then apgd-t: settings of apgd-t; then square" in text
    assert "pgd20: linf" not in text

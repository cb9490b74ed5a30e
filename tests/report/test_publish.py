"""One file for each format, with all seeds in it."""

import json
import pathlib
from typing import Any

import pytest

from igam_tf import report
from igam_tf.experiments import summary
from igam_tf.experiments.runs import Options
from igam_tf.report import illustrations, publish

from . import samples
from .pages import Page


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pictures come from the shelf; which results were asked for."""
    asked: list[int] = []

    def of_table(
        table: object, found: dict[str, Any], given: object, options: object
    ) -> list[object]:
        asked.append(found["FT-MNIST"].record.results["batch"]["fgsm"].correct)
        return samples.PICTURES

    monkeypatch.setattr(illustrations, "of_table", of_table)
    return asked


def published(format: str, path: pathlib.Path, seeds: tuple[int, ...]) -> str:
    found = {seed: results for seed, results in samples.by_seed().items() if seed in seeds}
    declared = dict.fromkeys(seeds, samples.TABLE)
    again = {name: ["--num_examples=9"] for name in samples.ROWS}
    return publish.rendered(declared, found, again, {}, Options(path), format)


def test_text(tmp_path: pathlib.Path) -> None:
    found = samples.by_seed()
    first, second = (report.table_text(samples.TABLE, results) for results in found.values())
    over = summary.summary_text(samples.TABLE, found)
    assert (
        published("text", tmp_path / "new" / "t.txt", (0, 4)) == f"{first}\n\n{second}\n\n{over}\n"
    )
    assert published("text", tmp_path / "other" / "t.txt", (4,)) == f"{second}\n"


@pytest.mark.parametrize("seeds", [(4,), (0, 4)])
def test_the_others(tmp_path: pathlib.Path, seeds: tuple[int, ...], drawn: list[int]) -> None:
    markdown = published("md", tmp_path / "md" / "t.md", seeds)
    assert markdown.count("\n| row |") == len(seeds)
    assert "--seed=4 --rows=Standard --num_examples=9" in markdown
    read = json.loads(published("json", tmp_path / "json" / "t.json", seeds))
    assert [table["seed"] for table in read["tables"]] == list(seeds)
    assert (read["summary"] is not None) == (len(seeds) > 1)
    assert not drawn  # only the page has pictures
    page = Page(published("html", tmp_path / "html" / "t.html", seeds))
    assert drawn == [35 + seed for seed in seeds]
    assert len(page.all("img")) == 2 * len(seeds)
    assert "--rows=Standard --num_examples=9" in page.text

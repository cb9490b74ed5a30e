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
def illustrated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replaces the pictures by samples; a number of each table whose pictures are requested."""
    numbers: list[int] = []

    def of_table(
        table: object, results: dict[str, Any], weights: object, options: object
    ) -> list[object]:
        numbers.append(results["FT-MNIST"].record.results["batch"]["fgsm"].correct)
        return samples.PICTURES

    monkeypatch.setattr(illustrations, "of_table", of_table)
    return numbers


def published(format: str, path: pathlib.Path, seeds: tuple[int, ...]) -> str:
    by_seed = {seed: results for seed, results in samples.by_seed().items() if seed in seeds}
    tables = dict.fromkeys(seeds, samples.TABLE)
    flags = {name: ["--num_examples=9"] for name in samples.ROWS}
    return publish.rendered(tables, by_seed, flags, {}, Options(path), format)


def test_text(tmp_path: pathlib.Path) -> None:
    by_seed = samples.by_seed()
    first, second = (report.table_text(samples.TABLE, results) for results in by_seed.values())
    means = summary.summary_text(samples.TABLE, by_seed)
    text = published("text", tmp_path / "new" / "t.txt", (0, 4))
    assert text == f"{first}\n\n{second}\n\n{means}\n"
    assert published("text", tmp_path / "other" / "t.txt", (4,)) == f"{second}\n"


@pytest.mark.parametrize("seeds", [(4,), (0, 4)])
def test_the_others(tmp_path: pathlib.Path, seeds: tuple[int, ...], illustrated: list[int]) -> None:
    markdown = published("md", tmp_path / "md" / "t.md", seeds)
    assert markdown.count("\n| row |") == len(seeds)
    assert "--seed=4 --rows=Standard --num_examples=9" in markdown
    read = json.loads(published("json", tmp_path / "json" / "t.json", seeds))
    assert [table["seed"] for table in read["tables"]] == list(seeds)
    assert (read["summary"] is not None) == (len(seeds) > 1)
    assert not illustrated  # only the page has pictures
    page = Page(published("html", tmp_path / "html" / "t.html", seeds))
    assert illustrated == [35 + seed for seed in seeds]
    assert len(page.all("img")) == 2 * len(seeds)
    assert "--rows=Standard --num_examples=9" in page.text

"""The HTML page shows all data of its documents."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import jinja2
import pytest

from igam_tf import report
from igam_tf.report.html import page as html_page
from igam_tf.report.table_document import Document

from . import samples
from .pages import Page


def numbers(tables: list[dict[str, Any]]) -> Iterator[str]:
    """Every figure of the JSON, as the page is to show it."""
    for table in tables:
        yield from (str(value) for value in table["conditions"].values() if isinstance(value, str))
        for row in table["rows"]:
            for figures in row["figures"].values():
                for figure in figures.values():
                    yield f"{figure['percent']:.1f}"
                    yield f"[{figure['interval'][0]:.1f}, {figure['interval'][1]:.1f}]"
            for published in row["published"].values():
                yield f"{published['percent']:g} ({published['difference']:+.1f})"
            for record in filter(None, (row["record"], row["strong"])):
                for counts in record["results"].values():
                    yield from (str(count["correct"]) for count in counts.values())
                    yield from (
                        str(c["never_fooled"])
                        for c in counts.values()
                        if c["never_fooled"] is not None
                    )
                yield from record["doubts"]
                yield from (attack["shown"] for attack in record["attacks"].values())
            if row["strong"]:
                yield from (check["says"] for check in row["strong"]["diagnosis"]["checks"])
                yield f"{row['strong']['diagnosis']['measures']['alignment']:.4g}"
            yield from (row[key] for key in ("name", "note", "directory", "command") if row[key])
        for finding in table["findings"]:
            yield finding["claim"]["statement"]
            yield from (f"{figure:.1f}" for figure in finding["figures"] or ())
        yield from (value for values in table["environment"].values() for value in values)


def test_every_figure_of_the_json_is_on_the_page(document: Document, of_one: str) -> None:
    text = Page(of_one).text
    expected = list(numbers(json.loads(report.report_json([document]))["tables"]))
    assert len(expected) > 100
    assert [words for words in expected if " ".join(words.split()) not in text] == []


def test_configurations_can_be_read_back(document: Document, of_one: str) -> None:
    folded = [e for e in Page(of_one).all("details") if e.text.startswith("Configuration")]
    configs = [json.loads(e.text.removeprefix("Configuration")) for e in folded]
    assert configs == [row.config for row in document.rows if row.config]
    assert "[0.1, 0.01]" in folded[0].text  # lists of plain values on one line


def test_long_names_break_between_their_words_alone() -> None:
    results = {"lambda_diff=<2>": samples.results()["Standard"], "IGAM-MNIST": samples.Result(None)}
    rows = dict.fromkeys(results, samples.RUN)
    table = dataclasses.replace(samples.TABLE, rows=rows)
    html = report.report_html([report.document(table, results)])
    assert 'class="name">lambda_<wbr>diff=<wbr>&lt;2&gt;</th>' in html
    assert 'class="name">IGAM-MNIST</th>' in html


def test_a_name_that_a_template_misspells_is_an_error(document: Document) -> None:
    template = html_page.environment().from_string("<p>{{ document.titel }}</p>")
    with pytest.raises(jinja2.UndefinedError, match="titel"):
        template.render(document=document)


def test_verdicts(of_one: str) -> None:
    page = Page(of_one)
    verdicts = [e.text for e in page.all("span") if "verdict" in e.attributes.get("class", "")]
    assert verdicts[:3] == ["holds", "does not hold", "not tested"]
    assert verdicts[3:9] == ["PASS", "PASS", "WARN", "PASS", "SKIP", "SKIP"]
    assert "Warnings" in [e.text for e in page.all("h2")]
    quiet = {
        name: dataclasses.replace(result, strong=None)
        for name, result in samples.by_seed()[0].items()
    }
    del quiet[samples.ODD]
    words = Page(report.report_html([report.document(samples.TABLE, quiet)])).text
    assert "Warnings" not in words
    assert "Diagnostics" not in words


def test_pictures(of_one: str) -> None:
    page = Page(of_one)
    curve, grid = page.all("img")
    assert base64.b64decode(curve.attributes["src"].partition(",")[2]) == samples.PICTURES[0].png
    assert (curve.attributes["width"], curve.attributes["height"]) == (
        "520",
        "400",
    )  # half, for fine screens
    assert [e.attributes["alt"] for e in (curve, grid)] == ['rows "fall"', "a grid"]
    assert [e.text for e in page.all("figcaption")] == ["a <curve>", "gradients"]
    assert "Input gradients are not shown: <no data>" in page.text
    frames = [e.attributes.get("class") for e in page.all("div") if "figure" in e.parents]
    assert frames == [None, "scroll wide"]


def test_several_seeds(of_seeds: str) -> None:
    page = Page(of_seeds)
    assert [e.text for e in page.all("h2")] == ["Over all seeds", "Seed 0", "Seed 4"]
    assert "Preset demo, seeds 0, 4." in page.text
    assert "42.0 [16.6, 67.4]" in page.text
    assert f"{samples.ODD}: not run with every seed" in page.text
    assert len(page.all("img")) == 2


def test_a_table_without_any_record() -> None:
    absent = {name: samples.Result(None, "why") for name in samples.ROWS}
    page = Page(report.report_html([report.document(samples.TABLE, absent)]))
    assert page.text.count("not run: why") == 2 * len(absent)
    assert "Environment" not in page.text

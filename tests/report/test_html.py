"""The page as a parser reads it: whole, accessible, complete, and without a request."""

import base64
import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import jinja2
import pytest

from igam_tf import report
from igam_tf.experiments import claims, summary
from igam_tf.report import table_document
from igam_tf.report.html import page as html_page

from . import samples
from .pages import Page


@pytest.fixture(scope="module")
def made() -> table_document.Document:
    """With a claim that holds, one that does not and one that is not tested."""
    found = table_document.document(samples.TABLE, samples.results(), 7)
    first, second, third = found.findings
    cells = (("IGAM-MNIST", "fgsm"), ("Standard", "fgsm"))
    judged = (
        claims.Finding(first.claim, True, *cells, (60.0, 40.5)),
        claims.Finding(second.claim, False, *cells, (1.25, 2.0)),
    )
    return dataclasses.replace(found, findings=(*judged, third))


@pytest.fixture(scope="module")
def of_one(made: table_document.Document) -> str:
    return report.report_html([made], None, {7: samples.PICTURES})


@pytest.fixture(scope="module")
def of_seeds() -> str:
    found = samples.by_seed()
    documents = [
        table_document.document(samples.TABLE, results, seed) for seed, results in found.items()
    ]
    return report.report_html(
        documents, summary.summarise(samples.TABLE, found), {4: samples.PICTURES}
    )


@pytest.fixture(params=["of_one", "of_seeds"])
def text(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(request.param)


@pytest.fixture
def page(text: str) -> Page:
    """Taken apart: every element is closed where it should be."""
    return Page(text)


def test_the_head(text: str, page: Page) -> None:
    assert text.startswith("<!DOCTYPE html>\n")
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("title").text == "Table 1: a <title> & more (igam_tf)"
    assert page.one("h1").text == "Table 1: a <title> & more"
    named = {
        element.attributes.get("name"): element.attributes["content"]
        for element in page.all("meta")[1:]
    }
    assert named["viewport"] == "width=device-width, initial-scale=1"


def test_nothing_is_asked_of_the_network(text: str, page: Page) -> None:
    policy = next(
        e for e in page.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
        in policy.attributes["content"]
    )
    assert not page.all("script", "link", "iframe", "object", "embed", "base", "form", "svg")
    for element in page.elements:
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name == "src":
                assert element.tag == "img"
                assert value.startswith("data:image/png;base64,")
            elif name == "href":
                assert value.startswith("#")
            else:
                assert "url(" not in value
                assert "://" not in value
    style = page.one("style").text
    assert not re.search(r"url\(|@import|://", style)


def test_places_within_the_page_exist_once(page: Page) -> None:
    places = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(set(places)) == len(places)
    assert page.all("a")
    for element in page.elements:
        if "aria-labelledby" in element.attributes:
            assert element.attributes["aria-labelledby"] in places
        if element.tag == "a":
            assert element.attributes["href"].removeprefix("#") in places


def test_headings_skip_no_level(page: Page) -> None:
    levels = [int(element.tag[1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_tables_can_be_read_aloud(page: Page) -> None:
    tables = page.all("table")
    assert len(tables) >= 5
    assert len(page.all("caption")) == len(tables)
    assert all(element.text for element in page.all("caption"))
    assert {element.attributes.get("scope") for element in page.all("th")} == {
        "col",
        "row",
        "rowgroup",
    }
    frames = [e for e in page.all("div") if e.attributes.get("role") == "region"]
    assert len(frames) == len(tables)
    assert all(e.attributes["aria-label"] and e.attributes["tabindex"] == "0" for e in frames)


def test_every_line_of_the_table_has_a_cell_for_every_column(of_one: str) -> None:
    table = of_one[of_one.index('<table class="figures">') : of_one.index("</table>")]
    columns = table.count('scope="col"')
    for group in re.findall(r"<tbody>(.*?)</tbody>", table, re.DOTALL):
        body = Page(f"<html><body><table>{group}</table></body></html>")
        head = next(e for e in body.all("th") if e.attributes.get("scope") == "rowgroup")
        lines = group.count("<tr")
        assert int(head.attributes["rowspan"]) == lines
        wide = sum(int(e.attributes.get("colspan", 1)) for e in body.all("th", "td")) - 1
        assert wide == lines * (columns - 1)


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


def test_every_figure_of_the_json_is_on_the_page(
    made: table_document.Document, of_one: str
) -> None:
    shown = Page(of_one).text
    expected = list(numbers(json.loads(report.report_json([made]))["tables"]))
    assert len(expected) > 100
    assert [words for words in expected if " ".join(words.split()) not in shown] == []


def test_configurations_can_be_read_back(made: table_document.Document, of_one: str) -> None:
    folded = [e for e in Page(of_one).all("details") if e.text.startswith("Configuration")]
    configs = [json.loads(e.text.removeprefix("Configuration")) for e in folded]
    assert configs == [row.config for row in made.rows if row.config]
    assert "[0.1, 0.01]" in folded[0].text  # lists of plain values on one line


def test_foreign_words_stay_words(of_one: str) -> None:
    """No element and no entity comes from a name, a note or a record."""
    page = Page(of_one)
    assert not any("onload" in element.attributes for element in page.elements)
    assert {element.tag for element in page.elements}.isdisjoint(
        {"cores", "title>", "mine", "attack", "lost", "curve", "no"}
    )
    assert samples.ODD in page.text
    assert f"not run: {samples.NOTE}" in page.text
    assert 'alt="rows &#34;fall&#34;"' in of_one


MARKUP = '"<i>"'
KEYS = {"verdict", "compared", "modes", "higher", "lower"}  # name another part of the data


def marked(value: Any, field: str = "") -> Any:
    """The same data, with markup in every string that is no key."""
    if field in KEYS:
        return value
    if isinstance(value, str):
        return value and value + MARKUP
    if isinstance(value, list | tuple):
        return type(value)(map(marked, value))
    if isinstance(value, dict):
        return {key: marked(part, key) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [each.name for each in dataclasses.fields(value)]
        parts = {name: marked(getattr(value, name), name) for name in fields}
        return dataclasses.replace(value, **parts)
    return value


@pytest.mark.parametrize("several", [False, True])
def test_no_string_of_the_data_becomes_markup(made: table_document.Document, several: bool) -> None:
    """The page has the same elements and attributes where every string holds markup."""
    documents, over_seeds, marked_over_seeds = [made], None, None
    if several:
        by_seed = samples.by_seed()
        documents = [
            table_document.document(samples.TABLE, found, seed) for seed, found in by_seed.items()
        ]
        over_seeds = summary.summarise(samples.TABLE, by_seed)
        marked_over_seeds = dataclasses.replace(marked(over_seeds), columns=over_seeds.columns)
    pictures = dict.fromkeys((0, 4, 7), samples.PICTURES)
    plain = Page(report.report_html(documents, over_seeds, pictures))
    page = Page(report.report_html(marked(documents), marked_over_seeds, marked(pictures)))
    expected = [(element.tag, [*element.attributes]) for element in plain.elements]
    assert [(element.tag, [*element.attributes]) for element in page.elements] == expected
    assert "<i>" not in plain.text
    assert page.text.count("<i>") > 100  # a command is quoted anew


def test_long_names_break_between_their_words_alone() -> None:
    results = {"lambda_diff=<2>": samples.results()["Standard"], "IGAM-MNIST": samples.Result(None)}
    rows = dict.fromkeys(results, samples.RUN)
    table = dataclasses.replace(samples.TABLE, rows=rows)
    html = report.report_html([table_document.document(table, results)])
    assert 'class="name">lambda_<wbr>diff=<wbr>&lt;2&gt;</th>' in html
    assert 'class="name">IGAM-MNIST</th>' in html


def test_a_name_that_a_template_misspells_is_an_error(made: table_document.Document) -> None:
    template = html_page.environment().from_string("<p>{{ document.titel }}</p>")
    with pytest.raises(jinja2.UndefinedError, match="titel"):
        template.render(document=made)


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
    words = Page(report.report_html([table_document.document(samples.TABLE, quiet)])).text
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


def luminance(color: str) -> float:
    """Relative, as the Web Content Accessibility Guidelines define it."""
    digits = color.removeprefix("#")
    channels = [
        int(part * (2 // len(part)), 16) / 255
        for part in re.findall("." * (len(digits) // 3), digits)
    ]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_words_stand_out_from_their_paper_by_day_and_by_night(of_one: str) -> None:
    """4.5 to 1 at least, the guidelines' AA."""
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w+)", part))
        for part in re.findall(r":root \{(.*?)\}", of_one, re.DOTALL)
    ]
    assert len(schemes) == 3  # day, night, print
    for colors in schemes:
        on_paper = [
            (colors[name], colors["paper"])
            for name in ("ink", "soft", "link", "good", "bad", "warn")
        ]
        for pair in [
            *on_paper,
            (colors["ink"], colors["warn-paper"]),
            (colors["ink"], colors["faint"]),
        ]:
            dark, light = sorted(map(luminance, pair))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


def test_nothing_ran() -> None:
    nothing = {name: samples.Result(None, "why") for name in samples.ROWS}
    page = Page(report.report_html([table_document.document(samples.TABLE, nothing)]))
    assert page.text.count("not run: why") == 2 * len(nothing)
    assert "Environment" not in page.text

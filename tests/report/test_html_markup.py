"""The HTML page is well-formed and accessible, and sends no request."""

import itertools
import re

import pytest

from .pages import Page


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


def test_the_page_sends_no_request(text: str, page: Page) -> None:
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

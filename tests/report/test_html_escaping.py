"""No text of the data becomes markup of the HTML page."""

import dataclasses
from typing import Any

import pytest

from igam_tf import report
from igam_tf.experiments import summary
from igam_tf.report.table_document import Document

from . import samples
from .pages import Page


def test_names_notes_and_records_are_escaped(of_one: str) -> None:
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
def test_no_string_of_the_data_becomes_markup(document: Document, several: bool) -> None:
    """The page has the same elements and attributes where every string holds markup."""
    documents, means, marked_means = [document], None, None
    if several:
        by_seed = samples.by_seed()
        documents = [
            report.document(samples.TABLE, results, seed) for seed, results in by_seed.items()
        ]
        means = summary.summarise(samples.TABLE, by_seed)
        marked_means = dataclasses.replace(marked(means), columns=means.columns)
    pictures = dict.fromkeys((0, 4, 7), samples.PICTURES)
    plain = Page(report.report_html(documents, means, pictures))
    page = Page(report.report_html(marked(documents), marked_means, marked(pictures)))
    expected = [(element.tag, [*element.attributes]) for element in plain.elements]
    assert [(element.tag, [*element.attributes]) for element in page.elements] == expected
    assert "<i>" not in plain.text
    assert page.text.count("<i>") > 100  # a command is quoted anew

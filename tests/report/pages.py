"""A parser of HTML pages that refuses elements which are not closed, or are closed twice."""

import dataclasses
import html.parser

VOID = {"meta", "img", "br", "wbr", "link", "input", "hr"}


@dataclasses.dataclass
class Element:
    """A tag with its attributes, its text with that of its children, and its parents' tags."""

    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


class Page(html.parser.HTMLParser):
    """Elements in the order in which they open."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice"
        element = Element(
            tag,
            {name: value or "" for name, value in attrs},
            tuple(each.tag for each in self._open),
        )
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop().tag == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def one(self, tag: str) -> Element:
        (element,) = self.all(tag)
        return element

    @property
    def text(self) -> str:
        return " ".join(self.one("body").text.split())

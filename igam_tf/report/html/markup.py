"""HTML elements from text that is escaped on the way; every element that is opened is closed."""

import html
import re
from collections.abc import Iterable


class Markup(str):
    """HTML as it is; any other text is escaped where an element takes it."""


EMPTY = Markup("")


def element(tag: str, *content: str, **attributes: str | int | None) -> Markup:
    """`<tag attributes>content</tag>`; of attributes, `class_` is `class`, `aria_label` is `aria-label`; None is left out."""
    return Markup(f"{void(tag, **attributes)}{joined(*content)}</{tag}>")


def void(tag: str, **attributes: str | int | None) -> Markup:
    """An element that has no content, such as `img`."""
    given = [
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    ]
    return Markup(f"<{tag}{''.join(given)}>")


def joined(*parts: str) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def breakable(name: str) -> Markup:
    """A name that a narrow page may break behind its underscores and equals signs."""
    parts = re.split(r"(?<=[_=])", name)
    return joined(parts[0], *(piece for part in parts[1:] for piece in (void("wbr"), part)))


def listed(items: Iterable[str]) -> Markup:
    made = [element("li", item) for item in items]
    return element("ul", *made) if made else EMPTY


def heads(*titles: str, class_: str | None = None) -> Markup:
    return joined(*(element("th", title, scope="col", class_=class_) for title in titles))


def table(caption: str, head: Markup, *bodies: Markup, class_: str | None = None) -> Markup:
    """A table that scrolls inside its own frame where it is too wide, also by the keyboard.

    Args:
      head: the cells of its first line.
      bodies: `tbody` elements.
    """
    made = element("table", element("caption", caption), element("thead", element("tr", head)), *bodies, class_=class_)
    return element("div", made, class_="scroll", role="region", aria_label=caption, tabindex=0)


def folded(title: str, content: Markup) -> Markup:
    return element("details", element("summary", title), content)

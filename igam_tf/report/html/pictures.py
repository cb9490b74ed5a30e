"""Pictures inside the page."""

import base64
import dataclasses
from collections.abc import Sequence

from igam_tf.report.html.markup import EMPTY, Markup, element, void

DPI = 320  # of PNGs; shown at half of it, so that fine screens have something to show

_WIDE = 700  # CSS pixels from which a picture scrolls on a phone, as shrunk nobody could read it


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG of `DPI` with the words below it, and what it says for those who do not see it."""

    caption: str
    alt: str
    png: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on the page in CSS pixels, half of those in the PNG's header."""
        return int.from_bytes(self.png[16:20]) // 2, int.from_bytes(self.png[20:24]) // 2


def gallery(pictures: Sequence[Picture | str]) -> Markup:
    """All pictures, side by side where there is room."""
    return element("div", *map(_shown, pictures), class_="gallery") if pictures else EMPTY


def _shown(picture: Picture | str) -> Markup:
    """A figure, or the reason why there is none."""
    if isinstance(picture, str):
        return element("p", picture, class_="soft")
    width, height = picture.size
    source = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
    image = void("img", src=source, alt=picture.alt, width=width, height=height)
    frame = element("div", image, class_="scroll wide" if width > _WIDE else None)
    return element("figure", frame, element("figcaption", picture.caption))

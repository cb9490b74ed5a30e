"""A picture that is inside the page."""

import base64
import dataclasses

DPI = 320  # of PNGs; the page shows them at half of it, for screens with small pixels


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG at `DPI`, the caption below it, and the words for readers who do not see it."""

    caption: str
    alt: str
    png: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on the page in CSS pixels, half of those in the PNG's header."""
        return int.from_bytes(self.png[16:20]) // 2, int.from_bytes(self.png[20:24]) // 2

    @property
    def is_wide(self) -> bool:
        """Whether it scrolls on a phone, because nobody could read it at a phone's width."""
        return self.size[0] > 700

    @property
    def source(self) -> str:
        """The PNG as a `data:` URI."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"

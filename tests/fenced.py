"""The fenced blocks of a Markdown page."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[1]


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and body of every fenced block of a page, named from the repository's root."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def code(page: str, language: str = "python") -> list[str]:
    """The bodies of the blocks in one language."""
    return [body for name, body in blocks(page) if name == language]

"""The Markdown pages: lines, links and the names of modules, files and objects in them."""

import importlib
import pathlib
import re

import pytest

from . import fenced

PAGES = sorted(
    str(path.relative_to(fenced.ROOT))
    for pattern in ("*.md", "docs/*.md", "results/*.md")
    for path in fenced.ROOT.glob(pattern)
)


def text(page: str | pathlib.Path) -> str:
    return (fenced.ROOT / page).read_text()


def anchors(path: pathlib.Path) -> set[str]:
    """The fragments under which GitHub shows a page's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    module, _, attribute = name.rpartition(".")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return bool(module) and hasattr(importlib.import_module(module), attribute)
    return True


@pytest.mark.parametrize("page", PAGES)
def test_lines_have_up_to_100_characters(page: str) -> None:
    lines = text(page).splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 100] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_a_file_and_a_heading(page: str) -> None:
    broken = []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text(page)):
        target, _, anchor = link.partition("#")
        path = (fenced.ROOT / page).parent / target if target else fenced.ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


# The changelog also names what is gone.
@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_modules_objects_and_files_exist(page: str) -> None:
    content = text(page)
    names = set(re.findall(r"\b(?:igam_tf|madry_checkpoints)(?:\.\w+)+", content))
    files = set(re.findall(r"\b(?:igam_tf|madry_checkpoints|tests|docs)/[\w./-]*\w", content))
    missing = [name for name in names if not resolves(name)]
    missing += [file for file in files if not (fenced.ROOT / file).exists()]
    assert missing == []

"""The Markdown tables of README and docs/, and the studies that they quote."""

import itertools
import pathlib
import re
from collections.abc import Iterator

from igam_tf.experiments.study import Study

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = (
    *("README", "docs/tables", "docs/results", "docs/protocols", "docs/performance"),
    "docs/evaluation",
)
STUDIES = {path.stem: Study.load(path) for path in (ROOT / "results").glob("*.json")}

Place = tuple[str, str, int]  # page, heading, number of the table below it
Lines = list[dict[str, str]]  # a table of a page: cells by the columns' titles


def tables_of(page: str) -> Iterator[tuple[Place, Lines]]:
    """The Markdown tables of a page with their places."""
    heading, order, block = "", 0, list[str]()
    text = re.sub(r"```.*?```", "", (ROOT / f"{page}.md").read_text("utf-8"), flags=re.DOTALL)
    for line in [*text.split("\n"), ""]:
        if line.startswith("|"):
            block.append(line)
            continue
        if block:
            columns, _, *rows = ([cell.strip() for cell in row.split("|")[1:-1]] for row in block)
            yield (page, heading, order), [dict(zip(columns, row, strict=True)) for row in rows]
            order, block = order + 1, []
        if line.startswith("#"):
            heading, order = line.lstrip("# "), 0


PAGE_TABLES = dict(itertools.chain.from_iterable(tables_of(page) for page in PAGES))

"""The report as GitHub Markdown, for a README."""

import re
from collections.abc import Iterable, Sequence

from igam_tf.experiments import claims
from igam_tf.experiments.summary import Summary, difference_text, legend, mean_text
from igam_tf.report import plain_text
from igam_tf.report.table_document import STRONG, Document, Row


def report_markdown(documents: Sequence[Document], summary: Summary | None = None) -> str:
    """The means over seeds, if there are several, then a section for each document."""
    parts = [_summary(documents[0], summary)] if summary else []
    return "\n\n".join([*parts, *map(_document, documents)])


def escaped(words: str) -> str:
    """Escapes text for Markdown, on one line, also inside a table."""
    return re.sub(
        r"[\\`*<|~&]|\](?=\()|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])",
        r"\\\g<0>",
        " ".join(words.split()),
    )


def _document(document: Document) -> str:
    rows = document.rows
    heading = escaped(document.heading)
    place = f" (preset {document.preset}, seed {document.seed})" if document.name else ""
    lines = [f"### {heading}{place}", ""]
    body = (line for row in rows for line in _row(document, row))
    lines += _table(["row", "BatchNorm"], document.columns.values(), body)
    if conditions := plain_text.conditions(document, "Beside"):
        lines += ["", escaped(" ".join(conditions))]
    if strong := plain_text.strong_words(document):
        lines += ["", escaped(f"{strong[0]} ({strong[1]}).")]
    lines += _list("Notes:", [f"{row.name}: {_note(row)}" for row in rows if row.note])
    lines += _list("Doubts:", [f"{row.name}: {doubt}" for row in rows for doubt in row.doubts])
    verdicts = [f"{row.name}: {plain_text.verdict(row)}" for row in rows if row.checks]
    lines += _list("Diagnostics:", verdicts)
    findings = [claims.finding_text(finding) for finding in document.findings]
    lines += _list("The paper's claims, on these figures:", findings)
    title = "Each row alone:" if document.name else "The command:"
    lines += ["", title, "", "```", *(row.command for row in rows), "```"]
    if document.environment:
        values = [f"{key} {', '.join(texts)}" for key, texts in document.environment.items()]
        lines += ["", escaped(f"Measured with {'; '.join(values)}.")]
    return "\n".join(lines)


def _list(title: str, items: Sequence[str]) -> list[str]:
    """A list under its title; nothing without items."""
    return ["", title, "", *(f"- {escaped(item)}" for item in items)] if items else []


def _row(document: Document, row: Row) -> Iterable[list[str]]:
    """A row's lines in the table: one for each BatchNorm mode, and one for the paper."""
    if row.absent is not None:
        yield [row.name, "not run", *[""] * len(document.columns)]
        return
    for index, (mode, figures) in enumerate(row.figures.items()):
        cells = [
            f"{plain_text.percent(f)} {plain_text.interval(f)}" if (f := figures.get(c)) else ""
            for c in document.columns
        ]
        yield [row.name if index == 0 else "", mode, *cells]
    if document.compares:
        published = [
            "" if column == STRONG else plain_text.beside(row.published.get(column))
            for column in document.columns
        ]
        yield ["", "paper", *published]


def _note(row: Row) -> str:
    return row.note if row.absent is None else f"not run: {row.absent}"


def _summary(document: Document, summary: Summary) -> str:
    seeds = ", ".join(map(str, summary.seeds))
    lines = [
        f"### {escaped(document.heading)} (preset {document.preset}, seeds {seeds})",
        "",
        escaped(" ".join(legend(summary))),
    ]
    for mode in summary.modes:
        body = []
        for row in summary.rows:
            means = row.means[mode]
            body.append([row.name, *(mean_text(means[column]) for column in summary.columns)])
            if row.differences:
                differences = [row.differences[mode][column] for column in summary.columns]
                body.append(["difference", *map(difference_text, differences)])
        titles = [document.columns[column] for column in summary.columns]
        lines += ["", *_table([mode], titles, body)]
    if summary.incomplete:
        lines += ["", *(f"- {escaped(row)}: not run with every seed" for row in summary.incomplete)]
    return "\n".join(lines)


def _table(
    words: Sequence[str], figures: Iterable[str], body: Iterable[Sequence[str]]
) -> list[str]:
    """A table: titles of left-aligned columns, titles of right-aligned columns, then its rows."""
    head = [*words, *figures]
    rule = ["---"] * len(words) + ["---:"] * (len(head) - len(words))
    rows = [[escaped(cell) for cell in row] for row in (head, *body)]
    return ["| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:])]

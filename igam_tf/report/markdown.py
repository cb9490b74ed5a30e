"""The report as GitHub Markdown, to be pasted into a README."""

import re
from collections.abc import Iterable, Sequence

from igam_tf.experiments import claims
from igam_tf.experiments.summary import Summary, difference_text, explained, mean_text
from igam_tf.report import plain_text
from igam_tf.report.table_document import STRONG, Document, Row


def report_markdown(documents: Sequence[Document], summary: Summary | None = None) -> str:
    """The means over seeds, if there are several, then a section for each table."""
    parts = [_summary(documents[0], summary)] if summary else []
    return "\n\n".join([*parts, *map(_document, documents)])


def escaped(words: str) -> str:
    """Text that Markdown shows as it is, on one line, also inside a table."""
    return re.sub(
        r"[\\`*<|~&]|\](?=\()|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])",
        r"\\\g<0>",
        " ".join(words.split()),
    )


def _document(made: Document) -> str:
    lines = [f"### {escaped(made.heading)} (preset {made.preset}, seed {made.seed})", ""]
    lines += _table(
        ["row", "BatchNorm"],
        made.columns.values(),
        (line for row in made.rows for line in _row(made, row)),
    )
    if said := plain_text.conditions(made, "Beside"):
        lines += ["", escaped(" ".join(said))]
    if strong := plain_text.strong_words(made):
        lines += ["", escaped(f"{strong[0]} ({strong[1]}).")]
    if noted := [row for row in made.rows if row.note]:
        lines += [
            "",
            "Notes:",
            "",
            *(f"- {escaped(row.name)}: {escaped(_noted(row))}" for row in noted),
        ]
    if doubts := [(row.name, doubt) for row in made.rows for doubt in row.doubts]:
        lines += [
            "",
            "Doubts:",
            "",
            *(f"- {escaped(name)}: {escaped(doubt)}" for name, doubt in doubts),
        ]
    if any(row.checks for row in made.rows):
        lines += ["", "Diagnostics:", ""]
        lines += [
            f"- {escaped(row.name)}: {escaped(plain_text.verdict(row))}"
            for row in made.rows
            if row.checks
        ]
    if made.findings:
        lines += ["", "The paper's claims, on these figures:", ""]
        lines += [f"- {escaped(claims.finding_text(finding))}" for finding in made.findings]
    lines += ["", "Each row alone:", "", "```", *(row.command for row in made.rows), "```"]
    if made.environment:
        shown = "; ".join(f"{key} {', '.join(values)}" for key, values in made.environment.items())
        lines += ["", escaped(f"Measured with {shown}.")]
    return "\n".join(lines)


def _row(made: Document, row: Row) -> Iterable[list[str]]:
    """A row's lines in the table: one per BatchNorm mode, and the paper's."""
    if row.absent is not None:
        yield [row.name, "not run", *[""] * len(made.columns)]
        return
    for index, (mode, figures) in enumerate(row.figures.items()):
        cells = [
            f"{plain_text.percent(f)} {plain_text.interval(f)}" if (f := figures.get(c)) else ""
            for c in made.columns
        ]
        yield [row.name if index == 0 else "", mode, *cells]
    if made.compares:
        yield [
            "",
            "paper",
            *("" if c == STRONG else plain_text.beside(row.published.get(c)) for c in made.columns),
        ]


def _noted(row: Row) -> str:
    return row.note if row.absent is None else f"not run: {row.absent}"


def _summary(made: Document, summary: Summary) -> str:
    seeds = ", ".join(map(str, summary.seeds))
    lines = [
        f"### {escaped(made.heading)} (preset {made.preset}, seeds {seeds})",
        "",
        escaped(" ".join(explained(summary))),
    ]
    for mode in summary.modes:
        body = []
        for row in summary.rows:
            body.append(
                [row.name, *(mean_text(row.means[mode][column]) for column in summary.columns)]
            )
            if row.differences:
                body.append(
                    [
                        "difference",
                        *(
                            difference_text(row.differences[mode][column])
                            for column in summary.columns
                        ),
                    ]
                )
        lines += ["", *_table([mode], (made.columns[column] for column in summary.columns), body)]
    if summary.incomplete:
        lines += ["", *(f"- {escaped(row)}: not run with every seed" for row in summary.incomplete)]
    return "\n".join(lines)


def _table(
    words: Sequence[str], figures: Iterable[str], body: Iterable[Sequence[str]]
) -> list[str]:
    """Titles of columns of words, on the left, and of figures, on the right, over the lines."""
    head = [*words, *figures]
    rule = ["---"] * len(words) + ["---:"] * (len(head) - len(words))
    rows = [[escaped(cell) for cell in row] for row in (head, *body)]
    return ["| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:])]

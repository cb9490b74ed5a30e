"""What every reader of the page looks at: warnings, accuracies, claims, means over seeds."""

from collections.abc import Mapping

from igam_tf import summary as over
from igam_tf.report import text
from igam_tf.report.data import STRONG, Document, Figure, Published, Row
from igam_tf.report.html.markup import EMPTY, Markup, breakable, element, heads, joined, listed, table

_VERDICTS = {True: ("holds", "holds"), False: ("does not hold", "fails"), None: ("not tested", "untested")}


def warnings(made: Document, level: int) -> Markup:
    """What a reader must know before the figures; nothing where there is nothing."""
    if not made.warnings:
        return EMPTY
    title = f"warnings-{made.seed}"
    items = listed(joined(element("strong", row), f": {words}") for row, words in made.warnings)
    return element("aside", element(f"h{level}", "Warnings", id=title), items, class_="warnings", aria_labelledby=title)


def accuracies(made: Document) -> Markup:
    """The table itself: a body for each row, a line for each BatchNorm mode and the paper's below them."""
    head = joined(heads("Row", class_="name"), heads("BatchNorm"), heads(*made.columns.values(), class_="figure"))
    bodies = [element("tbody", *_lines(made, row)) for row in made.rows]
    said = [*text.conditions(made)[2:], "Bars are dark up to the interval's lower end and pale up to its upper end."]
    words = [element("p", " ".join(said), class_="soft")] if made.conditions else []
    if strong := text.strong_words(made):
        words.append(element("p", f"{strong[0]} ({strong[1]}).", class_="soft"))
    return joined(table("Percent right, with 95 % intervals", head, *bodies, class_="figures"), *words)


def findings(made: Document) -> Markup:
    """The paper's claims with their verdicts and the pair of figures that comes closest to breaking each."""
    if not made.findings:
        return EMPTY
    lines = []
    for found in made.findings:
        words, kind = _VERDICTS[found.holds]
        cells = [EMPTY, EMPTY]
        if found.higher and found.lower and found.figures:
            pairs = zip((found.higher, found.lower), found.figures, strict=True)
            cells = [
                joined(element("b", f"{each:.1f}"), f" {row}, {made.columns[name]}") for (row, name), each in pairs
            ]
        source = found.claim.source + ("" if found.claim.said else "; the text leaves it out")
        lines.append(
            element(
                "tr",
                element("th", found.claim.statement, scope="row", class_="sentence"),
                element("td", element("span", words, class_=f"verdict {kind}")),
                *(element("td", cell) for cell in (*cells, source)),
            )
        )
    head = heads("Claim", "Here", "Expected higher", "Expected lower", "Paper")
    words = "Beside each claim the pair of our figures that comes closest to breaking it, or breaks it most."
    return joined(element("p", words, class_="soft"), table("Claims on these figures", head, element("tbody", *lines)))


def over_seeds(summary: over.Summary, titles: Mapping[str, str]) -> Markup:
    """Means over seeds by BatchNorm mode, and below each the difference to the reference."""
    parts = [element("p", " ".join(over.explained(summary)))]
    head = joined(heads("Row", class_="name"), heads(*(titles[column] for column in summary.columns), class_="figure"))
    for mode in summary.modes:
        bodies = []
        for row in summary.rows:
            cells = []
            for column in summary.columns:
                words: list[str] = [over.mean_text(row.means[mode][column])]
                if row.differences:
                    difference = over.difference_text(row.differences[mode][column])
                    words.append(element("span", difference, class_="interval"))
                cells.append(element("td", *words))
            name = element("th", breakable(row.name), scope="row", class_="name")
            bodies.append(element("tbody", element("tr", name, *cells)))
        parts.append(table(f"BatchNorm: {mode}", head, *bodies, class_="figures"))
    return joined(*parts, listed(f"{row}: not run with every seed" for row in summary.incomplete))


def environment(made: Document) -> Markup:
    """Versions, machine and times that the records name."""
    lines = [
        element("tr", element("th", key, scope="row"), element("td", "; ".join(values), class_="sentence"))
        for key, values in made.environment.items()
    ]
    if not lines:
        return EMPTY
    return table("As the records say", heads("What", "Value"), element("tbody", *lines))


def _lines(made: Document, row: Row) -> list[Markup]:
    compares = made.compares and row.absent is None
    name = element(
        "th", breakable(row.name), scope="rowgroup", rowspan=max(len(row.figures) + compares, 1), class_="name"
    )
    if row.absent is not None:
        reason = element("td", f"not run: {row.absent}", colspan=1 + len(made.columns), class_="absent")
        return [element("tr", name, reason)]
    lines = []
    for index, (mode, found) in enumerate(row.figures.items()):
        cells = [element("td", _figure(found[column])) if column in found else element("td") for column in made.columns]
        label = element("th", mode, scope="row", class_="mode")
        lines.append(
            element(
                "tr",
                *([name] if index == 0 else []),
                label,
                *cells,
                class_="compared" if mode == row.compared else None,
            )
        )
    if compares:
        cells = [
            element("td", *_published(row.published.get(c))) if c != STRONG else element("td") for c in made.columns
        ]
        lines.append(element("tr", element("th", "paper", scope="row", class_="mode"), *cells, class_="paper"))
    return lines


def _figure(found: Figure) -> Markup:
    low, high = found.interval
    bar = element(
        "span",
        element("i", style=f"width:{high:.1f}%"),
        element("b", style=f"width:{low:.1f}%"),
        class_="bar",
        aria_hidden="true",
    )
    return joined(
        element("span", text.percent(found), class_="percent"),
        element("span", text.interval(found), class_="interval"),
        bar,
    )


def _published(figure: Published | None) -> tuple[str, ...]:
    if figure is None:
        return ("-",)
    return f"{figure.percent:g} ", element("span", f"({figure.difference:+.1f})", class_="difference")

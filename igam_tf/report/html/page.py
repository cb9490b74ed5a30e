"""The page from its parts."""

import dataclasses
import importlib.resources
import string
from collections.abc import Mapping, Sequence

from igam_tf.report import text
from igam_tf.report.data import Document
from igam_tf.report.html import details, figures, pictures
from igam_tf.report.html.markup import Markup, element, joined
from igam_tf.summary import Summary
from igam_tf.version import __version__


@dataclasses.dataclass(frozen=True)
class _Section:
    """A heading with what stands below it; `anchor` is its address within the page."""

    title: str
    anchor: str
    body: Markup

    def shown(self, level: int) -> Markup:
        heading = element(f"h{level}", self.title, id=f"{self.anchor}-title")
        return element("section", heading, self.body, id=self.anchor, aria_labelledby=f"{self.anchor}-title")


def report_html(
    documents: Sequence[Document],
    summary: Summary | None = None,
    drawn: Mapping[int, Sequence[pictures.Picture | str]] | None = None,
) -> str:
    """The page: tables, claims, diagnostics, pictures, every row's command and configuration, environment.

    Args:
      documents: one, or one for each seed.
      summary: over the seeds, if there are several.
      drawn: pictures, or why there is none, by seed.
    """
    first, body = documents[0], []
    if summary is None:
        sections = _sections(first, (drawn or {}).get(first.seed, ()), 2)
        body.append(figures.warnings(first, 2))
    else:
        sections = [_Section("Over all seeds", "seeds", figures.over_seeds(summary, first.columns))]
        for made in documents:
            inside = [section.shown(3) for section in _sections(made, (drawn or {}).get(made.seed, ()), 3)]
            content = joined(element("p", _scored(made)), figures.warnings(made, 3), *inside)
            sections.append(_Section(f"Seed {made.seed}", f"seed-{made.seed}", content))
    body += [section.shown(2) for section in sections]
    links = [element("li", element("a", section.title, href=f"#{section.anchor}")) for section in sections]
    page = [
        element("header", element("h1", first.heading), element("p", _lead(documents), class_="lead")),
        element("nav", element("ul", *links), class_="contents", aria_label="Contents"),
        element("main", *body),
        element("footer", f"Made by bin/reproduce_table of igam_tf {__version__}."),
    ]
    return string.Template(_resource("page.html")).substitute(
        title=joined(f"{first.heading} (igam_tf)"), style=_resource("page.css"), body="\n".join(page)
    )


def _lead(documents: Sequence[Document]) -> str:
    preset = documents[0].preset
    if len(documents) > 1:
        return f"Preset {preset}, seeds {', '.join(str(made.seed) for made in documents)}."
    return f"Preset {preset}, seed {documents[0].seed}. {_scored(documents[0])}"


def _scored(made: Document) -> str:
    """What was scored, and how."""
    return " ".join(text.conditions(made)[:2])


def _sections(made: Document, drawn: Sequence[pictures.Picture | str], level: int) -> list[_Section]:
    found = (
        ("Accuracy", "accuracy", figures.accuracies(made)),
        ("The paper's claims", "claims", figures.findings(made)),
        ("Diagnostics", "diagnostics", details.diagnostics(made)),
        ("Curves and input gradients", "pictures", pictures.gallery(drawn)),
        ("How to run each row", "rows", joined(*(details.row(made, row, level + 1) for row in made.rows))),
        ("Environment", "environment", figures.environment(made)),
    )
    return [_Section(title, f"{anchor}-{made.seed}", body) for title, anchor, body in found if body]


def _resource(name: str) -> str:
    return (importlib.resources.files("igam_tf.report.html") / name).read_text("utf-8")

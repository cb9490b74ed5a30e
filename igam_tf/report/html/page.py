"""Renders `templates/page.html`. Filters turn the parts of a table's data into words."""

import functools
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jinja2

from igam_tf.core.version import __version__
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments.summary import Summary, difference_text, legend, mean_text
from igam_tf.report import plain_text
from igam_tf.report.html.picture import Picture
from igam_tf.report.table_document import STRONG, Document


def report_html(
    documents: Sequence[Document],
    summary: Summary | None = None,
    pictures: Mapping[int, Sequence[Picture | str]] | None = None,
) -> str:
    """The page: tables, claims, diagnostics, pictures, commands, configurations, environment.

    Args:
      documents: one, or one for each seed.
      summary: over the seeds, if there are several.
      pictures: by seed; a string says why a picture is missing.
    """
    variables = {"documents": documents, "summary": summary, "pictures": pictures or {}}
    return environment().get_template("page.html").render(variables, version=__version__)


@functools.cache
def environment() -> jinja2.Environment:
    """Templates that escape all they show, and fail on a name that is not defined."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("igam_tf.report.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    templates.filters |= {
        "arguments": _arguments,
        "conditions": plain_text.conditions,
        "difference": difference_text,
        "legend": legend,
        "indented": _indented,
        "interval": plain_text.interval,
        "mean": mean_text,
        "parts": re.compile(r"(?<=[_=])").split,
        "percent": plain_text.percent,
        "sections": _sections,
        "settings": _settings,
        "strong_words": plain_text.strong_words,
    }
    return templates


def _sections(document: Document, pictures: Mapping[int, Sequence[Any]]) -> dict[str, str]:
    """Titles of the sections that have something to show, by the name of their template."""
    sections = (
        ("accuracy", "Accuracy", document.columns),
        ("claims", "The paper's claims", document.findings),
        ("diagnostics", "Diagnostics", any(row.checks for row in document.rows)),
        ("pictures", "Curves and input gradients", pictures.get(document.seed)),
        ("classes", "Classes", any(row.classes for row in document.rows)),
        ("rows", "How to run each row" if document.name else "How to repeat it", document.rows),
        ("environment", "Environment", document.environment),
    )
    return {name: title for name, title, content in sections if content}


def _settings(record: EvalRecord, attack: str) -> str:
    """The settings behind a count. The count of the whole chain has those of its stages."""
    names = {name for counts in record.results.values() for name in counts}
    if attack == STRONG and record.attacks:
        return "; then ".join(
            f"{name}: {spec['shown']}"
            for name, spec in record.attacks.items()
            if name not in names or f"{STRONG}: {name}" in names
        )
    return str(record.attacks.get(attack.removeprefix(f"{STRONG}: "), {}).get("shown", ""))


def _arguments(command: str) -> Iterator[str]:
    """A shell command's arguments, quoted for the shell."""
    return map(shlex.quote, shlex.split(command))


def _indented(config: dict[str, Any]) -> str:
    """A configuration as JSON, with lists of plain values on one line."""
    lines = json.dumps(config, indent=2)
    plain_list = r"\[\n\s*([^][{}]*?)\n\s*\]"
    return re.sub(plain_list, lambda match: "[" + re.sub(r"\n\s*", " ", match[1]) + "]", lines)

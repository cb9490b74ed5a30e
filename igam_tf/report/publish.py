"""A reproduced table in the format that was asked for, as a file."""

import pathlib
from collections.abc import Mapping, Sequence

from igam_tf import files
from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result
from igam_tf.report import pictures
from igam_tf.report.data import document
from igam_tf.report.html import report_html
from igam_tf.report.markdown import report_markdown
from igam_tf.report.schema import report_json
from igam_tf.report.text import document_text
from igam_tf.summary import summarise, summary_text


def publish(
    declared: Mapping[int, Table],
    found: Mapping[int, Mapping[str, Result]],
    again: Mapping[str, Sequence[str]],
    given: Mapping[str, Weights],
    options: Options,
    format: str,
    path: pathlib.Path,
) -> None:
    """Writes what was found with each seed, and over all of them if there are several, into one file.

    Args:
      declared, found: by seed.
      again: by row, arguments of its command beyond table, preset and seed.
      given: weights that were scored instead of a run's.
      format: `text`, `md`, `json` or `html`.
    """
    documents = [document(table, found[seed], seed, again) for seed, table in declared.items()]
    table = next(iter(declared.values()))
    summary = summarise(table, found) if len(declared) > 1 else None
    if format == "text":
        texts = [document_text(made) for made in documents]
        content = "\n\n".join([*texts, *([summary_text(table, found)] if summary else [])])
    elif format == "md":
        content = report_markdown(documents, summary)
    elif format == "json":
        content = report_json(documents, summary)
    else:
        drawn = {seed: pictures.of_table(table, found[seed], given, options) for seed, table in declared.items()}
        content = report_html(documents, summary, drawn)
    files.write_text(path, content.rstrip("\n") + "\n")

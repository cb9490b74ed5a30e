"""A reproduced table with all its seeds, as text, Markdown, JSON or HTML."""

from collections.abc import Mapping, Sequence

from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result
from igam_tf.experiments.summary import summarise, summary_text
from igam_tf.report import illustrations
from igam_tf.report.gather import document
from igam_tf.report.html import report_html
from igam_tf.report.markdown import report_markdown
from igam_tf.report.plain_text import document_text
from igam_tf.report.schema import report_json


def rendered(
    tables: Mapping[int, Table],
    results: Mapping[int, Mapping[str, Result]],
    rerun_flags: Mapping[str, Sequence[str]],
    weights: Mapping[str, Weights],
    options: Options,
    format: str,
) -> str:
    """The results of every seed, and the means if there are several seeds. Ends with a newline.

    Args:
      tables, results: by seed.
      rerun_flags: by row, the arguments of its command beyond table, preset and seed.
      weights: by row, the weights that were scored instead of a run's.
      format: `text`, `md`, `json` or `html`.
    """
    documents = [document(tables[seed], results[seed], seed, rerun_flags) for seed in tables]
    table = next(iter(tables.values()))
    summary = summarise(table, results) if len(tables) > 1 else None
    if format == "text":
        texts = [document_text(each) for each in documents]
        content = "\n\n".join([*texts, *([summary_text(table, results)] if summary else [])])
    elif format == "md":
        content = report_markdown(documents, summary)
    elif format == "json":
        content = report_json(documents, summary)
    else:
        pictures = {
            seed: illustrations.of_table(tables[seed], results[seed], weights, options)
            for seed in tables
        }
        content = report_html(documents, summary, pictures)
    return content.rstrip("\n") + "\n"

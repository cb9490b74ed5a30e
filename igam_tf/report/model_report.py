"""The report of one model: a table of one row, without published figures."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from igam_tf import data
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.experiments import runs
from igam_tf.experiments.configs import Absent, Row, Scoring, Table
from igam_tf.experiments.reproduce import Result
from igam_tf.report import gather, illustrations
from igam_tf.report.html import report_html
from igam_tf.report.markdown import report_markdown
from igam_tf.report.schema import report_json
from igam_tf.report.table_document import ClassFigures, Document, Figure, figure_of


def rendered(
    record: EvalRecord,
    path: pathlib.Path | str,
    model: Any,
    dataset: data.Dataset,
    scoring: Scoring,
    command: str,
    format: str,
) -> str:
    """One model's report, but for its text (`record_text`). Ends with a newline.

    Args:
      path: of the model: the name of its directory or file is the row's.
      dataset: whose first test images the record is about.
      scoring: the settings of the evaluation; `attacks` are not read.
      command: repeats the evaluation.
      format: `md`, `json` or `html`.
    """
    document = model_document(record, path, dataset, scoring, command)
    if format == "md":
        content = report_markdown([document])
    elif format == "json":
        content = report_json([document])
    else:
        pictures = illustrations.of_model(document.rows[0].name, record, model, dataset)
        content = report_html([document], None, {document.seed: pictures})
    return content.rstrip("\n") + "\n"


def model_document(
    record: EvalRecord,
    path: pathlib.Path | str,
    dataset: data.Dataset,
    scoring: Scoring,
    command: str,
) -> Document:
    """The data of the report; the arguments are those of `rendered`."""
    place = pathlib.Path(path).absolute()
    run: Row = Absent("")
    if (place / "config.json").is_file():
        run = runs.read_config(place)
    attacks = [name for name in next(iter(record.results.values())) if name != "clean"]
    table = Table(
        "",
        "",
        f"{place.name} on {scoring.dataset}",
        {place.name: run},
        dataclasses.replace(scoring, attacks=tuple(attacks)),
    )
    result = Result(record, directory=place if place.is_dir() else None, command=command)
    document = gather.document(table, {place.name: result}, record.seed)
    classes = class_figures(record, dataset.test.labels[: record.n])
    return dataclasses.replace(
        document, rows=(dataclasses.replace(document.rows[0], classes=classes),)
    )


def class_figures(record: EvalRecord, labels: np.ndarray) -> tuple[ClassFigures, ...]:
    """Accuracy by class, of the classes that have images.

    Args:
      labels: integers [n] of the evaluated images.
    """

    def figures(places: np.ndarray) -> dict[str, dict[str, Figure]]:
        return {
            mode: {
                name: figure_of(Count(int(record.right(name, mode)[places].sum()), len(places)))
                for name in counts
            }
            for mode, counts in record.results.items()
        }

    classes = []
    for label in np.unique(labels).tolist():
        places = np.flatnonzero(labels == label)
        name = record.class_names[label] if record.class_names else str(label)
        classes.append(ClassFigures(name, len(places), figures(places)))
    return tuple(classes)

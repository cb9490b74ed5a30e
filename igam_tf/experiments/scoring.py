"""Scores trained models as rows of a table. Records stay beside the models and are read back."""

import dataclasses
import pathlib
from typing import Any

from igam_tf import data, evaluation
from igam_tf.core import files, settings
from igam_tf.evaluation import diagnostics
from igam_tf.experiments import trained
from igam_tf.experiments.configs import Scoring
from igam_tf.experiments.options import Options

CALIBRATION_SIZE = 5000  # training images from which "recalibrated" re-estimates moving averages


def score(
    directory: pathlib.Path,
    model: str,
    scoring: Scoring,
    options: Options,
    progress: Any = None,
    kind: str | None = None,
) -> evaluation.EvalRecord:
    """A model's record, from `directory` if it is there, else evaluated and written there.

    Args:
      model, kind: for `igam_tf.experiments.trained.load_for`.
      progress: the callback of `igam_tf.evaluation.evaluate`.
    """
    path = _path(directory, scoring)
    if path.exists():
        return evaluation.EvalRecord.from_json(path.read_text())
    recalibrates = "recalibrated" in scoring.statistics
    dataset = data.load(
        scoring.dataset,
        options.data_dir,
        train_size=None if recalibrates else 1,
        test_size=scoring.num_examples,
    )
    record = evaluation.evaluate(
        trained.load_for(dataset, model, kind),
        dataset.test,
        attacks=scoring.attacks,
        statistics=scoring.statistics,
        calibration=dataset.train.first(CALIBRATION_SIZE) if recalibrates else None,
        parts_dir=path.with_suffix(".parts"),
        progress=progress,
        **_shared(scoring),
    )
    files.write_text(path, record.to_json() + "\n")
    return record


def score_strongly(
    directory: pathlib.Path,
    model: str,
    scoring: Scoring,
    options: Options,
    progress: Any = None,
    kind: str | None = None,
) -> evaluation.EvalRecord | None:
    """As `score`: the record of the chain `strong` with a diagnosis, on the scoring's first images
    and in its first mode; None where the scoring has no `strong_examples`.
    """
    strong = _strong(scoring)
    if strong is None:
        return None
    path = _strong_path(directory, strong)
    if path.exists():
        return evaluation.EvalRecord.from_json(path.read_text())
    dataset = data.load(
        strong.dataset, options.data_dir, train_size=1, test_size=strong.num_examples
    )
    subject = trained.load_for(dataset, model, kind)
    record = evaluation.evaluate(
        subject,
        dataset.test,
        attacks=strong.attacks,
        statistics=strong.statistics,
        parts_dir=path.with_suffix(".parts"),
        progress=progress,
        **_shared(strong),
    )
    diagnosis = diagnostics.diagnose(
        subject,
        dataset.test,
        statistics=strong.statistics[0],
        num_examples=None,
        progress=progress,
        **_shared(strong),
    )
    record = dataclasses.replace(record, diagnosis=diagnosis.to_dict())
    files.write_text(path, record.to_json() + "\n")
    return record


def _shared(scoring: Scoring) -> dict[str, Any]:
    """The settings of evaluation and diagnosis alike."""
    names = ("epsilon", "step_size", "batch_size", "seed")
    return {name: getattr(scoring, name) for name in names}


def record_paths(directory: pathlib.Path, scoring: Scoring) -> list[pathlib.Path]:
    """The files of `score` and `score_strongly` in a run's directory."""
    strong = _strong(scoring)
    return [_path(directory, scoring), *([_strong_path(directory, strong)] if strong else [])]


def is_scored(directory: pathlib.Path, scoring: Scoring) -> bool:
    return all(path.exists() for path in record_paths(directory, scoring))


def _path(directory: pathlib.Path, scoring: Scoring) -> pathlib.Path:
    return directory / f"evaluation-{settings.digest(scoring)}.json"


def _strong_path(directory: pathlib.Path, strong: Scoring) -> pathlib.Path:
    return directory / f"strong-{settings.digest(strong)}.json"


def _strong(scoring: Scoring) -> Scoring | None:
    """The scoring of the chain `strong` that belongs to a table's scoring, if any."""
    if not scoring.strong_examples:
        return None
    count = min(scoring.strong_examples, scoring.num_examples)
    mode = next((m for m in scoring.statistics if m != "recalibrated"), "batch")
    return dataclasses.replace(scoring, num_examples=count, attacks=("strong",), statistics=(mode,))

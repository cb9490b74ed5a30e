"""Trained models scored as a table's rows are; records are kept beside the models and read back."""

import dataclasses
import pathlib
from typing import Any

from igam_tf import data, evaluation
from igam_tf.core import files, settings
from igam_tf.evaluation import diagnostics
from igam_tf.experiments import trained
from igam_tf.experiments.configs import Scoring, Weights
from igam_tf.experiments.options import Options

CALIBRATION_SIZE = 5000  # training images from which "recalibrated" re-estimates moving averages


def score(
    directory: pathlib.Path,
    model: str,
    scoring: Scoring,
    options: Options,
    progress: Any = None,
    given: Weights | None = None,
) -> evaluation.EvalRecord:
    """The record of a model under a scoring: read back if it is in `directory`, else made and kept
    there.
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
        trained.load_for(dataset, model, given.kind if given else None),
        dataset.test,
        attacks=scoring.attacks,
        epsilon=scoring.epsilon,
        step_size=scoring.step_size,
        statistics=scoring.statistics,
        batch_size=scoring.batch_size,
        seed=scoring.seed,
        calibration=dataset.train.first(CALIBRATION_SIZE) if recalibrates else None,
        progress=progress,
        parts_dir=path.with_suffix(".parts"),
    )
    files.write_text(path, record.to_json() + "\n")
    return record


def score_strongly(
    directory: pathlib.Path,
    model: str,
    scoring: Scoring,
    options: Options,
    progress: Any = None,
    given: Weights | None = None,
) -> evaluation.EvalRecord | None:
    """The record of the chain `strong` with a diagnosis, on the scoring's first images and in its
    first mode.

    Read back if it is in `directory`, else made and kept there; None where the scoring asks for
    none.
    """
    asked = _strong(scoring)
    if asked is None:
        return None
    mode = asked.statistics[0]
    path = _strong_path(directory, asked)
    if path.exists():
        return evaluation.EvalRecord.from_json(path.read_text())
    dataset = data.load(
        scoring.dataset, options.data_dir, train_size=1, test_size=asked.num_examples
    )
    subject = trained.load_for(dataset, model, given.kind if given else None)
    shared: dict[str, Any] = {
        "epsilon": scoring.epsilon,
        "step_size": scoring.step_size,
        "batch_size": scoring.batch_size,
    }
    record = evaluation.evaluate(
        subject,
        dataset.test,
        attacks=asked.attacks,
        statistics=(mode,),
        seed=scoring.seed,
        progress=progress,
        parts_dir=path.with_suffix(".parts"),
        **shared,
    )
    diagnosis = diagnostics.diagnose(
        subject,
        dataset.test,
        statistics=mode,
        seed=scoring.seed,
        num_examples=None,
        progress=progress,
        **shared,
    )
    record = dataclasses.replace(record, diagnosis=diagnosis.to_dict())
    files.write_text(path, record.to_json() + "\n")
    return record


def record_paths(directory: pathlib.Path, scoring: Scoring) -> list[pathlib.Path]:
    """The files that `score` and `score_strongly` keep in a run's directory."""
    asked = _strong(scoring)
    return [_path(directory, scoring), *([_strong_path(directory, asked)] if asked else [])]


def is_scored(directory: pathlib.Path, scoring: Scoring) -> bool:
    return all(path.exists() for path in record_paths(directory, scoring))


def _path(directory: pathlib.Path, scoring: Scoring) -> pathlib.Path:
    return directory / f"evaluation-{settings.digest(scoring)}.json"


def _strong_path(directory: pathlib.Path, asked: Scoring) -> pathlib.Path:
    return directory / f"strong-{settings.digest(asked)}.json"


def _strong(scoring: Scoring) -> Scoring | None:
    """The scoring of the chain `strong` that a table's scoring asks for."""
    if not scoring.strong_examples:
        return None
    count = min(scoring.strong_examples, scoring.num_examples)
    mode = next((m for m in scoring.statistics if m != "recalibrated"), "batch")
    return dataclasses.replace(scoring, num_examples=count, attacks=("strong",), statistics=(mode,))

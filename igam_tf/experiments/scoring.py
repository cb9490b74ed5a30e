"""Scores trained models as rows of a table. Records stay beside the models and are read back."""

import dataclasses
import pathlib
from typing import Any

from igam_tf import data, evaluation
from igam_tf.attacks import Chain
from igam_tf.attacks.registry import strong
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
) -> tuple[evaluation.EvalRecord, evaluation.EvalRecord | None]:
    """A model's records, from `directory` if they are there, else evaluated and written there.

    Args:
      model, kind: for `igam_tf.experiments.trained.load_for`.
      progress: the callback of `igam_tf.evaluation.evaluate`.

    Returns:
      The scoring's record; and that of the chain `strong` with a diagnosis, on the scoring's first
      images and in its first mode. The latter is None where the scoring has no `strong_examples`.
    """
    paths = record_paths(directory, scoring)
    if is_scored(directory, scoring):
        record, *others = (evaluation.EvalRecord.from_json(path.read_text()) for path in paths)
        return record, others[0] if others else None
    dataset = data.load(
        scoring.dataset,
        options.data_dir,
        train_size=None if "recalibrated" in scoring.statistics else 1,
        test_size=scoring.num_examples,
    )
    # One model for both records, so that they share its compiled attacks.
    subject = trained.load_for(dataset, model, kind)
    record = _record(subject, dataset, scoring, paths[0], progress)
    if (strong_scoring := _strong(scoring)) is None:
        return record, None
    chain = strong(scoring.epsilon, scoring.strong_queries)
    return record, _record(subject, dataset, strong_scoring, paths[1], progress, chain)


def _record(
    subject: Any,
    dataset: data.Dataset,
    scoring: Scoring,
    path: pathlib.Path,
    progress: Any,
    chain: Chain | None = None,
) -> evaluation.EvalRecord:
    """One record; of `chain` with a diagnosis instead of the scoring's attacks, if there is one."""
    if path.exists():
        return evaluation.EvalRecord.from_json(path.read_text())
    recalibrates = "recalibrated" in scoring.statistics
    names = ("epsilon", "step_size", "batch_size", "seed")
    shared = {name: getattr(scoring, name) for name in names}
    split = dataset.test.first(scoring.num_examples)
    record = evaluation.evaluate(
        subject,
        split,
        attacks=chain or scoring.attacks,
        statistics=scoring.statistics,
        calibration=dataset.train.first(CALIBRATION_SIZE) if recalibrates else None,
        parts_dir=path.with_suffix(".parts"),
        progress=progress,
        **shared,
    )
    if chain:
        mode = scoring.statistics[0]
        diagnosis = diagnostics.diagnose(
            subject, split, statistics=mode, num_examples=None, progress=progress, **shared
        )
        record = dataclasses.replace(record, diagnosis=diagnosis.to_dict())
    files.write_text(path, record.to_json() + "\n")
    return record


def record_paths(directory: pathlib.Path, scoring: Scoring) -> list[pathlib.Path]:
    """The files of `score` in a run's directory."""
    scorings = {"evaluation": scoring}
    if (strong_scoring := _strong(scoring)) is not None:
        scorings["strong"] = strong_scoring
    return [directory / f"{name}-{settings.digest(each)}.json" for name, each in scorings.items()]


def is_scored(directory: pathlib.Path, scoring: Scoring) -> bool:
    return all(path.exists() for path in record_paths(directory, scoring))


def _strong(scoring: Scoring) -> Scoring | None:
    """The scoring of the chain `strong` that belongs to a table's scoring, if any."""
    if not scoring.strong_examples:
        return None
    count = min(scoring.strong_examples, scoring.num_examples)
    mode = next((m for m in scoring.statistics if m != "recalibrated"), "batch")
    # Part of the name of the record's file.
    attacks = (f"strong: square{queries}",) if (queries := scoring.strong_queries) else ("strong",)
    return dataclasses.replace(scoring, num_examples=count, attacks=attacks, statistics=(mode,))

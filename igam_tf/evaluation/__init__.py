"""Evaluation: a data set, attacks and BatchNorm modes to a record of accuracies."""

from igam_tf.core.settings.choices import HEADS, MODES
from igam_tf.evaluation.evaluate import evaluate
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.evaluation.shards import Shards, UnfinishedShards
from igam_tf.evaluation.stages import Progress

__all__ = [
    "HEADS",
    "MODES",
    "Count",
    "EvalRecord",
    "Progress",
    "Shards",
    "UnfinishedShards",
    "evaluate",
]

"""Evaluation: a data set, attacks and BatchNorm modes to a record of accuracies."""

from igam_tf.evaluation.evaluate import HEADS, evaluate
from igam_tf.evaluation.examples import MODES
from igam_tf.evaluation.running import Progress
from igam_tf.records import Count, EvalRecord

__all__ = ["HEADS", "MODES", "Count", "EvalRecord", "Progress", "evaluate"]

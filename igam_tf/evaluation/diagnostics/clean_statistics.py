"""A model's logits and input gradients on the clean images."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.evaluation import doubts
from igam_tf.evaluation.diagnostics.alignment import Alignment, terms, top_two_gap
from igam_tf.evaluation.diagnostics.inference import takes_gradients
from igam_tf.evaluation.diagnostics.subject import Batch, Subject


@dataclasses.dataclass(frozen=True)
class CleanStatistics:
    """Per example, unless said otherwise.

    Attributes:
      correct: bool [n].
      zero_share: share of exact zeros in the input gradient of the cross-entropy.
      finite: whether the logits and that gradient are finite.
      gap: largest logit minus the second largest, float64.
      saturated: whether the cross-entropy is exactly 0.
      num_classes: number of logits.
      sums_to_one: whether all outputs look like probabilities.
      connected: whether there is a gradient at all.
      logit_change: largest change of a logit between two passes over the first batch, relative to
        the l2 norm of that image's logits.
      changed_predictions: predictions of the first batch that differ between two passes.
      takes_gradients: whether the model takes gradients when it classifies.
      alignment: the terms of Eq. 18.
    """

    correct: np.ndarray
    zero_share: np.ndarray
    finite: np.ndarray
    gap: np.ndarray
    saturated: np.ndarray
    num_classes: int
    sums_to_one: bool
    connected: bool
    logit_change: float
    changed_predictions: int
    takes_gradients: bool
    alignment: Alignment

    @classmethod
    def joined(cls, parts: Sequence["CleanStatistics"]) -> "CleanStatistics":
        """The statistics of consecutive batches as one."""
        arrays = ("correct", "zero_share", "finite", "gap", "saturated")
        alignments = [dataclasses.astuple(part.alignment) for part in parts]
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays},
            num_classes=parts[0].num_classes,
            sums_to_one=all(part.sums_to_one for part in parts),
            connected=all(part.connected for part in parts),
            logit_change=parts[0].logit_change,
            changed_predictions=parts[0].changed_predictions,
            takes_gradients=parts[0].takes_gradients,
            alignment=Alignment(*map(np.concatenate, zip(*alignments, strict=True))),
        )


def clean_statistics(subject: Subject) -> CleanStatistics:
    """Forward and backward passes on the clean images, batch by batch, outside of any graph."""
    parts: list[CleanStatistics] = []

    def probe(batch: Batch) -> np.ndarray:
        parts.append(_batch_statistics(subject, batch.x, batch.y, repeat=not parts))
        return parts[-1].correct

    subject.each("gradients", probe)
    return CleanStatistics.joined(parts)


def _batch_statistics(
    subject: Subject, x: np.ndarray, y: np.ndarray, repeat: bool
) -> CleanStatistics:
    images = tf.constant(x)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(images)
        outputs = gradients.logits_of(subject.model, images, subject.statistics)
        loss, gap = losses.cross_entropy(y, outputs), top_two_gap(outputs)
        total = tf.reduce_sum(loss)
    gradient = tape.gradient(total, images)
    gap_gradient = tape.gradient(gap, images, unconnected_gradients="zero").numpy()
    pixels = (np.zeros_like(x) if gradient is None else gradient.numpy()).reshape(len(x), -1)
    logits = outputs.numpy().astype(np.float64)
    logit_change, changed_predictions = 0.0, 0
    if repeat:
        second = gradients.logits_of(subject.model, images, subject.statistics)
        second = second.numpy().astype(np.float64)
        logit_change = doubts.logit_change(logits, second)
        changed_predictions = int((second.argmax(1) != logits.argmax(1)).sum())
    return CleanStatistics(
        correct=logits.argmax(1) == y,
        zero_share=(pixels == 0).mean(1),
        finite=np.isfinite(pixels).all(1) & np.isfinite(logits).all(1),
        gap=gap.numpy().astype(np.float64),
        saturated=loss.numpy() == 0,
        num_classes=logits.shape[1],
        sums_to_one=bool(logits.min() >= 0 and np.abs(logits.sum(1) - 1).max() < 1e-3),
        connected=gradient is not None,
        logit_change=logit_change,
        changed_predictions=changed_predictions,
        takes_gradients=repeat and takes_gradients(subject.model, x.shape[1:], subject.statistics),
        alignment=terms(x, gap.numpy(), gap_gradient),
    )

"""Data sets: one loader for all of them, and the seeded stream of training batches."""

from igam_tf.core.settings.datasets import DATASETS, FORMATS, Format
from igam_tf.data.batches import augment, steps_per_pass, training_batches
from igam_tf.data.loading import load, locate
from igam_tf.data.splits import Dataset, Split

__all__ = [
    "DATASETS",
    "FORMATS",
    "Dataset",
    "Format",
    "Split",
    "augment",
    "load",
    "locate",
    "steps_per_pass",
    "training_batches",
]

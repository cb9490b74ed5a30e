"""Data sets: one loader for all of them, and the seeded stream of training batches."""

from igam_tf.data.batches import augment, steps_per_pass, training_batches
from igam_tf.data.loading import DATASETS, load
from igam_tf.data.splits import Dataset, Split

__all__ = ["DATASETS", "Dataset", "Split", "augment", "load", "steps_per_pass", "training_batches"]

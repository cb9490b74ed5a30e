"""The task of every contender: one network, images, labels and ball."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from igam_tf import data, models, pretrained
from igam_tf.core.bounds import Bounds
from igam_tf.layers import bounds_of

CLASSES = 10
SHAPE = (32, 32, 3)


@dataclasses.dataclass(frozen=True)
class Task:
    """An l-infinity attack of a network.

    Attributes:
      model: images [B, H, W, C] to logits.
      images: float32 [N, H, W, C] in the model's range.
      labels: int64 [N].
      batch_size: the most images at a time.
      epsilon, step_size: in the images' unit.
    """

    model: keras.Model
    images: np.ndarray
    labels: np.ndarray
    batch_size: int
    epsilon: float
    step_size: float

    @property
    def bounds(self) -> Bounds:
        return bounds_of(self.model)

    def in_batches(self, attack: Callable[[np.ndarray, np.ndarray], Any]) -> np.ndarray:
        """The attack's images [N, H, W, C], computed batch by batch."""
        starts = range(0, len(self.images), self.batch_size)
        batches = [slice(start, start + self.batch_size) for start in starts]
        parts = [np.asarray(attack(self.images[batch], self.labels[batch])) for batch in batches]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def random_task(
    width: int,
    blocks: int,
    batch_size: int,
    images: int,
    epsilon: str = "8/255",
    step_size: str = "2/255",
    seed: int = 0,
) -> Task:
    """A wide residual network of random weights, and random images; a gradient costs the same."""
    keras.utils.set_random_seed(seed)
    model = models.wide_resnet(CLASSES, width, blocks, SHAPE)
    limits = bounds_of(model)
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(limits.low, limits.high, (images, *SHAPE)).astype(np.float32)
    labels = rng.integers(0, CLASSES, images, np.int64)
    return Task(
        model,
        pixels,
        labels,
        batch_size,
        limits.amount(epsilon),
        limits.amount(step_size, "step_size"),
    )


def packaged_task(name: str, images: int, batch_size: int, epsilon: str = "8/255") -> Task:
    """A packaged model and the first test images of its data set."""
    model = pretrained.load(name)
    split = data.load("shapes32", train_size=1, test_size=images).test
    limits = bounds_of(model)
    amounts = (limits.amount(epsilon), limits.amount(epsilon) / 4)
    return Task(model, split.pixels(), split.labels, batch_size, *amounts)

"""What every loader returns: a data set of two splits, kept small in memory, read as float32 in its
pixel range.
"""

import dataclasses
from typing import Any

import numpy as np

from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Split:
    """Images [N, H, W, C] as stored (uint8 or float32), integer labels [N]; `scale` takes stored
    values to pixels.
    """

    images: np.ndarray
    labels: np.ndarray
    scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise InputError(
                f"expected a label for each image, got {len(self.images)} images, {len(self.labels)} labels"
            )

    @classmethod
    def of(cls, data: Any) -> "Split":
        """A split itself, or one of images and labels given as a pair.

        Raises:
          InputError: neither, or a pair that does not match.
        """
        if isinstance(data, Split):
            return data
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise InputError(
                f"data: expected images and labels as a pair or a Split, got {type(data).__name__}"
            )
        images, labels = map(np.asarray, data)
        return cls(images, labels)

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int | None) -> "Split":
        """The first `count` examples; all of them if None or more than there are."""
        return (
            self
            if count is None
            else dataclasses.replace(self, images=self.images[:count], labels=self.labels[:count])
        )

    def pixels(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Images start .. stop as float32 in the data set's pixel range."""
        return self.images[start:stop].astype(np.float32) * np.float32(self.scale)

    def chosen(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images, as `pixels` gives them, and labels of some examples."""
        return self.images[indices].astype(np.float32) * np.float32(self.scale), self.labels[
            indices
        ]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A named image classification task."""

    name: str
    train: Split
    test: Split
    num_classes: int
    bounds: Bounds

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

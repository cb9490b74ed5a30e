"""The result of every loader: a data set of two or three splits, read as float32."""

import dataclasses

import numpy as np

from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.data.stored import StoredImages


@dataclasses.dataclass(frozen=True)
class Split:
    """Images and their labels.

    Attributes:
      images: [N, H, W, C] as stored (uint8 or float32), in memory or on disk.
      labels: integers [N].
      scale: factor from stored values to pixels.
      indexed: each index of the training order is computed on its own, as data on disk requires.
        Sources that can be on disk have it in memory too, so that both give the same training.
    """

    images: np.ndarray | StoredImages
    labels: np.ndarray
    scale: float = 1.0
    indexed: bool = False

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise InputError(
                f"expected a label for each image, got {len(self.images)} images, "
                f"{len(self.labels)} labels"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def first(self, count: int | None) -> "Split":
        """The first `count` examples, or all if there are fewer or `count` is None."""
        return self if count is None else self.part(slice(count))

    def part(self, key: slice | np.ndarray) -> "Split":
        """The examples of a slice or of an array of indices; images on disk stay there."""
        images = self.images
        images = images.part(key) if isinstance(images, StoredImages) else images[key]
        return dataclasses.replace(self, images=images, labels=self.labels[key])

    def pixels(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Images [start, stop) as float32 in the data set's pixel range."""
        return self.images[start:stop].astype(np.float32) * np.float32(self.scale)

    def select(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels, as float32, and labels of some examples."""
        pixels = self.images[indices].astype(np.float32) * np.float32(self.scale)
        return pixels, self.labels[indices]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A named image classification task.

    Attributes:
      class_names: by label, or empty.
      validation: split for callbacks and best weights, or None.
    """

    name: str
    train: Split
    test: Split
    num_classes: int
    bounds: Bounds
    class_names: tuple[str, ...] = ()
    validation: Split | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.train.image_shape

    def first(self, train_size: int | None, test_size: int | None) -> "Dataset":
        """The first examples of both splits; None for all."""
        return dataclasses.replace(
            self, train=self.train.first(train_size), test=self.test.first(test_size)
        )

    def with_validation(self, share: float) -> "Dataset":
        """Moves a share of the training examples into a new validation split.

        The selection is random with a fixed seed.

        Raises:
          InputError: `share` is not between 0 and 1, one of the two splits would be empty, or there
            is a validation split already.
        """
        count = round(share * len(self.train))
        if not 0 < share < 1 or not 0 < count < len(self.train):
            raise InputError(
                f"validation: expected a share between 0 and 1 of {len(self.train)} examples, "
                f"got {share:g}"
            )
        if self.validation is not None:
            raise InputError(f"validation: {self.name} has a validation split of its own")
        order = np.random.default_rng(0).permutation(len(self.train))
        return dataclasses.replace(
            self,
            train=self.train.part(np.sort(order[count:])),
            validation=self.train.part(np.sort(order[:count])),
        )

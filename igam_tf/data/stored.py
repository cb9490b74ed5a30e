"""Images that stay on disk and are read by their place, for data beyond memory."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import COLORS

_CHANNELS = {"grey": 1, "rgb": 3}
GIB = 2**30
MEMORY_LIMIT = 2 * GIB
_AT_A_TIME = 256  # images read by one request


@dataclasses.dataclass(frozen=True, eq=False)
class StoredImages:
    """Images [N, H, W, C] of one shape, as an array that reads what is indexed.

    Attributes:
      read: a place, int64 [], to its image [H, W, C]; it runs inside `tf.data`.
      places: int64 [N], which places these images have among all that `read` knows.
      image_shape: H, W, C.
      dtype: of the images as stored.
      digest: of the content of all places, hexadecimal.
    """

    read: Callable[[tf.Tensor], tf.Tensor]
    places: np.ndarray
    image_shape: tuple[int, int, int]
    digest: str
    dtype: Any = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.places), *self.image_shape)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Reads the images of a slice or of an array of indices."""
        places = self.places[key]
        images = np.empty((len(places), *self.image_shape), self.dtype)
        stream = tf.data.Dataset.from_tensor_slices(places).map(
            self.read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        start = 0
        for batch in stream.batch(_AT_A_TIME).as_numpy_iterator():
            images[start : start + len(batch)] = batch
            start += len(batch)
        return images

    def part(self, key: slice | np.ndarray) -> "StoredImages":
        """The images of a slice or of an array of indices, which stay on disk."""
        return dataclasses.replace(self, places=self.places[key])


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How an encoded image becomes pixels, the same in memory and in a stream.

    Attributes:
      image_size: side to which images are resized, bilinear with antialiasing; None keeps theirs.
      color: `grey` or `rgb`; None keeps the channels as they are stored.
    """

    image_size: int | None = None
    color: str | None = None

    def __post_init__(self) -> None:
        if self.color is not None and self.color not in COLORS:
            raise InputError(f"color: expected one of {', '.join(COLORS)}, got {self.color!r}")

    def __call__(self, encoded: tf.Tensor) -> tf.Tensor:
        """Bytes of a PNG, JPEG, BMP or GIF (its first picture) to uint8 [H, W, C]."""
        image = tf.io.decode_image(encoded, expand_animations=False)
        return self.adjust(image)

    def adjust(self, image: tf.Tensor) -> tf.Tensor:
        """A decoded uint8 image [H, W, C] in the channels and at the size of this decoding."""
        if self.color is not None:
            image = _recolored(image, _CHANNELS[self.color])
        if self.image_size is not None:
            image = _resized(image, self.image_size)
        return image


AS_STORED = Decoding()


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a stored data set is read.

    Attributes:
      train_size, test_size: images of each split, the first ones in stored order; None for all.
      train_split, test_split: names of a TFDS set's splits; None for its own.
      decoding: of the images.
      memory_limit: bytes of decoded images from which a split stays on disk.
    """

    train_size: int | None = None
    test_size: int | None = None
    train_split: str | None = None
    test_split: str | None = None
    decoding: Decoding = AS_STORED
    memory_limit: int = MEMORY_LIMIT


def _recolored(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Grey or colour; an alpha channel is dropped."""
    has_color = tf.shape(image)[-1] >= 3
    if channels == 3:
        return tf.cond(
            has_color, lambda: image[..., :3], lambda: tf.repeat(image[..., :1], 3, axis=-1)
        )
    return tf.cond(
        has_color,
        lambda: tf.image.rgb_to_grayscale(tf.ensure_shape(image[..., :3], (None, None, 3))),
        lambda: image[..., :1],
    )


def _resized(image: tf.Tensor, side: int) -> tf.Tensor:
    resized = tf.image.resize(image, (side, side), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def require_shape(shape: tuple[int, ...], expected: tuple[int, ...], name: str, first: str) -> None:
    """Raises InputError, naming the flag that helps, for an image unlike the first one."""
    if shape == expected:
        return
    if shape[:2] != expected[:2]:
        raise InputError(
            f"{name}: {shape[0]}x{shape[1]} pixels, expected {expected[0]}x{expected[1]} as "
            f"{first} has; --image_size resizes all images"
        )
    raise InputError(
        f"{name}: {shape[2]} channels, expected {expected[2]} as {first} has; --color=rgb or "
        "--color=grey makes them alike"
    )


def require_channels(shape: tuple[int, ...], name: str) -> None:
    """Raises InputError for images that are neither grey nor of three colours."""
    if shape[-1] not in _CHANNELS.values():
        raise InputError(
            f"{name}: {shape[-1]} channels, expected 1 or 3; --color=rgb or --color=grey drops an "
            "alpha channel"
        )

"""The seeded stream of training batches, which can start at any batch."""

import tensorflow as tf

from igam_tf.core import randomness
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.data.splits import Split
from igam_tf.data.stored import StoredImages

PADDING = 2  # pixels on each side before the random crop, as in the release


def training_batches(
    split: Split,
    batch_size: int,
    seed: int,
    bounds: Bounds,
    *,
    start: int = 0,
    augmented: bool = True,
    pixel_noise: float = 0.0,
    part: int = 0,
    parts: int = 1,
) -> tf.data.Dataset:
    """An endless stream of float32 images [batch_size, H, W, C] and int64 labels [batch_size].

    Every pass over the data is a new permutation, without the remainder that is smaller than a
    batch. Order, augmentation and noise of batch number s depend on the seed and s only, so a
    resumed run has the batches of an uninterrupted one.

    Args:
      split: the examples.
      batch_size: images per batch.
      seed: of order, augmentation and noise.
      bounds: pixel range of the images.
      start: number of the first batch.
      augmented: random crop and flip (`augment`).
      pixel_noise: half width of uniform noise on every pixel, in the pixels' unit (the release: 8);
        pixels are then clipped to the bounds.
      part, parts: only the images of part number `part` of `parts` equal, contiguous parts of each
        batch are read. They are those of the whole batch.

    Raises:
      InputError: fewer examples than a batch, a batch that the parts do not divide, or negative
        noise.
    """
    per_pass = steps_per_pass(split, batch_size)
    if not pixel_noise >= 0:
        raise InputError(f"pixel_noise: expected at least 0, got {pixel_noise:g}")
    if batch_size % parts:
        raise InputError(f"batch_size: {parts} parts do not divide a batch of {batch_size}")
    size = batch_size // parts
    rows = slice(part * size, (part + 1) * size)
    batches = _indexed if split.indexed else _shuffled
    stream = batches(split, batch_size, per_pass, seed, start, rows)

    def assemble(
        step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = batch
        x = tf.cast(images, tf.float32) * tf.constant(split.scale, tf.float32)
        if augmented:
            key = randomness.key(seed, "augmentation", step)
            x = augment(x, key, batch_size=batch_size, rows=rows)
        if pixel_noise:
            noise_key = randomness.key(seed, "pixel_noise", step)
            shape = (batch_size, *split.image_shape)
            noise = tf.random.stateless_uniform(shape, noise_key, -pixel_noise, pixel_noise)
            x = tf.clip_by_value(x + noise[rows], bounds.low, bounds.high)
        return x, labels

    stream = stream.enumerate(start)
    return stream.map(assemble, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(
        tf.data.AUTOTUNE
    )


def _shuffled(
    split: Split, batch_size: int, per_pass: int, seed: int, start: int, rows: slice
) -> tf.data.Dataset:
    """Rows of batches from memory; the order of each pass is one shuffled array."""
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    first_pass, offset = divmod(start, per_pass)

    def order(number: tf.Tensor) -> tf.data.Dataset:
        places = tf.random.experimental.stateless_shuffle(
            tf.range(len(split)), seed=randomness.key(seed, "order", number)
        )
        return tf.data.Dataset.from_tensor_slices(places).batch(batch_size, drop_remainder=True)

    stream = tf.data.Dataset.range(first_pass, tf.int64.max).flat_map(order).skip(offset)
    return stream.map(
        lambda places: (tf.gather(images, places[rows]), tf.gather(labels, places[rows])),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _indexed(
    split: Split, batch_size: int, per_pass: int, seed: int, start: int, rows: slice
) -> tf.data.Dataset:
    """Rows of batches whose order is computed position by position, as data on disk requires."""
    labels = tf.constant(split.labels)

    def places(step: tf.Tensor) -> tf.Tensor:
        key = randomness.key(seed, "order", step // per_pass)
        positions = (step % per_pass) * batch_size + tf.range(rows.start, rows.stop, dtype=tf.int64)
        return tf.random.experimental.index_shuffle(positions, seed=key, max_index=len(split) - 1)

    steps = tf.data.Dataset.range(start, tf.int64.max)
    if not isinstance(split.images, StoredImages):
        images = tf.constant(split.images)
        return steps.map(
            lambda step: (tf.gather(images, places(step)), tf.gather(labels, places(step)))
        )
    stored, read = tf.constant(split.images.places), split.images.read
    return (
        steps.map(places)
        .unbatch()
        .map(
            lambda place: (read(tf.gather(stored, place)), tf.gather(labels, place)),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .batch(rows.stop - rows.start, drop_remainder=True)
    )


def steps_per_pass(split: Split, batch_size: int) -> int:
    """Batches in a pass over the data.

    Raises:
      InputError: fewer examples than a batch.
    """
    if not 1 <= batch_size <= len(split):
        raise InputError(
            f"batch_size: a batch of {batch_size} needs as many examples, there are {len(split)}"
        )
    return len(split) // batch_size


def augment(
    images: tf.Tensor,
    seed: tf.Tensor,
    padding: int = PADDING,
    *,
    batch_size: int | None = None,
    rows: slice = slice(None),
) -> tf.Tensor:
    """The release's augmentation of a batch [B, H, W, C], with a seed int64 [2].

    Pads every side with zeros, crops each image at its own random place, and flips it left to right
    with probability 1/2.

    Args:
      batch_size, rows: of a whole batch and of the images in it; by default they are all.
    """
    height, width = images.shape[1], images.shape[2]
    uniform = tf.random.stateless_uniform([3, batch_size or images.shape[0], 1], seed)[:, rows]
    places = tf.cast(uniform[:2] * (2 * padding + 1), tf.int32)
    rows = places[0] + tf.range(height)
    columns = places[1] + tf.where(uniform[2] < 0.5, tf.range(width)[::-1], tf.range(width))
    padded = tf.pad(images, [[0, 0], [padding, padding], [padding, padding], [0, 0]])
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)

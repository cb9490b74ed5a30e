"""The embedded tasks, generated in memory from a seed, so that everything runs without a download.

    shapes28    source: ten bright shapes on black, grey, in MNIST's format
    shapes32    target: the ten shapes at low contrast on textured noise, RGB, in CIFAR's format
    shapes64    source in place of Tiny-ImageNet: as shapes32 in 64x64; brighter and darker shapes
                are different classes, 20 in all
    shapes100   target in place of CIFAR-100: as shapes32; the class is also brighter or darker and
                the background's colour, 100 classes in all

A plain classifier of shapes32 is accurate but fooled by PGD at 8/255. An adversarially trained one
keeps a part of its accuracy under that attack.
"""

from collections.abc import Callable

import numpy as np

from igam_tf.core.bounds import PIXELS, UNIT
from igam_tf.data.splits import Dataset, Split

# Grey levels of shapes against their background, and of the texture, tuned for the last sentence
# above.
CONTRAST = (70.0, 100.0)
TEXTURE = 20.0

# Mean background colours of shapes100: grey, red, green, blue, yellow.
GROUNDS = np.array(
    [(128, 128, 128), (165, 112, 112), (112, 165, 112), (112, 112, 165), (155, 155, 95)]
)

BLOCK = 500  # images generated from one seed

# A shape is a function of centred coordinates in units of its size; it is negative inside.
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.hypot(u, v) - 0.9


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) - 0.75


def _diamond(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (abs(u) + abs(v) - 1.0) * 0.7


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(v - 0.6, 0.87 * abs(u) - 0.5 * v - 0.45)


def _plus(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    arms = np.minimum(
        np.maximum(abs(u) - 0.3, abs(v) - 0.95), np.maximum(abs(u) - 0.95, abs(v) - 0.3)
    )
    return arms


def _saltire(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _plus((u + v) * 0.707, (u - v) * 0.707)


def _ring(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return abs(np.hypot(u, v) - 0.7) - 0.22


def _frame(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return abs(np.maximum(abs(u), abs(v)) - 0.65) - 0.2


def _rows(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u) - 0.9, abs(abs(v) - 0.55) - 0.25)


def _columns(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _rows(v, u)


SHAPES: tuple[Field, ...] = (
    _disc, _square, _diamond, _triangle, _plus, _saltire, _ring, _frame, _rows, _columns,
)  # fmt: skip


def shapes28(train_size: int, test_size: int, seed: int = 0) -> Dataset:
    """Source task: grey images [N, 28, 28, 1] float32 in [0, 1]."""
    train, test = (
        _split(_source, size, seed, part, 28) for part, size in enumerate((train_size, test_size))
    )
    return Dataset("shapes28", train, test, len(SHAPES), UNIT)


def shapes32(train_size: int, test_size: int, seed: int = 0) -> Dataset:
    """Target task: RGB images [N, 32, 32, 3] uint8 in [0, 255]."""
    train, test = (
        _split(_target, size, seed, part, 32) for part, size in enumerate((train_size, test_size))
    )
    return Dataset("shapes32", train, test, len(SHAPES), PIXELS)


def shapes64(train_size: int, test_size: int, seed: int = 0) -> Dataset:
    """Larger source task: RGB images [N, 64, 64, 3] uint8 in [0, 255].

    Classes 0 to 9 are the brighter shapes, 10 to 19 the darker ones.
    """
    train, test = (
        _split(_larger, size, seed, part, 64) for part, size in enumerate((train_size, test_size))
    )
    return Dataset("shapes64", train, test, 2 * len(SHAPES), PIXELS)


def shapes100(train_size: int, test_size: int, seed: int = 0) -> Dataset:
    """Target task of many classes: RGB images [N, 32, 32, 3] uint8 in [0, 255].

    Class 10 s + g is shape s, brighter than background g; class 10 s + 5 + g is the darker one.
    """
    train, test = (
        _split(_coloured, size, seed, part, 100)
        for part, size in enumerate((train_size, test_size))
    )
    return Dataset("shapes100", train, test, 2 * len(GROUNDS) * len(SHAPES), PIXELS)


def _split(
    draw: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]], size: int, *key: int
) -> Split:
    """Generated in blocks with seeds of their own: a small split is the start of a large one."""
    blocks = [draw(np.random.default_rng([*key, index])) for index in range(-(-size // BLOCK))]
    images, labels = (np.concatenate(part)[:size] for part in zip(*blocks, strict=True))
    return Split(images, labels)


def _source(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = _labels(rng, len(SHAPES))
    images = _coverage(rng, labels, 28) * rng.uniform(0.8, 1.0, (BLOCK, 1, 1))
    images = np.clip(images + rng.normal(0, 0.02, images.shape), 0, 1)
    return images[..., None].astype(np.float32), labels


def _target(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = _labels(rng, len(SHAPES))
    background = rng.uniform(90, 165, (BLOCK, 1, 1, 3)) + _texture(rng, BLOCK, 32)
    contrast = rng.uniform(*CONTRAST, (BLOCK, 1, 1, 1)) * rng.choice([-1, 1], (BLOCK, 1, 1, 1))
    return _compose(background, contrast, _coverage(rng, labels, 32)), labels


def _larger(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = _labels(rng, 2 * len(SHAPES))
    background = rng.uniform(90, 165, (BLOCK, 1, 1, 3)) + _texture(rng, BLOCK, 64)
    sign = np.where(labels < len(SHAPES), 1, -1)[:, None, None, None]
    contrast = rng.uniform(*CONTRAST, (BLOCK, 1, 1, 1)) * sign
    return _compose(background, contrast, _coverage(rng, labels % len(SHAPES), 64)), labels


def _coloured(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = _labels(rng, 2 * len(GROUNDS) * len(SHAPES))
    kind = labels % (2 * len(GROUNDS))
    ground = GROUNDS[kind % len(GROUNDS)] + rng.uniform(-15, 15, (BLOCK, 3))
    sign = np.where(kind < len(GROUNDS), 1, -1)[:, None, None, None]
    contrast = rng.uniform(*CONTRAST, (BLOCK, 1, 1, 1)) * sign
    background = ground[:, None, None] + _texture(rng, BLOCK, 32)
    return _compose(background, contrast, _coverage(rng, labels // (2 * len(GROUNDS)), 32)), labels


def _compose(background: np.ndarray, contrast: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    return np.clip(np.round(background + contrast * coverage[..., None]), 0, 255).astype(np.uint8)


def _labels(rng: np.random.Generator, classes: int) -> np.ndarray:
    """Labels [BLOCK] in rounds: each `classes` consecutive labels contain every class once."""
    return rng.permuted(np.tile(np.arange(classes), (BLOCK // classes, 1)), axis=1).ravel()


def _coverage(rng: np.random.Generator, labels: np.ndarray, side: int) -> np.ndarray:
    """The covered share of each pixel [N, side, side]; place, angle and size are random."""
    centres = (np.arange(side) + 0.5) / side * 2 - 1
    rows, columns = np.meshgrid(centres, centres, indexing="ij")
    count = (len(labels), 1, 1)
    scale = rng.uniform(0.55, 0.8, count)
    angle = np.deg2rad(rng.uniform(-15, 15, count))
    x = (columns - rng.uniform(-0.12, 0.12, count)) / scale
    y = (rows - rng.uniform(-0.12, 0.12, count)) / scale
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    distance = np.empty_like(u)
    for label, field in enumerate(SHAPES):
        mask = labels == label
        distance[mask] = field(u[mask], v[mask])
    return np.clip(0.5 - distance * scale * side / 2, 0, 1)


def _texture(rng: np.random.Generator, size: int, side: int) -> np.ndarray:
    """Coloured noise of three grain sizes, [N, side, side, 3]."""
    texture = np.zeros((size, side, side, 3), np.float32)
    for cells, weight in ((4, 0.6), (8, 0.6), (side, 0.5)):
        grain = side // cells
        noise = rng.standard_normal((size, cells, cells, 3), np.float32)
        for axis in (1, 2):
            noise = _smoothed(noise.repeat(grain, axis), grain, axis)
        texture += weight * noise
    return texture * TEXTURE


def _smoothed(noise: np.ndarray, grain: int, axis: int) -> np.ndarray:
    """The mean of `grain` neighbours along an axis, which wraps around."""
    total = np.roll(noise, -(grain // 2), axis)
    for shift in range(1, grain):
        total += np.roll(noise, shift - grain // 2, axis)
    return total / np.float32(grain)

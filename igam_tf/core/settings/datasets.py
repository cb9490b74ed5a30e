"""Names and image formats of the data sets, known without reading them."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Annotated

from igam_tf.core.bounds import PIXELS, UNIT, Bounds
from igam_tf.core.settings.choices import COLORS
from igam_tf.core.settings.fields import Setting, Settings


@dataclasses.dataclass(frozen=True)
class Format:
    """Image shape (height, width, channels), classes, pixel range and training images of a set."""

    image_shape: tuple[int, int, int]
    num_classes: int
    bounds: Bounds
    train_images: int


FORMATS: Mapping[str, Format] = types.MappingProxyType(
    {
        "shapes28": Format((28, 28, 1), 10, UNIT, 4_000),
        "shapes32": Format((32, 32, 3), 10, PIXELS, 4_000),
        "shapes64": Format((64, 64, 3), 20, PIXELS, 4_000),
        "shapes100": Format((32, 32, 3), 100, PIXELS, 4_000),
        "mnist": Format((28, 28, 1), 10, UNIT, 60_000),
        "cifar10": Format((32, 32, 3), 10, PIXELS, 50_000),
        "cifar100": Format((32, 32, 3), 100, PIXELS, 50_000),
        "tiny_imagenet": Format((64, 64, 3), 200, PIXELS, 100_000),
        "cifar10_first5_64": Format((64, 64, 3), 5, PIXELS, 25_000),
        "cifar10_last5": Format((32, 32, 3), 5, PIXELS, 25_000),
    }
)
DATASETS = tuple(FORMATS)
SOURCES = (
    f"one of {', '.join(DATASETS)}, tfds:NAME, folder:PATH, npz:PATH or package.module:function"
)
DatasetName = Annotated[str, Setting(f"The data set: {SOURCES} (docs/data.md).")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceSettings(Settings):
    """Which images a source gives, beyond its name; for images that are no known data set's."""

    train_split: Annotated[
        str | None,
        Setting("Of tfds:, the training split, such as train[:80%].", identity="if set"),
    ] = None
    test_split: Annotated[
        str | None, Setting("Of tfds:, the test split, such as validation.", identity="if set")
    ] = None
    image_size: Annotated[
        int | None,
        Setting("Side to which own images are resized.", at_least=1, identity="if set"),
    ] = None
    color: Annotated[
        str | None,
        Setting(
            "To what own images are converted; as they are by default.",
            choices=COLORS,
            identity="if set",
        ),
    ] = None


MemoryLimit = Annotated[
    float,
    Setting("GiB of decoded images from which own data is read from disk as used.", at_least=0),
]

"""Names and image formats of the data sets, known without reading them."""

import dataclasses
import types
from collections.abc import Mapping

from igam_tf.core.bounds import PIXELS, UNIT, Bounds


@dataclasses.dataclass(frozen=True)
class Format:
    """Shape (height, width, channels), number of classes and pixel range of a data set."""

    image_shape: tuple[int, int, int]
    num_classes: int
    bounds: Bounds


FORMATS: Mapping[str, Format] = types.MappingProxyType(
    {
        "shapes28": Format((28, 28, 1), 10, UNIT),
        "shapes32": Format((32, 32, 3), 10, PIXELS),
        "shapes64": Format((64, 64, 3), 20, PIXELS),
        "shapes100": Format((32, 32, 3), 100, PIXELS),
        "mnist": Format((28, 28, 1), 10, UNIT),
        "cifar10": Format((32, 32, 3), 10, PIXELS),
        "cifar100": Format((32, 32, 3), 100, PIXELS),
        "tiny_imagenet": Format((64, 64, 3), 200, PIXELS),
        "cifar10_first5_64": Format((64, 64, 3), 5, PIXELS),
        "cifar10_last5": Format((32, 32, 3), 5, PIXELS),
    }
)
DATASETS = tuple(FORMATS)

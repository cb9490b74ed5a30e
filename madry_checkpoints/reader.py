"""Reads a checkpoint, and says which networks it holds, without TensorFlow."""

import os
from collections.abc import Mapping

from madry_checkpoints import kinds
from madry_checkpoints.bundle import Array, Bundle
from madry_checkpoints.location import prefix_of

Path = str | os.PathLike[str]


def opened(path_or_mapping: Path | Mapping[str, Array]) -> Mapping[str, Array]:
    """The checkpoint at a path, its variables read when asked for; a mapping as it is."""
    return path_or_mapping if isinstance(path_or_mapping, Mapping) else Bundle(prefix_of(path_or_mapping))


def read(path: Path) -> dict[str, Array]:
    """Every variable of a TensorFlow 1 checkpoint by name, optimiser slots included.

    Args:
      path: a prefix (`.../checkpoint-70000`), one of its files, or a directory, of which the checkpoint is read that its
        `checkpoint` file calls newest. Entries there may be another machine's absolute paths: only base names count.

    Raises:
      CheckpointError: there is no checkpoint, or one of its files is missing, truncated, damaged or of another format.
    """
    return dict(opened(path).items())


def detect(path_or_mapping: Path | Mapping[str, Array]) -> set[str]:
    """The kinds of networks in a checkpoint, possibly none; whether each is complete, `load_model` checks.

    The CIFAR-10 challenge's network and the Tiny-ImageNet source network have the same names: the 10 or 200 classes tell
    them apart.

    Raises:
      CheckpointError: as `read`.
    """
    return kinds.kinds_in(kinds.described(opened(path_or_mapping)))

"""Reads TensorFlow 1 checkpoints (`PREFIX.index`, `PREFIX.data-NNNNN-of-NNNNN`).

TensorFlow's reader verifies the CRC-32C of each block of the index and of each tensor that it
returns. It omits, without an error, the variables of a damaged block in an index of several blocks;
the sizes of the data files, which are compared here, reveal that.
"""

import collections
import contextlib
import dataclasses
import glob
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from madry_checkpoints.checkpoint_error import CheckpointError
from madry_checkpoints.location import prefix_of
from madry_checkpoints.networks import Shape

_MAX_INDEX_BYTES = 1 << 20  # the published networks, slots included, have indices of kilobytes
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"

Array = np.ndarray[Any, np.dtype[Any]]
Path = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class VariableSpec:
    """Shape and dtype of a variable."""

    shape: Shape
    dtype: np.dtype[Any]

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Checkpoint(Mapping[str, Array]):
    """The variables of the checkpoint at `prefix`, by name; a lookup reads one and verifies it.

    Attributes:
      prefix: of the file names.
      specs: a `VariableSpec` for each name, without reading the data.

    Raises:
      CheckpointError: a file is missing, truncated or damaged (here or at a lookup); the index is
        larger than 1 MiB; a variable is not numeric; a `tf.train.Checkpoint` wrote the files.
    """

    def __init__(self, prefix: str) -> None:
        import tensorflow as tf

        self.prefix = prefix
        _check_prefix(prefix)
        with self._one_line_errors("the index"):
            # tf.train.load_checkpoint without its search: a directory may have the prefix's name.
            self._reader = tf.compat.v1.train.NewCheckpointReader(prefix)
            shapes = self._reader.get_variable_to_shape_map()
            dtypes = self._reader.get_variable_to_dtype_map()
        if _OBJECT_GRAPH in shapes:
            raise CheckpointError(f"{prefix}: of tf.train.Checkpoint, not of a TensorFlow 1 Saver")
        self.specs = {}
        for name in sorted(shapes):
            dtype = dtypes[name]
            if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
                raise CheckpointError(f"{prefix}: {name} has the unsupported dtype {dtype.name}")
            spec = VariableSpec(tuple(shapes[name]), np.dtype(dtype.as_numpy_dtype))
            self.specs[name] = spec
        self._check_data_files()

    def __getitem__(self, name: str) -> Array:
        if name not in self.specs:
            raise KeyError(name)
        with self._one_line_errors(name):
            return np.asarray(self._reader.get_tensor(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    def _check_data_files(self) -> None:
        """The data files hold the variables one after the other and nothing else."""
        expected = sum(spec.count * spec.dtype.itemsize for spec in self.specs.values())
        sizes: collections.Counter[str] = collections.Counter()
        for path in glob.iglob(f"{glob.escape(self.prefix)}.data-*-of-*"):
            sizes[path.rpartition("-")[-1]] += os.path.getsize(path)  # by the number of files
        if expected not in sizes.values():
            present = " or ".join(map(str, sizes.values())) or "no"
            raise CheckpointError(
                f"{self.prefix}: {present} bytes in its .data files instead of {expected}: "
                "a file is missing, truncated or damaged; copy or download the checkpoint again"
            )

    @contextlib.contextmanager
    def _one_line_errors(self, what: str) -> Iterator[None]:
        import tensorflow as tf

        try:
            yield
        # The reader turns its statuses into any of these.
        except (tf.errors.OpError, RuntimeError, LookupError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(
                f"{self.prefix}: TensorFlow cannot read {what} ({reason}); "
                "the checkpoint is damaged: copy or download it again"
            ) from error


def _check_prefix(prefix: str) -> None:
    """Raises CheckpointError for an index or a path that TensorFlow's reader cannot take."""
    if os.path.getsize(f"{prefix}.index") > _MAX_INDEX_BYTES:
        raise CheckpointError(f"{prefix}.index: larger than 1 MiB; a network's index has kilobytes")
    for character in {"[", "\\"} - {os.sep}:  # parts of a pattern
        if character in prefix:
            reason = f"TensorFlow reads no checkpoint from a path with {character!r}"
            raise CheckpointError(f"{prefix}: {reason}; rename it")


def open_checkpoint(path_or_mapping: Path | Mapping[str, Array]) -> Mapping[str, Array]:
    """The checkpoint at a path, of which a lookup reads one variable; a mapping as it is."""
    if isinstance(path_or_mapping, Mapping):
        return path_or_mapping
    return Checkpoint(prefix_of(path_or_mapping))


def specs_of(values: Mapping[str, Array]) -> dict[str, VariableSpec]:
    """The shape and dtype of each variable; of a `Checkpoint`, without reading the data."""
    if isinstance(values, Checkpoint):
        return values.specs
    arrays = {name: np.asarray(value) for name, value in values.items()}
    return {name: VariableSpec(array.shape, array.dtype) for name, array in arrays.items()}


def read(path: Path) -> dict[str, Array]:
    """Every variable of a TensorFlow 1 checkpoint by name, optimiser slots included.

    Args:
      path: a prefix (`.../checkpoint-70000`), one of its files, or a directory: then its newest
        checkpoint by the file `checkpoint`. Entries of that file may be absolute paths of another
        machine; only their base names count.

    Raises:
      CheckpointError: there is no checkpoint, or one of its files is missing, truncated, damaged or
        of another format.
    """
    return dict(open_checkpoint(path).items())

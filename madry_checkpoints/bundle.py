"""Reads a TensorFlow V2 checkpoint (`PREFIX.index`, `PREFIX.data-NNNNN-of-NNNNN`) without TensorFlow.

Every byte that is used has been covered by a checksum: the index by its blocks', each tensor by its own. So damage is an
error, never other weights; nothing here can abort the process as the C++ reader's checks do; tensors are read one at a
time when they are asked for, which keeps the peak memory of loading a model near the model's own; and looking into a
checkpoint does not start TensorFlow.
"""

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from madry_checkpoints import table
from madry_checkpoints.crc32c import crc32c, masked
from madry_checkpoints.errors import CheckpointError

# tensorflow.DataType; what a variable of these networks or a slot may be
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 17: "<u2", 19: "<f2"}
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"

Array = np.ndarray[Any, np.dtype[Any]]


@dataclasses.dataclass(frozen=True)
class _Entry:
    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


class Bundle(Mapping[str, Array]):
    """A checkpoint's variables by name; each is read, and its checksum verified, when it is asked for.

    Raises:
      CheckpointError: a file is missing, truncated or damaged, or holds what this package does not read.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        index = f"{prefix}.index"
        try:
            with open(index, "rb") as file:
                self._shards, self._entries = _parsed(file.read())
        except OSError as error:
            raise CheckpointError(f"{index}: cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise CheckpointError(
                f"{index}: not a whole checkpoint index ({error}); copy or download it again"
            ) from error
        for shard in range(self._shards):
            ends = [entry.offset + entry.size for entry in self._entries.values() if entry.shard == shard]
            self._check_length(shard, max(ends, default=0))

    def __getitem__(self, name: str) -> Array:
        entry = self._entries[name]
        contents = np.empty(entry.size, np.uint8)
        path = self._path(entry.shard)
        try:
            with open(path, "rb") as file:
                file.seek(entry.offset)
                read = file.readinto(contents.data) if entry.size else 0
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
        if read != entry.size or masked(crc32c(contents.data)) != entry.crc:
            raise CheckpointError(
                f"{path}: the checksum of {name} is wrong: the file is damaged; copy or download it again"
            )
        return contents.view(entry.dtype).reshape(entry.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._entries[name].shape

    def dtype(self, name: str) -> np.dtype[Any]:
        return np.dtype(self._entries[name].dtype)

    def _path(self, shard: int) -> str:
        return f"{self.prefix}.data-{shard:05d}-of-{self._shards:05d}"

    def _check_length(self, shard: int, expected: int) -> None:
        path = self._path(shard)
        try:
            size = os.path.getsize(path)
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be read ({error.strerror}); it belongs to {self.prefix}.index"
            ) from error
        if size < expected:
            raise CheckpointError(f"{path}: truncated: {size} bytes instead of {expected}; copy or download it again")


def _parsed(index: bytes) -> tuple[int, dict[str, _Entry]]:
    """Number of data files, and entries by name."""
    pairs = table.entries(index)
    key, value = next(pairs, (None, b""))
    if key != b"":
        raise ValueError("it has no header")
    header = _fields(value)
    shards = _number(header, 1)
    if _number(header, 2):
        raise ValueError("it was written on a big-endian machine")
    entries = {}
    for key, value in pairs:
        if key.startswith(b"\0"):
            raise ValueError("it holds partitioned variables, which these networks do not have")
        name = key.decode()
        if name == _OBJECT_GRAPH:
            raise ValueError("it was written by TensorFlow 2's tf.train.Checkpoint, not by a TensorFlow 1 Saver")
        entries[name] = _entry(name, _fields(value))
        if entries[name].shard >= shards:
            raise ValueError(f"{name} is in a data file that does not exist")
    return shards, entries


def _entry(name: str, fields: dict[int, list[int | bytes]]) -> _Entry:
    code = _number(fields, 1)
    if code not in _DTYPES:
        raise ValueError(f"{name} has the unsupported data type {code}")
    dimensions = _fields(_message(fields, 2)).get(2, [])
    shape = tuple(_number(_fields(dimension), 1) for dimension in dimensions if isinstance(dimension, bytes))
    entry = _Entry(
        dtype=_DTYPES[code],
        shape=shape,
        shard=_number(fields, 3),
        offset=_number(fields, 4),
        size=_number(fields, 5),
        crc=_number(fields, 6),
    )
    if math.prod(shape) * np.dtype(entry.dtype).itemsize != entry.size:
        raise ValueError(f"{name}: {entry.size} bytes do not make the shape {list(shape)}")
    return entry


def _fields(message: bytes) -> dict[int, list[int | bytes]]:
    """A protocol buffer's fields by number: integers for numbers, bytes for messages."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = table.varint(message, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = table.varint(message, at)
        elif tag & 7 == 2:
            size, at = table.varint(message, at)
            value, at = table.taken(message, at, size)
        elif tag & 7 in (1, 5):
            fixed, at = table.taken(message, at, 8 if tag & 7 == 1 else 4)
            value = int.from_bytes(fixed, "little")
        else:
            raise ValueError("a field is of no known type")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields: dict[int, list[int | bytes]], field: int) -> int:
    value = fields.get(field, [0])[-1]
    if not isinstance(value, int) or value >= 2**63:
        raise ValueError("a field is not the number that it should be")
    return value


def _message(fields: dict[int, list[int | bytes]], field: int) -> bytes:
    value = fields.get(field, [b""])[-1]
    if not isinstance(value, bytes):
        raise ValueError("a field is not the message that it should be")
    return value

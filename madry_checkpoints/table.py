"""Reader of the sorted-string table (LevelDB's format) in which TensorFlow keeps a checkpoint's index.

A file is a row of blocks, then a block that lists them, then a 48-byte footer. Every block ends in its compression type
and a CRC-32C over both; all are verified. Every function raises ValueError, with the reason, for bytes that are not such
a table.
"""

import struct
from collections.abc import Iterator

from madry_checkpoints.crc32c import crc32c, masked

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER = 48
_TRAILER = 5  # compression type, CRC


def entries(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The key-value pairs of a whole table, in the order of the keys."""
    if len(data) < _FOOTER or not data.endswith(MAGIC):
        raise ValueError("its last bytes are not those of a table: the file is truncated, or something else")
    footer = data[-_FOOTER:]
    _, after_metaindex = _handle(footer, 0)
    index, _ = _handle(footer, after_metaindex)
    for _, value in _block_entries(_block(data, index)):
        handle, _ = _handle(value, 0)
        yield from _block_entries(_block(data, handle))


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number of at most 64 bits, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number is too long")


def taken(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """`size` bytes from `at`, and the place after them."""
    if at + size > len(data):
        raise ValueError("a field is cut off")
    return data[at : at + size], at + size


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(data: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    block, _ = taken(data, offset, size + _TRAILER)
    compression = block[size]
    if masked(crc32c(block[: size + 1])) != int.from_bytes(block[size + 1 :], "little"):
        raise ValueError(f"the checksum of the block at byte {offset} is wrong")
    contents = block[:size]
    if compression == 0:
        return contents
    if compression == 1:
        return _unsnapped(contents)
    raise ValueError(f"unknown compression {compression}")


def _block_entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise ValueError("a block is too short")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise ValueError("a block's restart points do not fit in it")
    body = block[:end]
    at, key = 0, b""
    while at < end:
        shared, at = varint(body, at)
        unshared, at = varint(body, at)
        length, at = varint(body, at)
        if shared > len(key):
            raise ValueError("a key refers to more than the one before it")
        suffix, at = taken(body, at, unshared)
        value, at = taken(body, at, length)
        key = key[:shared] + suffix
        yield key, value


def _unsnapped(data: bytes) -> bytes:
    """Snappy's raw format; TensorFlow 1.1 compressed the index."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data) and len(out) <= size:
        tag = data[at]
        at += 1
        if tag & 3 == 0:  # a literal, whose length may follow in 1 to 4 bytes
            length = (tag >> 2) + 1
            if length > 60:
                extra, at = taken(data, at, length - 60)
                length = int.from_bytes(extra, "little") + 1
            literal, at = taken(data, at, length)
            out += literal
            continue
        if tag & 3 == 1:
            low, at = taken(data, at, 1)
            length, distance = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | low[0]
        else:
            field, at = taken(data, at, 2 if tag & 3 == 2 else 4)
            length, distance = (tag >> 2) + 1, int.from_bytes(field, "little")
        if not 0 < distance <= len(out):
            raise ValueError("a compressed block refers to what is before it")
        for _ in range(length):  # one by one: source and destination may overlap
            out.append(out[-distance])
    if len(out) != size:
        raise ValueError("a compressed block has the wrong length")
    return bytes(out)

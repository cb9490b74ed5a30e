import struct

import pytest

from madry_checkpoints import table
from madry_checkpoints.crc32c import crc32c, masked

ENTRIES = [(b"", b"header"), (b"unit_1_0", b"a" * 200), (b"unit_1_1", b""), (b"z", b"b")]


def _stored(block: bytes, compression: int) -> bytes:
    block += bytes([compression])
    return block + struct.pack("<I", masked(crc32c(block)))


def _entry(shared: int, suffix: bytes, value: bytes) -> bytes:
    size = bytes([len(value)]) if len(value) < 128 else bytes([len(value) & 127 | 128, len(value) >> 7])
    return bytes([shared, len(suffix)]) + size + suffix + value


def _table(block: bytes, compression: int) -> bytes:
    """One data block, the index block, the footer."""
    first = _stored(block, compression)
    second = _stored(_entry(0, b"zz", bytes([0]) + _number(len(block))) + struct.pack("<II", 0, 1), 0)
    handles = bytes([0, 0]) + _number(len(first)) + _number(len(second) - 5)
    return first + second + handles.ljust(40, b"\0") + table.MAGIC


def _number(value: int) -> bytes:
    return bytes([value & 127 | 128, value >> 7])


# "unit_1_1" shares 7 bytes with the key before it.
BLOCK = (
    _entry(0, *ENTRIES[0])
    + _entry(0, *ENTRIES[1])
    + _entry(7, b"1", b"")
    + _entry(0, *ENTRIES[3])
    + struct.pack("<II", 0, 1)
)


def _snapped(block: bytes) -> bytes:
    """Snappy's three ways to copy, and literals with and without a length of their own."""
    run = block.index(b"a" * 200) + 1
    head = bytes([60 << 2, run - 1]) if run > 60 else bytes([(run - 1) << 2])
    copies = (
        bytes([(7 << 2) | 1, 1])  # 11 bytes from 1 back, 1-byte form
        + bytes([(59 << 2) | 2]) + struct.pack("<H", 1)  # 60 bytes, 2-byte form
        + bytes([(63 << 2) | 3]) + struct.pack("<I", 2)  # 64 bytes, 4-byte form
        + bytes([(63 << 2) | 2]) + struct.pack("<H", 64)
    )  # fmt: skip
    tail = block[run + 199 :]
    return _number(len(block)) + head + block[:run] + copies + bytes([60 << 2, len(tail) - 1]) + tail


@pytest.mark.parametrize(("stored", "compression"), [(BLOCK, 0), (_snapped(BLOCK), 1)], ids=["plain", "snappy"])
def test_reads_plain_and_compressed_blocks(stored, compression):
    assert list(table.entries(_table(stored, compression))) == ENTRIES


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "truncated"),
        (_table(BLOCK, 0)[:-1], "truncated"),
        (_table(BLOCK, 0).replace(b"header", b"Header"), "checksum"),
        (_table(BLOCK, 2), "unknown compression"),
        (_table(_number(300) + b"\x01\x05", 1), "what is before"),
        (_table(_number(300) + b"\x00a", 1), "wrong length"),
        (_table(_entry(1, b"a", b"b") + struct.pack("<II", 0, 1), 0), "the one before"),
        (_table(_entry(0, b"a", b"b")[:-1] + struct.pack("<II", 0, 1), 0), "cut off"),
        (_table(struct.pack("<I", 2**31), 0), "restart points"),
        (_table(b"ab", 0), "too short"),
        (bytes([255] * 40) + table.MAGIC, "too long"),
        (bytes([0, 0, 200, 1, 5]).ljust(40, b"\0") + table.MAGIC, "cut off"),
    ],
)
def test_anything_else_is_an_error(data, reason):
    with pytest.raises(ValueError, match=reason):
        list(table.entries(data))

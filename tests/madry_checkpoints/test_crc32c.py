import numpy as np
import pytest

from madry_checkpoints.crc32c import crc32c, masked


def _bit_by_bit(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


# The published check value, and the test vectors of RFC 3720.
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_known_values(data, expected):
    assert crc32c(data) == expected


@pytest.mark.parametrize("size", [1, 3, 4, 5, 16383, 16384, 16385, 40001])
def test_agrees_with_the_definition_around_the_row_length(size):
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == crc32c(memoryview(data)) == _bit_by_bit(data)


def test_masked_as_leveldb_does():
    assert masked(0) == 0xA282EAD8
    assert masked(0xE3069283) == 0xA282EAD8 + 0x2507C60D & 0xFFFFFFFF

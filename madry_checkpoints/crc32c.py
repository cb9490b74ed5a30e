"""CRC-32C (Castagnoli) of long buffers in NumPy, about 1 ns per byte.

TensorFlow's checkpoints carry one per index block and one per tensor. A table-driven loop over single bytes would take
minutes for 184 MB, so the message is taken as a polynomial whose coefficients are 32-bit words: every row of `_LANES`
words is one step of Horner's rule in all lanes at once, and the lanes are folded together at the end. CRC without its
initial and final complement is linear, which is all that this needs.
"""

import functools

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78  # bit-reversed: bit 31 is the coefficient of x^0
_ONE = 0x80000000
_LANES = 4096  # a power of two; 16 KiB per row, so that a step stays in the first-level cache

Words = npt.NDArray[np.uint32]


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of contiguous bytes."""
    size = len(data)
    row_bytes = 4 * _LANES
    head = size % row_bytes
    # Zeros in front change nothing in a CRC that starts from zero, so the first, shorter row is padded there.
    state = np.zeros(_LANES, np.uint32)
    state.view(np.uint8)[row_bytes - head :] = np.frombuffer(data, np.uint8, head)
    if size > head:
        step = _multiplier(row_bytes)
        for row in np.frombuffer(data, "<u4", offset=head).reshape(-1, _LANES):
            state = _scaled(state, step) ^ row
    while len(state) > 1:
        half = len(state) // 2
        state = _scaled(state[:half], _multiplier(4 * half)) ^ state[half:]
    register = _product(int(state[0]), _power(32))
    return register ^ _product(0xFFFFFFFF, _power(8 * size)) ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """The form in which TensorFlow and LevelDB store a CRC beside the data that it covers."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _product(a: int, b: int) -> int:
    """a * b modulo the polynomial."""
    result = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            result ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return result


def _power(exponent: int) -> int:
    """x^exponent modulo the polynomial."""
    result, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            result = _product(result, square)
        square = _product(square, square)
        exponent >>= 1
    return result


@functools.cache
def _multiplier(size: int) -> tuple[Words, Words]:
    """x^(8 * size) times every value of the low, and of the high, 16 bits."""
    factor = _power(8 * size)
    tables = []
    for shift in (0, 16):
        table = np.zeros(1, np.uint32)
        for bit in range(16):
            table = np.concatenate([table, table ^ np.uint32(_product(1 << (bit + shift), factor))])
        tables.append(table)
    return tables[0], tables[1]


def _scaled(words: Words, multiplier: tuple[Words, Words]) -> Words:
    low, high = multiplier
    return low[words & np.uint32(0xFFFF)] ^ high[words >> np.uint32(16)]

"""One damaged copy of a file's bytes, drawn from a seed: the same seed, kind and number give the same bytes."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import numpy as np

Random = np.random.Generator
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
# What numbers of a text are swapped for.
EXTREMES = (
    *(b"0 -1 1e400 -1e400 NaN Infinity .nan 1e-320 9223372036854775808 -9223372036854775809 4294967296 65536".split()),
    *(b'null true "" "x" [] {} 0x 1_000 007 \xff'.split(b" ")),
    b"9" * 400,
    b"[" * 20_000,
)


def _place(data: bytes, random: Random) -> int:
    """A byte: one in three among the first 2,048, one in three among the last, where formats keep their structure."""
    near = min(len(data), 2048)
    start, stop = ((0, near), (len(data) - near, len(data)), (0, len(data)))[random.integers(3)]
    return int(random.integers(start, stop))


def _block(data: bytes, random: Random) -> tuple[int, int]:
    """Start and stop of a block of 1 to 4,096 bytes, most of them short."""
    start = _place(data, random)
    return start, min(len(data), start + int(2 ** random.uniform(0, 12)))


def flip_bit(data: bytes, random: Random) -> bytes:
    """One bit is another."""
    place = _place(data, random)
    return data[:place] + bytes([data[place] ^ 1 << int(random.integers(8))]) + data[place + 1 :]


def flip_bits(data: bytes, random: Random) -> bytes:
    """2 to 16 bits are others."""
    for _ in range(int(random.integers(2, 17))):
        data = flip_bit(data, random)
    return data


def overwrite_byte(data: bytes, random: Random) -> bytes:
    """One byte is 0, 255, 127, 128 or any other."""
    place = _place(data, random)
    value = int(random.choice([0, 255, 127, 128, int(random.integers(256))]))
    return data[:place] + bytes([value]) + data[place + 1 :]


def overwrite_block(data: bytes, random: Random) -> bytes:
    """A block is noise."""
    start, stop = _block(data, random)
    return data[:start] + random.bytes(stop - start) + data[stop:]


def zero_block(data: bytes, random: Random) -> bytes:
    """A block is zero, as after a crash of the system."""
    start, stop = _block(data, random)
    return data[:start] + bytes(stop - start) + data[stop:]


def truncate(data: bytes, random: Random) -> bytes:
    """The end is missing."""
    return data[: _place(data, random)]


def remove_block(data: bytes, random: Random) -> bytes:
    """A block is missing."""
    start, stop = _block(data, random)
    return data[:start] + data[stop:]


def repeat_block(data: bytes, random: Random) -> bytes:
    """A block is there twice."""
    start, stop = _block(data, random)
    return data[:stop] + data[start:]


def splice(data: bytes, random: Random) -> bytes:
    """A block stands where another one was: as two files, or two places of one, put together."""
    start, stop = _block(data, random)
    other = _place(data, random)
    return data[:start] + data[other : other + stop - start] + data[stop:]


def swap_number(data: bytes, random: Random) -> bytes:
    """A number of a text is an extreme one, or no number."""
    found = list(NUMBER.finditer(data))
    if not found:
        return flip_bit(data, random)
    number = found[int(random.integers(len(found)))]
    return data[: number.start()] + EXTREMES[int(random.integers(len(EXTREMES)))] + data[number.end() :]


def swap_lines(data: bytes, random: Random) -> bytes:
    """Two lines of a text are in each other's place, or one is there twice."""
    lines = data.split(b"\n")
    first, second = (int(place) for place in random.integers(len(lines), size=2))
    lines[first], lines[second] = lines[second], lines[second if random.integers(2) else first]
    return b"\n".join(lines)


Mutation = Callable[[bytes, Random], bytes]
DAMAGE: tuple[Mutation, ...] = (
    *(flip_bit, flip_bits, overwrite_byte, overwrite_block, zero_block),
    *(truncate, remove_block, repeat_block, splice),
)
TEXT_DAMAGE: tuple[Mutation, ...] = (*DAMAGE, swap_number, swap_number, swap_number, swap_lines)


def mutated(data: bytes, kind: str, seed: int, number: int, *, text: bool = False) -> tuple[bytes, str]:
    """Mutation `number` of the bytes of a file of `kind`, never the bytes themselves, and what was done.

    text: also swap numbers and lines
    """
    random = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
    ways = TEXT_DAMAGE if text else DAMAGE
    while True:
        way = ways[int(random.integers(len(ways)))]
        result = way(data, random)
        if result != data:
            return result, way.__name__

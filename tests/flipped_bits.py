"""What becomes of a file of which one bit is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


def silent_flips(path: Path, read: Callable[[Path], Any], every: int) -> list[int]:
    """The bits of the file `path` that, turned around, make `read` give something else without a ValueError.

    every: one bit in so many is tried; 1: all of them
    Anything else that `read` raises is raised. The file is then as it was.
    """
    data = path.read_bytes()
    expected = read(path)
    try:
        return [bit for bit in range(0, 8 * len(data), every) if _is_silent(path, data, bit, read, expected)]
    finally:
        path.write_bytes(data)


def _is_silent(path: Path, data: bytes, bit: int, read: Callable[[Path], Any], expected: Any) -> bool:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        return bool(read(path) != expected)
    except ValueError:
        return False


def plain(values: Iterable[Any]) -> list[Any]:
    """Arrays as shape, dtype and bytes, which compare to one answer."""
    return [
        (value.shape, str(value.dtype), value.tobytes()) if isinstance(value, np.ndarray) else value for value in values
    ]

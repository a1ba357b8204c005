"""Reads numpy's `.npy` and `.npz`: arrays of numbers and of text, whose bytes are counted before room is made.

numpy's own `load` makes room for what a header claims, before it reads; here a claim is held against the bytes that are
stored, and those against `MAX_BYTES`. An array of objects is a pickle and is refused by its dtype.
"""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

MAX_BYTES = 1 << 31  # of one array
_KINDS = "iufU"
_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
# What zipfile, its decompressors and numpy's parser of headers raise for damaged or foreign bytes.
_DAMAGE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, SyntaxError, MemoryError, RecursionError),
    *(NotImplementedError, RuntimeError, OverflowError, AssertionError, struct.error, zlib.error, lzma.LZMAError),
    *(zipfile.BadZipFile, tokenize.TokenError),
)


class _Refused(Exception):  # noqa: N818
    """Why an array is not read; ends as a ValueError that names the file."""


def load_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays `names` of an `.npz`, as far as they are there, or the one of an `.npy` as the first of them.

    Raises ValueError naming the file for another kind of file, damage, a name twice, other dtypes than numbers and
    text, and arrays of more than `MAX_BYTES`; FileNotFoundError for no file.
    """
    if path.is_dir():
        raise ValueError(f"{path}: expected a file .npz or .npy, found a folder; name the file")
    with path.open("rb") as file:
        kind = file.read(len(_NPY))
        size = file.seek(0, 2)
        file.seek(0)
        if kind != _NPY and not kind.startswith(_ZIP):
            raise ValueError(
                f"{path}: expected numpy's .npz or .npy, found another kind of file; name another --format"
            )
        try:
            return {names[0]: _read_array(file, size)} if kind == _NPY else _read_archive(file, names)
        except _Refused as refused:
            raise ValueError(f"{path}: {refused}; save arrays of numbers, and paths as text") from None
        except _DAMAGE as error:
            reason = " ".join(str(error).split())[:80] or type(error).__name__
            raise ValueError(f"{path}: expected whole arrays, found damage ({reason}); copy or make it again") from None


def _read_archive(file: IO[bytes], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    with zipfile.ZipFile(file) as archive:
        stored = archive.namelist()
        for name in names:
            member = f"{name}.npy"
            if stored.count(member) > 1:
                raise _Refused(f"expected {name} once, found it {stored.count(member)} times")
            if member in stored:
                with archive.open(member) as content:
                    arrays[name] = _read_array(content, archive.getinfo(member).file_size, name)
    return arrays


def _read_array(file: IO[bytes], size: int, name: str = "the array") -> NDArray[Any]:
    """The array of an `.npy` of `size` bytes."""
    version = npy.read_magic(file)  # type: ignore[no-untyped-call]
    if version not in ((1, 0), (2, 0)):  # 3.0 is for names of fields that are not ASCII
        raise _Refused(f"{name}: expected numpy's format 1.0 or 2.0, found {version[0]}.{version[1]}")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(file)  # type: ignore[no-untyped-call]
    if dtype.kind not in _KINDS or not dtype.itemsize:
        found = "Python objects" if dtype.hasobject else str(dtype)[:40]
        raise _Refused(f"{name}: expected numbers or text, found {found}")
    claimed, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if claimed != held:
        raise _Refused(f"{name}: expected {claimed} bytes for shape {shape} of {dtype}, found {held}")
    if claimed > MAX_BYTES:
        raise _Refused(f"{name}: expected at most {MAX_BYTES >> 30} GiB, found {claimed} bytes")
    data = file.read(claimed)
    if len(data) != claimed:
        raise EOFError(f"{name} ends after {len(data)} of {claimed} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")

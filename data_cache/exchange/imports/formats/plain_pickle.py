"""Reads pickles of numbers, text, plain containers and numpy arrays; nothing in the file is ever called.

Pickle is a language that can call anything. Here the few names that numpy's arrays are pickled with stand for
functions of this module; every other name is refused, and no object of numpy is filled from the file's own state:
an array is made of bytes, a shape and a dtype that were checked. Python's own unpickler is used, not the compiled one:
the latter keeps room for as many objects as the file claims to have.
"""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

MAX_BYTES = 1 << 31
_MAX_AXES = 8
_KINDS = "biuf"
_CORES = ("numpy.core", "numpy._core")


class _Refused(Exception):  # noqa: N818
    """Why a pickle is not read; ends as a ValueError that names the file."""


class _Stand:
    """Stands for one callable of a pickle; cannot be changed by the file."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: object) -> object:
        return getattr(self, f"_{self.name}")(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise _Refused(f"sets the state of {self.name}")

    def _ndarray(self, *arguments: object) -> NoReturn:
        raise _Refused("makes an array by its class")

    def _dtype(self, text: object = None, align: object = False, copy: object = True) -> _Dtype:
        return _Dtype(text)

    def _reconstruct(self, kind: object = None, shape: object = None, text: object = None) -> _Array:
        if not (isinstance(kind, _Stand) and kind.name == "ndarray"):
            raise _Refused("holds another kind of array than numpy's own")
        return _Array()

    def _frombuffer(
        self, data: object = None, dtype: object = None, shape: object = None, order: object = "C"
    ) -> _Array:
        array = _Array()
        array.fill(shape, dtype, data, fortran=order == "F")
        return array

    def _scalar(self, dtype: object = None, data: object = None) -> object:
        array = _Array()
        array.fill((), dtype, data, fortran=False)
        assert array.values is not None, "just filled"
        return array.values.item()

    def _encode(self, text: object = None, encoding: object = None) -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise _Refused("encodes text otherwise than numpy does")
        return text.encode("latin1")

    def _nothing(self) -> bytes:
        return b""


class _Dtype:
    """A dtype of plain numbers as a pickle describes it: its text, then its byte order as state."""

    __slots__ = ("_text", "order")

    def __init__(self, text: object) -> None:
        if not isinstance(text, str) or len(text) > 4 or not text or text[0] not in _KINDS:
            shown = repr(text[:40]) if isinstance(text, str) else type(text).__name__
            raise _Refused(f"holds an array of {shown}, expected numbers")
        self._text = text
        self.order = "="

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) >= 5 and state[1] in ("<", ">", "|", "=")):
            raise _Refused("holds a dtype of unknown state")
        if any(part is not None for part in state[2:5]):
            raise _Refused("holds an array of records, expected numbers")
        self.order = state[1]

    def numpy(self) -> np.dtype[Any]:
        try:
            dtype = np.dtype(f"{self.order}{self._text}")
        except TypeError:
            raise _Refused(f"holds an array of {self._text!r}, expected numbers") from None
        if dtype.kind not in _KINDS:
            raise _Refused(f"holds an array of {dtype}, expected numbers")
        return dtype


class _Array:
    """An array as a pickle describes it: empty, then filled by its state."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: np.ndarray[Any, np.dtype[Any]] | None = None

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise _Refused("holds an array of unknown state")
        _, shape, dtype, fortran, data = state
        self.fill(shape, dtype, data, fortran=bool(fortran))

    def fill(self, shape: object, dtype: object, data: object, *, fortran: bool) -> None:
        """Make the array of its bytes, if they are as many as shape and dtype ask for."""
        if isinstance(dtype, _Dtype):
            kind = dtype.numpy()
        else:
            raise _Refused("holds an array without a dtype")
        fits = isinstance(shape, tuple) and len(shape) <= _MAX_AXES
        if not (fits and all(type(length) is int and length >= 0 for length in shape)):  # type: ignore[attr-defined]
            raise _Refused("holds an array of unknown shape")
        lengths: tuple[int, ...] = shape  # type: ignore[assignment]
        claimed = kind.itemsize
        for length in lengths:
            claimed *= length
        if not isinstance(data, bytes) or len(data) != claimed:
            found = f"{len(data)} bytes" if isinstance(data, bytes) else "objects"
            raise _Refused(f"holds an array of shape {lengths} with {found}, expected {claimed} bytes")
        self.values = np.frombuffer(data, kind).reshape(lengths, order="F" if fortran else "C")


# numpy's names in the pickles of its versions, and what protocols below 3 keep bytes with.
_NAMES = {
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "nothing",
    **{(f"{core}.multiarray", name): name.strip("_") for core in _CORES for name in ("_reconstruct", "scalar")},
    **{(f"{core}.numeric", "_frombuffer"): "frombuffer" for core in _CORES},
}


class _PlainUnpickler(pickle._Unpickler):
    # As bytes: Python makes a bytearray as long as the file claims, and fills it, before it reads.
    dispatch = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: pickle._Unpickler.dispatch[pickle.BINBYTES8[0]]}  # noqa: RUF012

    def find_class(self, module: str, name: str) -> _Stand:
        known = _NAMES.get((module, name))
        if known is None:
            shown = "".join(c if c.isprintable() else "?" for c in f"{module}.{name}")[:80]
            raise _Refused(f"asks for {shown}")
        return _Stand(known)

    def persistent_load(self, pid: Any) -> NoReturn:
        raise _Refused("asks for an object outside the file")


def load_plain(path: Path) -> Any:
    """Return what the pickle `path` holds: numbers, text, bytes, lists, tuples, dictionaries, numpy arrays.

    Raises ValueError naming the file for a pickle that asks for anything else, is cut off, larger than 2 GiB or no
    pickle at all; OSError if it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size > MAX_BYTES:
            raise ValueError(
                f"{path}: expected a pickle of at most {MAX_BYTES >> 30} GiB, found {size} bytes; split it"
            )
        file.seek(0)
        return _load(path, file)


def _load(path: Path, file: BinaryIO) -> object:
    remedy = "expected a pickle of plain containers and numpy arrays; nothing in it was run"
    try:
        return _unwrap(_PlainUnpickler(file).load(), {})
    except _Refused as refused:
        raise ValueError(f"{path}: the pickle {refused}; {remedy}") from None
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AssertionError,
        OverflowError,
        MemoryError,
        RecursionError,
        NameError,
        struct.error,
    ) as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise ValueError(f"{path}: not a whole pickle ({reason}); {remedy}") from None


def _unwrap(value: object, done: dict[int, object]) -> Any:
    """The same with numpy arrays in place of their descriptions; shared parts stay shared."""
    if isinstance(value, _Array):
        if value.values is None:
            raise _Refused("holds an array without content")
        return value.values
    if isinstance(value, _Stand | _Dtype):
        raise _Refused("holds a function or dtype, expected data")
    if not isinstance(value, list | tuple | dict):
        return value
    if id(value) in done:  # shared, or part of itself
        return done[id(value)]
    if isinstance(value, dict):
        table: dict[Any, Any] = {}
        done[id(value)] = table
        table.update((key, _unwrap(item, done)) for key, item in value.items())
        return table
    items: list[Any] = []
    done[id(value)] = items
    items.extend(_unwrap(item, done) for item in value)
    if isinstance(value, tuple):
        done[id(value)] = tuple(items)
    return done[id(value)]

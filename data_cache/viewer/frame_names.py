"""Paths of a cache file's frames, a few at a time: all of them as text would take more memory than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from data_cache.contract.hdf5_checks import hdf5_errors
from data_cache.contract.verified_file import open_verified

if TYPE_CHECKING:
    from pathlib import Path


class FrameNames(Sequence[str]):
    """`/frames/path` of an open cache file, read when asked for; not for several threads at once.

    Raises what `open_verified` raises for a file that is none, ValueError naming the file for damaged names.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self._path = path
        self._opened = open_verified(path, kind)
        self._stored = self._opened.datasets["/frames/path"]

    def __len__(self) -> int:
        return self._opened.frames

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[str, ...]: ...

    def __getitem__(self, place: int | slice) -> str | tuple[str, ...]:
        """Return the path of one row from 0 on, or those of a slice; IndexError for a row that is not there."""
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            return self._read(start, max(start, stop))[::step]
        if not 0 <= place < len(self):
            raise IndexError(f"{self._path}: /frames/path: expected a row in 0…{len(self) - 1}, got {place}")
        return self._read(place, place + 1)[0]

    def _read(self, start: int, stop: int) -> tuple[str, ...]:
        with hdf5_errors(self._path, f"/frames/path rows {start} to {stop}"):
            return tuple(name.decode("utf-8") for name in self._stored[start:stop].tolist())

    def close(self) -> None:
        """Close the file."""
        self._opened.file.close()

"""Reads cache files: opened when first needed, in every process anew, and checked before anything is read."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.hdf5_checks import AGAIN, hdf5_errors
from data_cache.contract.records import SplitIndex, Tracks
from data_cache.contract.schema import TEXT, ArraySpec, Format, find_format
from data_cache.contract.verified_file import VerifiedFile, open_verified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    import h5py
    from numpy.typing import NDArray

    from data_cache.contract.origin import Origin

_COVER_ROWS = 4096  # rows no further apart than this are read as one range
_GAP_ROWS = 64  # in wider selections, gaps longer than this are not read


def open_cache(path: Path | str, kind: str | None = None) -> CacheReader:
    """Open the cache file `path` for reading; with `kind`, only a file of that kind.

    Raises FileNotFoundError or another OSError if it cannot be opened; ValueError naming file, key, expected,
    found and remedy for a file that is not HDF5, truncated, foreign, of another version, or not as the schema
    says, and for links, external storage and virtual datasets.
    """
    reader = CacheReader(path, kind)
    _ = reader.kind  # opens and checks
    return reader


def copy_index(reader: CacheReader) -> SplitIndex:
    """Return the frames and tracks of an open file, to write another file over the same frames."""
    return reader.index()


class CacheReader:
    """A cache file open for reading; a context manager, and picklable (it opens again where it arrives).

    Get one from `open_cache`. Names of arrays are those of the schema, absolute or relative to /frames:
    `/tracks/person`, `/frames/score`, `score`.
    """

    def __init__(self, path: Path | str, kind: str | None = None) -> None:
        self.path = Path(path)
        self._wanted = None if kind is None else find_format(kind).kind
        self._opened: VerifiedFile | None = None
        self._process = 0
        self._found: dict[str, ArraySpec] = {}  # names asked for so far: clips are read by the hundred thousand

    def __enter__(self) -> CacheReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return CacheReader, (self.path, self._wanted)

    def close(self) -> None:
        """Close the file; it opens again when something is read."""
        opened, self._opened = self._opened, None
        if opened is not None and self._process == os.getpid():
            opened.file.close()

    @property
    def _verified(self) -> VerifiedFile:
        # HDF5 state inherited through a fork belongs to the parent.
        if self._opened is None or self._process != os.getpid():
            self._opened = open_verified(self.path, self._wanted)
            self._process = os.getpid()
            self._found = {}
        return self._opened

    @property
    def layout(self) -> Format:
        """The file's schema."""
        return self._verified.layout

    @property
    def kind(self) -> str:
        """`keypoints`, `edges` or `graphs`."""
        return self._verified.layout.kind

    @property
    def dataset(self) -> str:
        """Configured name of the data set."""
        return self._verified.dataset

    @property
    def split(self) -> str:
        """`train` or `test`."""
        return self._verified.split

    @property
    def recipe(self) -> dict[str, Any]:
        """Every setting that made the content."""
        return self._verified.recipe

    @property
    def origin(self) -> Origin | None:
        """What the file was made from, as it says; None for one of before version 3, which does not."""
        return self._verified.origin

    @property
    def frames(self) -> int:
        """Number of frames N."""
        return self._verified.frames

    @cached_property
    def status(self) -> NDArray[np.uint8]:
        """A `Status` for each frame: (frame,) uint8."""
        return self.read("/frames/status", 0, self.frames)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """File of each frame, relative to the data set's root."""
        return self.read_names("/frames/path")

    @cached_property
    def tracks(self) -> Tracks:
        """The tracks over the frames.

        Raises ValueError naming the file if they are no tracks.
        """
        rows = self._verified.tracks
        # A file of version 1 has no roles; `Tracks` knows what that means.
        columns = {spec.name.rpartition("/")[2]: self.read(spec.name, 0, rows) for spec in self.layout.per_track}
        try:
            return Tracks(**columns)
        except ValueError as error:
            raise ValueError(f"{self.path}: /tracks: {error}; {AGAIN}") from None

    def index(self) -> SplitIndex:
        """Return frames and tracks as the record they were written from.

        Raises ValueError naming the file if they contradict each other.
        """
        paths, tracks = self.paths, self.tracks  # say themselves what is wrong with them alone
        try:
            return SplitIndex(self.dataset, self.split, paths, tracks)
        except ValueError as error:
            raise ValueError(f"{self.path}: /frames, /tracks: {error}; {AGAIN}") from None

    def rows(self, step: int = 4096) -> Iterator[slice]:
        """Yield slices over all frames, `step` at a time: for reading a file in bounded memory."""
        for start in range(0, self.frames, step):
            yield slice(start, min(start + step, self.frames))

    def read(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Return the rows `start` to `stop` (half-open) of an array of numbers, in the axes of the schema.

        Raises KeyError for an unknown name, ValueError for rows that are not there or damaged data.
        """
        spec, stored = self._find(name)
        if not 0 <= start <= stop <= len(stored):
            raise ValueError(
                f"{self.path}: {spec.name}: expected rows within 0 to {len(stored)}, got {start} to {stop}"
            )
        return self._load(spec, stored, start, stop)

    def read_names(self, name: str) -> tuple[str, ...]:
        """Return an array of names as text.

        Raises KeyError for an unknown name, ValueError for numbers or damaged data.
        """
        spec, stored = self._find(name)
        if spec.dtype != TEXT:
            raise ValueError(f"{self.path}: {spec.name}: expected an array of names, got one of {spec.dtype}")
        with hdf5_errors(self.path, spec.name):
            return tuple(entry.decode("utf-8") for entry in stored[...].tolist())

    def blocks(self, name: str, step: int = 4096) -> Iterator[NDArray[Any]]:
        """Yield all rows of an array, `step` at a time, as they are stored (names as bytes); one empty block of none.

        Raises KeyError for an unknown name, ValueError for damaged data.
        """
        spec, stored = self._find(name)
        for start in range(0, max(len(stored), 1), step):
            with hdf5_errors(self.path, f"{spec.name} rows {start} to {min(start + step, len(stored))}"):
                values: NDArray[Any] = stored[start : start + step]
            yield values if spec.dtype == TEXT else values.view(np.dtype(spec.dtype))

    def read_frames(self, name: str, rows: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the given frames of an array of numbers: (row, …), in the order of `rows`, repeats allowed.

        Made for the rows of a clip, which lie close together: the range that covers them is read once.
        Raises KeyError for an unknown name, ValueError for rows that are not there or damaged data.
        """
        spec, stored = self._find(name)
        chosen = np.asarray(rows)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise ValueError(
                f"{self.path}: {spec.name}: expected a list of row numbers, got {chosen.dtype} of shape {chosen.shape}"
            )
        if chosen.size == 0:
            return self._load(spec, stored, 0, 0)
        low, high = int(chosen.min()), int(chosen.max())
        if low < 0 or high >= len(stored):
            raise ValueError(
                f"{self.path}: {spec.name}: expected rows within 0 to {len(stored) - 1}, got {low} to {high}"
            )
        if high - low < _COVER_ROWS:
            cover = self._load(spec, stored, low, high + 1)
            picked: NDArray[Any] = cover[chosen - low]
            return picked
        distinct, place = np.unique(chosen, return_inverse=True)
        pieces = np.split(distinct, np.flatnonzero(np.diff(distinct) > _GAP_ROWS) + 1)
        found = [self._load(spec, stored, int(piece[0]), int(piece[-1]) + 1)[piece - piece[0]] for piece in pieces]
        joined: NDArray[Any] = np.concatenate(found)[place]
        return joined

    def _find(self, name: str) -> tuple[ArraySpec, h5py.Dataset]:
        verified = self._verified
        known = self._found.get(name)
        if known is None:
            try:
                known = verified.layout.find(name)
            except KeyError as error:
                raise KeyError(f"{self.path}: {error.args[0]}") from None
            self._found[name] = known
        return known, verified.datasets[known.name]

    def _load(self, spec: ArraySpec, stored: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        if spec.dtype == TEXT:
            raise ValueError(f"{self.path}: {spec.name}: names are read with read_names, this is for numbers")
        with hdf5_errors(self.path, f"{spec.name} rows {start} to {stop}"):
            values: NDArray[Any] = stored[start:stop]
        # An enumeration's numbers, without the names that h5py ties to the dtype.
        return values.view(np.dtype(spec.dtype)) if spec.enum is not None else values

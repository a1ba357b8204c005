"""Writes a cache file: streamed, whole or not at all, the same bytes for the same input.

Rows are collected and written in blocks of fixed length, so the bytes do not depend on how they were appended;
nothing in the file tells the time, and the HDF5 file version is fixed.
"""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from command_line.json_data import parse_json
from data_cache.contract.hdf5_layout import (
    BLOCK_ROWS,
    create_dataset,
    encode_texts,
    known_arrays,
    set_texts,
    write_index,
)
from data_cache.contract.origin import ContentDigest, Origin
from data_cache.contract.records import Status
from data_cache.contract.schema import TEXT, ArraySpec, find_format
from data_cache.files.output_lock import lock_output
from data_cache.files.partial_file import PartialFile, hdf5_step, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from data_cache.contract.records import SplitIndex

_log = logging.getLogger(__name__)

# Readable since HDF5 1.10 (2016), the first whose index of chunks has checksums: without, a flipped bit there reads as
# other numbers.
LIBRARY_VERSIONS = ("v110", "v110")
MAX_RECIPE_BYTES = 1 << 20


def canonical_recipe(recipe: Mapping[str, Any]) -> str:
    """Return `recipe` as compact JSON with sorted keys: equal recipes give equal text.

    Raises ValueError for what JSON cannot hold, NaN, keys that are not text, and more than 1 MiB.
    """
    try:
        text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        repeated = parse_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"recipe: expected numbers, text, lists and mappings, got {error}") from None
    if not isinstance(repeated, dict) or repeated != _plain(recipe):
        raise ValueError("recipe: expected a mapping whose keys are all text")
    if len(text.encode()) > MAX_RECIPE_BYTES:
        raise ValueError(f"recipe: expected at most {MAX_RECIPE_BYTES} bytes, got {len(text.encode())}")
    return text


def _plain(value: Any) -> Any:
    """Lists for tuples, as JSON has it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


class CacheWriter:
    """Context manager that writes one cache file.

    >>> with CacheWriter(path, "keypoints", index, recipe, status=status) as writer:
    ...     writer.append({"keypoints": keypoints, "score": score, "size": size})

    path:   final name; the file is written as `<name>.partial` beside it and renamed when it is whole
    kind:   `keypoints`, `edges` or `graphs`
    index:  the N frames and their tracks
    recipe: every setting that changes the content
    status: (frame,) uint8, a `Status` for each of the N frames
    code, sources: what made the file and what it was made from, as `Origin` has them

    Leaving the block without an error publishes the file if all N rows and all fixed arrays are there
    (ValueError if not); leaving it with one removes what was written. An older file under the final name
    stays until then. Raises ValueError for arrays that do not fit, OutputBusyError if another run writes the
    same file, OSError with a remedy for a full disk or a folder that cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        kind: str,
        index: SplitIndex,
        recipe: Mapping[str, Any],
        *,
        status: NDArray[np.uint8],
        code: str | None = None,
        sources: Mapping[str, Origin] | None = None,
    ) -> None:
        self.path = Path(path)
        self.format = find_format(kind)
        self.index = index
        self.rows = 0
        self._recipe = canonical_recipe(recipe)
        self._made_by, self._sources = code, sources or {}
        self._content = ContentDigest()
        self._status = np.array(status)
        if self._status.dtype != np.uint8 or self._status.shape != (len(index.paths),):
            raise ValueError(
                f"{path}: status: expected uint8 of shape ({len(index.paths)},),"
                f" got {self._status.dtype} of shape {self._status.shape}"
            )
        if not np.isin(self._status, [int(status) for status in Status]).all():
            raise ValueError(f"{path}: status: expected 0, 1 or 2, got {self._status.max()}")
        self._waiting = {
            spec.name: np.zeros((min(BLOCK_ROWS, len(index.paths)), *spec.tail), spec.dtype)
            for spec in self.format.per_frame
        }
        self._missing = {spec.name for spec in self.format.fixed}

    def __enter__(self) -> CacheWriter:
        with ExitStack() as stack:
            stack.enter_context(lock_output(self.path))
            self._partial = PartialFile(self.path)
            stack.callback(self._partial.discard)
            with hdf5_step(self._partial):
                self._file = h5py.File(self._partial, "w", libver=LIBRARY_VERSIONS)
            stack.callback(self._abandon)
            known = known_arrays(self.index, self._status)
            for name, values in known.items():
                self._content.update(name, values)
            with hdf5_step(self._partial):
                write_index(self._file, self.format, self.index, self._recipe, known)
            self._on_exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._on_exit:  # closes, removes what was not published, gives the lock back
            if kind is None:
                self._finish()

    def append(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add the next rows of every per-frame array of the kind.

        arrays: name (`keypoints` or `/frames/keypoints`) → (frame, …) of the dtype and axes of the schema,
                equally long, in the order of the index

        Raises ValueError for a missing or unknown array, another dtype or shape, more rows than the index
        has, or values that are there, or not there, against the status.
        """
        given = {self.format.find(name).name: np.asarray(array) for name, array in arrays.items()}
        if given.keys() != self._waiting.keys():
            raise ValueError(
                f"{self.path}: append: expected {', '.join(self._waiting)}, got {', '.join(given) or 'nothing'}"
            )
        count = len(next(iter(given.values())))
        if self.rows + count > len(self.index.paths):
            raise ValueError(
                f"{self.path}: append: expected {len(self.index.paths)} rows in all, got {self.rows + count} or more"
            )
        for spec in self.format.per_frame:
            self._check(spec, given[spec.name], (count, *spec.tail))
            self._check_values(spec, given[spec.name])
        start = 0
        while start < count:
            start += self._collect(given, start, count)

    def put(self, name: str, array: NDArray[Any] | Sequence[str]) -> None:
        """Write one fixed array of the kind, such as `/graph/parts`; names as a sequence of text.

        Raises ValueError for an array that is not a fixed one, was put before, or has another dtype or shape.
        """
        spec = self.format.find(name)
        if spec.name not in self._missing:
            raise ValueError(f"{self.path}: put {spec.name}: expected one of {sorted(self._missing)}")
        stored = encode_texts(array) if spec.dtype == TEXT else np.asarray(array)
        self._check(spec, stored, spec.shape(0, 0))
        with hdf5_step(self._partial):
            create_dataset(self._file, spec, stored.shape, stored)
        self._content.update(spec.name, stored)
        self._missing.remove(spec.name)

    def _collect(self, given: Mapping[str, NDArray[Any]], start: int, count: int) -> int:
        """Copy rows into the waiting block, write it when it is full; return how many were taken."""
        filled = self.rows % BLOCK_ROWS
        taken = min(count - start, BLOCK_ROWS - filled)
        for name, block in self._waiting.items():
            block[filled : filled + taken] = given[name][start : start + taken]
        self.rows += taken
        if filled + taken == BLOCK_ROWS:
            self._write_block(BLOCK_ROWS)
        return taken

    def _write_block(self, count: int) -> None:
        with hdf5_step(self._partial):
            for name, block in self._waiting.items() if count else ():
                stored = self._file[name]
                stored[self.rows - count : self.rows] = block[:count]
                stored.flush()  # as in `create_dataset`
        for name, block in self._waiting.items():
            self._content.update(name, block[:count])

    def _check(self, spec: ArraySpec, array: NDArray[Any], shape: tuple[int, ...]) -> None:
        text = spec.dtype == TEXT
        if array.shape != shape or not (array.dtype.kind == "S" if text else array.dtype == np.dtype(spec.dtype)):
            raise ValueError(
                f"{self.path}: {spec.name}: expected {'names' if text else np.dtype(spec.dtype)} of shape {shape},"
                f" got {array.dtype} of shape {array.shape}"
            )

    def _check_values(self, spec: ArraySpec, array: NDArray[Any]) -> None:
        ok = self._status[self.rows : self.rows + len(array)] == Status.OK
        blank = np.isnan(array) if spec.blank is not None and np.isnan(spec.blank) else array == spec.blank
        axes = tuple(range(1, array.ndim))
        wrong = np.where(ok, ~np.isfinite(array).all(axes), ~blank.all(axes))
        if wrong.any():
            row = int(np.argmax(wrong))
            expected = "finite values" if ok[row] else f"only {spec.blank}"
            raise ValueError(
                f"{self.path}: {spec.name}: expected {expected} in row {self.rows + row}, whose status is"
                f" {Status(int(self._status[self.rows + row])).name.lower()}, got others"
            )

    def _finish(self) -> None:
        if self.rows != len(self.index.paths) or self._missing:
            raise ValueError(
                f"{self.path}: expected {len(self.index.paths)} rows and every fixed array, got {self.rows} rows"
                f" and no {', '.join(sorted(self._missing)) or 'gap'}; nothing was written"
            )
        if self.rows % BLOCK_ROWS or not self.rows:
            self._write_block(self.rows % BLOCK_ROWS)
        origin = Origin(self._content.hexdigest(), self._made_by, self._sources)
        with hdf5_step(self._partial):
            set_texts(self._file, origin=canonical_recipe(origin.plain()))
            self._file.close()
        self._partial.publish()
        _log.info("wrote %s: %d frames, %.1f MB", self.path, self.rows, self.path.stat().st_size / 1e6)

    def _abandon(self) -> None:
        with uninterrupted(), suppress(OSError, RuntimeError, ValueError):
            self._file.close()

"""From the skeletons of another program to a keypoints file of stage one, over the frames and tracks of a split."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.digests import code_digest
from data_cache.contract.origin import Origin
from data_cache.contract.records import Status
from data_cache.contract.split_file import read_frames
from data_cache.contract.writer import CacheWriter
from data_cache.exchange.imports.formats.import_coco import read_coco
from data_cache.exchange.imports.formats.import_pyskl import read_pyskl
from data_cache.exchange.imports.formats.import_rtmlib import read_rtmlib
from data_cache.exchange.imports.formats.import_star import read_star
from data_cache.exchange.imports.formats.prediction_folder import read_predictions
from data_cache.exchange.imports.formats.prediction_formats import PREDICTION_FORMATS
from data_cache.exchange.imports.frame_sizes import read_sizes
from data_cache.exchange.imports.import_checks import check_skeletons
from data_cache.exchange.imports.skeleton_table import BLOCK_FRAMES, SkeletonTable
from data_cache.files.frame_images import find_root
from data_cache.files.output_lock import lock_output

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.verification.problems import Problem

# Raised when this code makes other keypoints of the same file. History: 1 first; 2 joints at (0, 0) were not found.
IMPORT_CODE = 2

FILE_READERS = {"pyskl": read_pyskl, "rtmlib": read_rtmlib, "star": read_star}
WITH_SIZES = ("coco", "pyskl")  # formats that may say how large each frame is
NAMED_IN_MESSAGE = 5


@dataclass(frozen=True)
class ImportRequest:
    """What to import.

    source, format: the other program's file or folder, and the name of its format, as `star import --help` lists them
    frames:         split file, or cache file of the split
    out:            keypoints file to write
    root:           the data set's folder, None: not given
    images:         for coco, the data set's JSON
    max_bad:        share (0…1) of the frames in tracks that may be without a skeleton, and of those with one whose
                    coordinates may be normalised
    """

    source: Path
    format: str
    frames: Path
    out: Path
    root: Path | None = None
    images: Path | None = None
    max_bad: float = 0.01


@dataclass(frozen=True)
class ImportSummary:
    """What was written: frames in all, with keypoints, without a skeleton in the source, with several to choose from;
    scores clipped; entries of the source that are of no frame; joints at exactly (0, 0), taken as not found if in more
    than `STRAY_FRAMES` frames; what `check` finds in the file; whether the skeletons were taken in the order
    of the frames, since the source does not say which they are of. What is neither ok nor without has no readable
    file."""

    frames: int
    ok: int
    without: int
    several: int
    clipped: int
    strangers: int
    unplaced: int
    unplaced_frames: int
    problems: tuple[Problem, ...]
    in_order: bool


def import_keypoints(request: ImportRequest) -> ImportSummary:
    """Write the keypoints file `request.out`, whole or not at all; the same input gives the same bytes.

    Raises ValueError for a source that does not fit format or frames, or has too few of them; OutputBusyError while
    another run writes the output; OSError where something cannot be read or written.
    """
    _refuse_overwriting(request)
    with lock_output(request.out):
        index = read_frames(request.frames)
        sized = request.format in WITH_SIZES and request.root is None
        root = None if sized else find_root(index.dataset, request.root)
        table = SkeletonTable(request.source, index)
        described = _read_source(request, table)
        table.drop_unplaced()
        status = np.where(table.found, Status.OK, Status.MISSING).astype(np.uint8)
        if root is not None:
            _measure_frames(root, table, status)
        table.scale_shares()
        _check_share(request, table, status)
        problems = check_skeletons(table, status, request.format, request.max_bad)
        recipe = {"code": IMPORT_CODE, "estimator": {"imported": request.format, **described}}
        made_of = {"imported": Origin(described["sha256"])}
        code = code_digest((__name__,))
        with CacheWriter(request.out, "keypoints", index, recipe, status=status, code=code, sources=made_of) as writer:
            for start in range(0, len(status), BLOCK_FRAMES):
                rows = table.block(status, slice(start, start + BLOCK_FRAMES))
                writer.append({"keypoints": rows.keypoints, "score": rows.score, "size": rows.size})
    return ImportSummary(
        frames=len(status),
        ok=int((status == Status.OK).sum()),
        without=int((~table.found).sum()),
        several=int((table.offered > 1).sum()),
        clipped=table.clipped,
        strangers=table.strangers,
        unplaced=table.unplaced,
        unplaced_frames=table.unplaced_frames,
        problems=problems,
        in_order=table.in_order,
    )


def _refuse_overwriting(request: ImportRequest) -> None:
    for given in (request.source, request.frames, request.images):
        if given is not None and os.path.realpath(given) == os.path.realpath(request.out):
            raise ValueError(f"{request.out}: expected another name than that of a file to read; choose another --out")


def _read_source(request: ImportRequest, table: SkeletonTable) -> dict[str, Any]:
    """Fill the table and return what the recipe says of the source."""
    if request.format == "coco":
        return read_coco(request.source, request.images, table)
    if request.format in PREDICTION_FORMATS:
        return read_predictions(request.source, table, PREDICTION_FORMATS[request.format])
    if request.format in FILE_READERS:
        return FILE_READERS[request.format](request.source, table)
    known = ", ".join(sorted(("coco", *PREDICTION_FORMATS, *FILE_READERS)))
    raise ValueError(f"format: expected one of {known}, got {request.format!r}")


def _measure_frames(root: Path, table: SkeletonTable, status: NDArray[np.uint8]) -> None:
    """Put the sizes of the frames below `root` into the table, and what is wrong with their files into the status.

    Raises ValueError where the source says another size.
    """
    size, readable = read_sizes(root, table.index, np.flatnonzero(table.found))
    moved = (readable == Status.OK) & table.found & (table.size > 0).all(axis=1) & (table.size != size).any(axis=1)
    if moved.any():
        row = int(moved.argmax())
        height, width = table.size[row]
        found = (
            f"height {size[row, 0]} and width {size[row, 1]} below {root}, so another frame than that of the skeleton"
        )
        raise table.size_refusal(row, f"height {height} and width {width}", found)
    table.size[...] = size
    status[table.found] = readable[table.found]


def _check_share(request: ImportRequest, table: SkeletonTable, status: NDArray[np.uint8]) -> None:
    if len(status) and not table.found.any():
        raise ValueError(
            f"{request.source}: no entry is of a frame of {request.frames} and has a skeleton, expected names such as"
            f" {table.index.paths[0]}; see that both are of the same data set and split"
        )
    bad = np.flatnonzero((status != Status.OK) & (table.index.track >= 0))
    tracked = int((table.index.track >= 0).sum())
    if len(bad) > request.max_bad * tracked:
        named = ", ".join(table.index.paths[row] for row in bad[:NAMED_IN_MESSAGE])
        raise ValueError(
            f"{request.source}: {len(bad)} of {tracked} frames in tracks have no skeleton, or no readable file below"
            f" --root; expected at most {request.max_bad:g} of them; complete the source or raise --max-bad; the first"
            f" are {named}"
        )

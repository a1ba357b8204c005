"""What an export takes out of a keypoints file: which frames, in blocks, and what the tracks are called."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality, Status
from data_cache.inspection.quality import DEFAULT_MIN_SCORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader
    from data_cache.contract.records import Tracks

BLOCK_ROWS = 2048
LOWEST_FPS, HIGHEST_FPS = 1e-6, 1e6


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    source:    keypoints file
    out:       file to write
    tracks:    rows of /tracks whose frames are taken, in this order; empty: every frame of the split
    min_score: score (0…1) from which a joint counts as seen, for the formats that say so
    fps:       frames a second, for the formats that have a time; None: frames are counted

    Raises ValueError for an output that is the source, a track named twice and a rate out of range.
    """

    source: Path
    out: Path
    tracks: tuple[int, ...] = ()
    min_score: float = DEFAULT_MIN_SCORE
    fps: float | None = None

    def __post_init__(self) -> None:
        if os.path.realpath(self.out) == os.path.realpath(self.source):  # `resolve` raises for links in a circle
            raise ValueError(f"{self.out}: expected another name than that of the file to export; choose another --out")
        for number in self.tracks:
            if self.tracks.count(number) > 1:
                raise ValueError(f"--track {number}: expected every track once, got it again; leave one out")
        if self.fps is not None and not LOWEST_FPS <= self.fps <= HIGHEST_FPS:
            limits = f"{LOWEST_FPS:g} to {HIGHEST_FPS:,.0f}"
            raise ValueError(f"--fps: expected a number of frames a second above 0, from {limits}, got {self.fps:g}")


@dataclass(frozen=True)
class ExportSummary:
    """What was written.

    files:     the files, the one asked for first
    frames:    frames with keypoints in it
    unseen:    frames without keypoints among those that were to be exported
    trackless: frames with keypoints that the format leaves out because they belong to no track
    """

    files: tuple[Path, ...]
    frames: int
    unseen: int
    trackless: int = 0


@dataclass(frozen=True, eq=False)
class SkeletonBlock:
    """The skeletons of consecutive frames.

    rows:      rows of /frames
    ok:        (frame,) bool, status is ok
    keypoints: (frame, joint, xy) float32, pixels of the frame; NaN where not ok
    score:     (frame, joint) float32, 0…1; NaN where not ok
    size:      (frame, extent) int32, height and width in pixels; 0 where not ok
    """

    rows: range
    ok: NDArray[np.bool_]
    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]
    size: NDArray[np.int32]


def read_skeletons(reader: CacheReader, rows: range) -> SkeletonBlock:
    """Read the skeletons of consecutive rows of /frames.

    Raises ValueError naming the row where a frame with status ok has NaN or infinity, or no size.
    """
    ok = reader.status[rows.start : rows.stop] == Status.OK
    keypoints = reader.read("keypoints", rows.start, rows.stop)
    score = reader.read("score", rows.start, rows.stop)
    size = reader.read("size", rows.start, rows.stop)
    whole = np.isfinite(score).all(axis=1) & np.isfinite(keypoints).all(axis=(1, 2))
    for names, expected, found, right in (
        ("/frames/keypoints, /frames/score", "numbers", "NaN or infinity", whole),
        ("/frames/size", "height and width", "0 or less", (size > 0).all(axis=1)),
    ):
        wrong = ok & ~right
        if wrong.any():
            raise ValueError(
                f"{reader.path}: {names}: expected {expected} in row {rows[int(wrong.argmax())]}, whose status is ok,"
                f" got {found}; `check` lists what is wrong with the file"
            )
    keypoints[~ok], score[~ok], size[~ok] = np.nan, np.nan, 0
    return SkeletonBlock(rows, ok, keypoints, score, size)


def chosen_tracks(reader: CacheReader, request: ExportRequest) -> tuple[int, ...]:
    """The rows of /tracks to export: those asked for, or all.

    Raises ValueError for one that the file does not have, and where the file's tracks do not fit its frames.
    """
    count = len(reader.index().tracks)
    for number in request.tracks:
        if number >= count:
            raise ValueError(
                f"{reader.path}: --track {number}: expected a row of /tracks, from 0, found {count} tracks in the file"
            )
    return request.tracks or tuple(range(count))


def chosen_ranges(reader: CacheReader, request: ExportRequest) -> list[range]:
    """The rows of /frames to export, as ranges: of the tracks asked for, or all."""
    if not request.tracks:
        return [range(reader.frames)]
    return [track_rows(reader.tracks, number) for number in chosen_tracks(reader, request)]


def track_rows(tracks: Tracks, number: int) -> range:
    """The rows of /frames of a track."""
    return range(int(tracks.start[number]), int(tracks.stop[number]))


def split_rows(ranges: Sequence[range]) -> Iterator[range]:
    """Yield the ranges of rows in pieces of at most `BLOCK_ROWS`, in their order."""
    for rows in ranges:
        for start in range(rows.start, rows.stop, BLOCK_ROWS):
            yield range(start, min(start + BLOCK_ROWS, rows.stop))


def read_blocks(reader: CacheReader, ranges: Sequence[range]) -> Iterator[SkeletonBlock]:
    """Read the skeletons of the ranges of rows, a block at a time."""
    for rows in split_rows(ranges):
        yield read_skeletons(reader, rows)


def track_name(tracks: Tracks, number: int) -> str:
    """What other tools call a track: `track00007_person0001_camera2_infrared`, the track's row of /tracks first."""
    modality = Modality(int(tracks.modality[number])).name.lower()
    return f"track{number:05d}_person{tracks.person[number]:04d}_camera{tracks.camera[number]}_{modality}"


def count_trackless(reader: CacheReader) -> int:
    """How many frames with keypoints belong to no track."""
    return int(((reader.index().track < 0) & (reader.status == Status.OK)).sum())

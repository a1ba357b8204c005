"""Tracks become clips: which tracks count, and which T of a track's frames a clip has.

A track of n frames is padded with its last frame to T equal consecutive chunks. A training clip has one random frame
of each chunk, a test clip the first one. Frames without a skeleton (status not ok) are not taken; a chunk without any
other frame gives the nearest good frame of the track.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality, Status, Tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClipSettings:
    """frames: T of a clip; min_frames: tracks with fewer are left out. Raises ValueError for less than 1."""

    frames: int
    min_frames: int

    def __post_init__(self) -> None:
        for name in ("frames", "min_frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What does not take part: tracks that are too short, tracks without a good frame, bad frames of the others."""

    short_tracks: int
    bad_tracks: int
    bad_frames: int

    def __str__(self) -> str:
        """For the log."""
        return (
            f"left out: {self.short_tracks} tracks that are too short, {self.bad_tracks} without a readable frame;"
            f" {self.bad_frames} unreadable frames are skipped in the others"
        )


@dataclass(frozen=True, eq=False)
class ClipTracks:
    """The tracks that clips are cut from; "row" below counts these.

    settings: T and the shortest length
    number:   (row,) int64, row of the cache's /tracks
    tracks:   person, camera, modality and range of frames of each row
    ok:       (frame,) bool, over the whole split: frames that may be taken
    left_out: counts for the log; they stay those of the whole split when rows are selected
    """

    settings: ClipSettings
    number: NDArray[np.int64]
    tracks: Tracks
    ok: NDArray[np.bool_]
    left_out: LeftOut

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self.number)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> ClipTracks:
        """The same for some rows only: a mask, or their numbers."""
        return ClipTracks(self.settings, self.number[rows], self.tracks.select(rows), self.ok, self.left_out)

    def of_modality(self, modality: Modality) -> ClipTracks:
        """The tracks of one modality, in the same order."""
        return self.select(self.tracks.modality == int(modality))

    def test_frames(self, row: int) -> NDArray[np.int64]:
        """Rows of /frames of the one clip a test takes of a track: the first good frame of each chunk, (T,) int64."""
        return self._pick(row, np.zeros(self.settings.frames))

    def training_frames(self, row: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Rows of /frames of a training clip: a random good frame of each chunk, (T,) int64; T numbers are drawn."""
        return self._pick(row, random.random(self.settings.frames))

    def all_frames(self, row: int) -> NDArray[np.int64]:
        """All clips of a track, for averaging over clips: (clip, T) int64 rows of /frames.

        Clip k has the k-th frame of each chunk; the first good one of the chunk where that is bad. Clip 0 is that of
        `test_frames`, and every good frame occurs.
        """
        chunks, ok = self._chunks(row)
        size = chunks.shape[1]
        clips = [self._fill(row, np.where(ok[:, k], chunks[:, k], -1)) for k in range(size)]
        return np.stack(clips)

    def end_frames(self, row: int) -> tuple[int, int]:
        """Rows of /frames of a track's first and last good frame."""
        start, stop = int(self.tracks.start[row]), int(self.tracks.stop[row])
        good = start + np.flatnonzero(self.ok[start:stop])
        return int(good[0]), int(good[-1])

    def _pick(self, row: int, share: NDArray[np.float64]) -> NDArray[np.int64]:
        """The frame at `share` (0…1, exclusive) of each chunk's good frames."""
        chunks, ok = self._chunks(row)
        good = ok.sum(axis=1)
        wanted = np.minimum((share * good).astype(np.int64), good - 1)
        place = np.argmax(ok & (np.cumsum(ok, axis=1) - 1 == wanted[:, None]), axis=1)
        picked = chunks[np.arange(len(chunks)), place]
        return self._fill(row, np.where(good > 0, picked, -1))

    def _chunks(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of /frames by chunk, (T, size) int64, and which of them are good."""
        start, stop = int(self.tracks.start[row]), int(self.tracks.stop[row])
        chunks = chunk_frames(stop - start, self.settings.frames) + start
        return chunks, self.ok[chunks]

    def _fill(self, row: int, picked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Put the nearest good frame of the track where `picked` is -1; the earlier of two."""
        bad = np.flatnonzero(picked < 0)
        if len(bad):
            start, stop = int(self.tracks.start[row]), int(self.tracks.stop[row])
            good = start + np.flatnonzero(self.ok[start:stop])
            chunks, _ = self._chunks(row)
            first, last = chunks[bad, :1], chunks[bad, -1:]
            gap = np.maximum(first - good, 0) + np.maximum(good - last, 0)
            picked[bad] = good[np.argmin(gap, axis=1)]
        return picked


def chunk_frames(length: int, frames: int) -> NDArray[np.int64]:
    """Cut `length` frames into `frames` equal consecutive chunks: (chunk, place) int64 positions in the track.

    The last frame is repeated up to a multiple of `frames`.
    """
    size = -(-length // frames)
    positions: NDArray[np.int64] = np.minimum(np.arange(frames * size, dtype=np.int64), length - 1)
    return positions.reshape(frames, size)


def clip_tracks(tracks: Tracks, status: NDArray[np.uint8], settings: ClipSettings) -> ClipTracks:
    """Find the tracks of a split that clips are cut from.

    tracks, status: as the cache's reader has them. A track shorter than `min_frames` or without a good frame is left
    out. Raises ValueError with the numbers when none is left.
    """
    ok = status == Status.OK
    before = np.concatenate([[0], np.cumsum(ok)])
    good = before[tracks.stop] - before[tracks.start]
    long = tracks.lengths >= settings.min_frames
    kept = np.flatnonzero(long & (good > 0))
    if not len(kept):
        longest = int(tracks.lengths.max()) if len(tracks) else 0
        raise ValueError(
            f"min_frames: expected tracks of {settings.min_frames} frames or more with a readable one, got none:"
            f" of {len(tracks)} tracks the longest has {longest} frames, and {int((long & (good == 0)).sum())} long"
            " enough have no readable frame; lower min_frames or look at the cache with star inspect"
        )
    left_out = LeftOut(
        short_tracks=int((~long).sum()),
        bad_tracks=int((long & (good == 0)).sum()),
        bad_frames=int((tracks.lengths - good)[kept].sum()),
    )
    return ClipTracks(settings, kept.astype(np.int64), tracks.select(kept), ok, left_out)

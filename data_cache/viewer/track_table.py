"""Figures of every track, read once in bounded memory: what the viewer's list shows, filters and sorts by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Status
from data_cache.contract.skeleton import JOINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader

_ROWS = 8192  # frames read at once: a megabyte


@dataclass(frozen=True, eq=False)
class TrackTable:
    """One row a track; a usable frame has status ok.

    mean:        (track,) float64, mean score of all joints in the usable frames; NaN without one
    worst_joint: (track,) int64, the joint that is seen least often (score below the threshold); -1 without frames
    worst_share: (track,) float64, share of the usable frames in which that joint is seen; NaN without one
    worst_frame: (track,) int64, row of /frames with the lowest mean score; -1 without usable frames
    bad:         (track,) int64, number of frames whose status is not ok
    """

    mean: NDArray[np.float64]
    worst_joint: NDArray[np.int64]
    worst_share: NDArray[np.float64]
    worst_frame: NDArray[np.int64]
    bad: NDArray[np.int64]


def read_track_table(reader: CacheReader, min_score: float) -> TrackTable:
    """Read the scores of a keypoints file piece by piece and sum them up for each track.

    Raises ValueError naming the file for damaged data. Frames without a track count nowhere.
    """
    count = len(reader.tracks)
    usable, total, bad = np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.int64)
    seen = np.zeros((count, len(JOINTS)), np.int64)
    lowest, worst_frame = np.full(count, np.inf), np.full(count, -1, np.int64)
    for rows in reader.rows(_ROWS):
        track = reader.read("track", rows.start, rows.stop)
        score = reader.read("score", rows.start, rows.stop)
        owned = (track >= 0) & (track < count)
        ok = owned & (reader.status[rows] == Status.OK) & np.isfinite(score).all(axis=1)
        np.add.at(bad, track[owned & ~ok], 1)
        owner, score = track[ok], score[ok]
        mean = score.mean(axis=1, dtype=np.float64)
        np.add.at(usable, owner, 1)
        np.add.at(total, owner, mean)
        np.add.at(seen, owner, score >= np.float32(min_score))
        _keep_lowest(lowest, worst_frame, owner, mean, rows.start + np.flatnonzero(ok))
    there = usable > 0
    share = np.where(there[:, None], seen / np.maximum(usable, 1)[:, None], np.nan)
    worst = np.where(there, np.argmin(np.where(there[:, None], seen, 0), axis=1), -1)
    worst_share = np.where(there, share[np.arange(count), np.maximum(worst, 0)], np.nan)
    return TrackTable(np.where(there, total / np.maximum(usable, 1), np.nan), worst, worst_share, worst_frame, bad)


def _keep_lowest(
    lowest: NDArray[np.float64],
    worst_frame: NDArray[np.int64],
    owner: NDArray[np.int32],
    mean: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> None:
    """Put each track's lowest mean of these frames, and its row, where it is lower than what was found before."""
    order = np.lexsort((rows, mean))
    names, first = np.unique(owner[order], return_index=True)
    best = order[first]
    lower = mean[best] < lowest[names]
    lowest[names[lower]] = mean[best][lower]
    worst_frame[names[lower]] = rows[best][lower]

"""Which frames to show of a split: spread over its tracks, and the worst-scored ones. No randomness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def spread_rows(rows: NDArray[np.int64], track: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Choose up to `count` of `rows`, evenly over their tracks.

    rows:  (candidate,) int64 rows of frames, ascending
    track: (candidate,) int32, the track of each candidate

    With more tracks than `count`, evenly spaced tracks give their middle frame; else the candidates themselves
    are evenly spaced, so that few tracks still fill a sheet. Ascending.
    """
    names, size = np.unique(track, return_counts=True)
    if len(names) >= count:
        chosen = even_places(len(names), count)
        # Candidates of one track need not be neighbours when another track lies between them.
        places = [np.flatnonzero(track == names[number])[size[number] // 2] for number in chosen]
        return np.sort(rows[np.array(places, np.int64)])
    return rows[even_places(len(rows), count)]


def worst_rows(
    rows: NDArray[np.int64], track: NDArray[np.int32], mean_score: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """Choose up to `count` of `rows` with the lowest mean score, at most one a track, worst first.

    rows, track, mean_score: (candidate,); neighbouring frames of one bad track look alike, so each track shows
    its worst one only. Ties go to the lower row.
    """
    order = np.lexsort((rows, mean_score))
    _, first = np.unique(track[order], return_index=True)
    chosen: NDArray[np.int64] = rows[order[np.sort(first)[:count]]]
    return chosen


def even_places(length: int, count: int) -> NDArray[np.int64]:
    """Return min(length, count) distinct places in 0…length−1, evenly spaced."""
    count = min(length, count)
    return ((np.arange(count) + 0.5) * length / max(count, 1)).astype(np.int64)

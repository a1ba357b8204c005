"""The features of tracks from those of their clips, batch after batch in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.retrieval.ranking import TrackFeatures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from model.clips.batches import ClipBatch
    from model.clips.clip_reader import ClipArrays
    from model.clips.clips import ClipTracks


def clip_count(tracks: ClipTracks, all_clips: bool) -> int:
    """How many clips are read to describe `tracks`: one a track, or as many as its longest chunk has frames."""
    return int((-(-tracks.tracks.lengths // tracks.settings.frames)).sum()) if all_clips else len(tracks)


def track_features(
    batches: Iterable[ClipBatch],
    tracks: ClipTracks,
    embed: Callable[[ClipArrays], NDArray[np.float32]],
    advance: Callable[[int], object],
) -> TrackFeatures:
    """Describe every track by the mean of its clips' features, brought to length 1.

    batches: of `evaluation_requests` for the same `tracks`; clips that only fill up are left out
    embed:   the arrays of B clips → (B, C) float32 of length 1
    advance: called with the number of clips that are done
    Raises ValueError where the network gives what is not finite.
    """
    total: NDArray[np.float64] | None = None
    for batch in batches:
        real = batch.request.real
        embedded = embed(batch.arrays)[:real]
        if total is None:
            total = np.zeros((len(tracks), embedded.shape[1]))
        np.add.at(total, np.searchsorted(tracks.number, batch.request.track[:real]), embedded)
        advance(real)
    assert total is not None, "a protocol without tracks is refused before"
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = (total / np.where(length > 0, length, 1)).astype(np.float32)
    rows = tracks.tracks
    return TrackFeatures(unit, rows.person, rows.camera, tracks.number, rows.role)

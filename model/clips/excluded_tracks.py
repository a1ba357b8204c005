"""Tracks that a run does not train on because a list names them (`data.exclude`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.track_marks import read_marks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from model.clips.clip_files import SplitFiles
    from model.clips.clips import ClipTracks


def listed_tracks(path: Path, split: SplitFiles, dataset: str) -> dict[int, str]:
    """The tracks of the training split that the list `path` names: row of /tracks → path of the first frame.

    Raises FileNotFoundError where there is no list; ValueError for what is none, one of another data set or split, and
    one whose tracks are others by now.
    """
    marks = read_marks(path)
    marks.check_split(dataset, "train")
    rows = marks.rows_in(split.tracks, split.paths).tolist()
    return {row: split.paths[int(split.tracks.start[row])] for row in rows}


def leave_out(tracks: ClipTracks, excluded: Mapping[int, str]) -> ClipTracks:
    """The tracks without those excluded."""
    return tracks.select(~np.isin(tracks.number, list(excluded)))


def check_excluded(excluded: Mapping[int, str], split: SplitFiles, checkpoint: Path) -> None:
    """Raise ValueError unless the tracks that `checkpoint` was trained without are still those rows of the cache."""
    for row, first in excluded.items():
        found = split.paths[int(split.tracks.start[row])] if row < len(split.tracks) else "none"
        if found != first:
            raise ValueError(
                f"{split.files.edges}: track {row}: expected {first} as its first frame, as when {checkpoint} was"
                f" trained without it, got {found}: the cache has changed since, so what was trained on is not known;"
                " train again"
            )

"""What a keypoints file holds, read with h5py alone: what the exports are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@dataclass(frozen=True, eq=False)
class StoredFrames:
    """Arrays of /frames and /tracks as they are stored; `path` as text."""

    path: list[str]
    ok: np.ndarray[Any, Any]
    track: np.ndarray[Any, Any]
    keypoints: np.ndarray[Any, Any]
    score: np.ndarray[Any, Any]
    size: np.ndarray[Any, Any]
    tracks: list[dict[str, int]]


def read_stored(path: Path) -> StoredFrames:
    """Read the keypoints file `path`."""
    with h5py.File(path) as file:
        frames, tracks = file["frames"], file["tracks"]
        columns = {name: tracks[name][:].tolist() for name in ("person", "camera", "modality", "role", "start", "stop")}
        return StoredFrames(
            path=list(frames["path"].asstr()[:]),
            ok=frames["status"][:] == 0,
            track=frames["track"][:],
            keypoints=frames["keypoints"][:],
            score=frames["score"][:],
            size=frames["size"][:],
            tracks=[dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        )


def expected_name(number: int, track: dict[str, int]) -> str:
    """What the exports call a track."""
    modality = {1: "infrared", 2: "visible"}[track["modality"]]
    return f"track{number:05d}_person{track['person']:04d}_camera{track['camera']}_{modality}"


def role_name(track: dict[str, int]) -> str:
    """What the exports call the role of a track."""
    return {0: "both", 1: "query", 2: "gallery"}[track["role"]]

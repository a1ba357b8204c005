"""What edges and graphs are made from: the keypoints of consecutive frames, and which of their joints are seen."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_cache.contract.reader import CacheReader


@dataclass(frozen=True, eq=False)
class SeenKeypoints:
    """Rows of a keypoints file.

    keypoints: (frame, joint, xy) float32, pixels of the original frame; NaN where the frame's status is not ok
    score:     (frame, joint) float32, 0…1; NaN where the frame's status is not ok
    seen:      (frame, joint) bool, status ok and score at least the setting `min_score`
    height:    (frame,) int32, pixels of the original frame; 0 where the frame's status is not ok
    """

    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]
    seen: NDArray[np.bool_]
    height: NDArray[np.int32]


def seen_joints(score: NDArray[np.float32], status: NDArray[np.uint8], min_score: float) -> NDArray[np.bool_]:
    """Which joints count as seen: frame status ok, and score >= min_score (compared as float32; never for NaN).

    score: (frame, joint), 0...1, NaN where there is none. status: (frame,), see `data_cache.contract.records.Status`.
    Returns (frame, joint) bool. Raises ValueError when the numbers of frames differ.
    """
    if score.ndim != 2 or status.shape != score.shape[:1]:
        raise ValueError(
            f"score, status: expected shapes (frame, joint) and (frame,), got {score.shape} and {status.shape}"
        )
    ok: NDArray[np.bool_] = (status == Status.OK)[:, None]
    return ok & (score >= np.float32(min_score))


def read_seen_keypoints(source: CacheReader, min_score: float, step: int) -> Iterator[SeenKeypoints]:
    """All rows of the keypoints file `source` in order, at most `step` frames at a time."""
    for rows in source.rows(step):
        keypoints, score, size = (
            source.read(f"/frames/{name}", rows.start, rows.stop) for name in ("keypoints", "score", "size")
        )
        seen = seen_joints(score, source.status[rows], min_score)
        yield SeenKeypoints(keypoints, score, seen, size[:, 0])


def check_output(keypoints: Path, out: Path) -> None:
    """Raise ValueError if `out` is the file `keypoints` itself, under whatever name."""
    if os.path.realpath(out) == os.path.realpath(keypoints):
        raise ValueError(f"{out}: expected another file than the keypoints to read; name another output")

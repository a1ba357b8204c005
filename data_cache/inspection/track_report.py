"""One tracklet of a cache file, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.text_table import align_columns, decimal
from data_cache.contract.records import Modality, Status
from data_cache.contract.skeleton import JOINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader


@dataclass(frozen=True)
class TrackFrame:
    """One frame of the tracklet; scores are None where there are none (status not ok, or an edges file)."""

    row: int
    path: str
    status: str
    seen_joints: int
    mean_score: float | None
    worst_joint: str | None
    worst_score: float | None


@dataclass(frozen=True)
class TrackReport:
    """One row of /tracks; `start` and `stop` are half-open rows of /frames, `worst_joint` has the lowest mean score."""

    path: str
    track: int
    person: int
    camera: int
    modality: str
    start: int
    stop: int
    min_score: float
    mean_score: float | None
    worst_joint: str | None
    worst_score: float | None
    frames: tuple[TrackFrame, ...]


def check_track(reader: CacheReader, track: int) -> None:
    """Raise ValueError when the file has no row `track` of /tracks."""
    count = len(reader.tracks)
    if not 0 <= track < count:
        raise ValueError(f"{reader.path}: /tracks: expected a row in 0…{count - 1}, got {track}")


def read_joint_scores(
    reader: CacheReader, start: int, stop: int, min_score: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return score (frame, joint) float32, NaN where the file has none, and seen (frame, joint) bool.

    A graphs file knows the scores of seen joints, an edges file none: there a joint is seen that has a pair.
    """
    if reader.kind == "keypoints":
        score = reader.read("score", start, stop)
        return score, score >= np.float32(min_score)
    if reader.kind == "graphs":
        seen = reader.read("seen", start, stop)
        return np.where(seen, reader.read("nodes", start, stop)[:, :, 2], np.float32(np.nan)), seen
    seen = (reader.read("edges", start, stop)[..., 0] > 0).any(axis=2)
    return np.full(seen.shape, np.nan, np.float32), seen


def report_track(reader: CacheReader, track: int, min_score: float) -> TrackReport:
    """Read row `track` of /tracks and its frames; ValueError when there is no such row."""
    check_track(reader, track)
    tracks = reader.tracks
    start, stop = int(tracks.start[track]), int(tracks.stop[track])
    score, seen = read_joint_scores(reader, start, stop, min_score)
    status = reader.status[start:stop]
    names = reader.paths[start:stop]
    frames = tuple(
        TrackFrame(
            start + number,
            names[number],
            Status(int(status[number])).name.lower(),
            int(seen[number].sum()),
            *_mean_and_worst(score[number : number + 1]),
        )
        for number in range(stop - start)
    )
    return TrackReport(
        str(reader.path),
        track,
        int(tracks.person[track]),
        int(tracks.camera[track]),
        Modality(int(tracks.modality[track])).name.lower(),
        start,
        stop,
        min_score,
        *_mean_and_worst(score),
        frames,
    )


def _mean_and_worst(score: NDArray[np.float32]) -> tuple[float | None, str | None, float | None]:
    """Return the mean of (frame, joint), the joint with the lowest mean and that mean; NaN are left out."""
    there = np.isfinite(score)
    if not there.any():
        return None, None, None
    count = there.sum(axis=0)
    total = np.where(there, score, 0).sum(axis=0, dtype=np.float64)
    means = np.where(count > 0, total / np.maximum(count, 1), np.inf)
    worst = int(means.argmin())
    return float(total.sum() / count.sum()), JOINTS[worst], float(means[worst])


def track_text(report: TrackReport) -> str:
    """Return the report as lines of text."""
    counts = {name: sum(frame.status == name for frame in report.frames) for name in ("ok", "unreadable", "missing")}
    lines = [
        report.path,
        f"track {report.track}: person {report.person}, camera {report.camera}, {report.modality}",
        f"frames {report.start}…{report.stop - 1}: "
        + ", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "ok"),
    ]
    if report.mean_score is not None and report.worst_score is not None:
        lines.append(f"mean score {report.mean_score:.3f}, worst joint {report.worst_joint} ({report.worst_score:.3f})")
    header = ("row", "path", "status", "seen", "mean score", "worst joint", "")
    rows = [header, *(_frame_cells(frame) for frame in report.frames)]
    shown = len(header) if report.mean_score is not None else header.index("mean score")
    return "\n".join([*lines, "", *align_columns([row[:shown] for row in rows], left=3)])


def _frame_cells(frame: TrackFrame) -> tuple[str, ...]:
    mean, worst = (
        decimal(float("nan") if value is None else value, 3) for value in (frame.mean_score, frame.worst_score)
    )
    seen = f"{frame.seen_joints}/{len(JOINTS)}"
    return (str(frame.row), frame.path, frame.status, seen, mean, frame.worst_joint or "-", worst)


def track_values(report: TrackReport) -> dict[str, Any]:
    """Return the report as JSON values."""
    values = dict(vars(report))
    values["frames"] = [dict(vars(frame)) for frame in report.frames]
    return values

"""One frame of a cache file: where it belongs, and the figures of each joint (or limb)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.text_table import align_columns, decimal
from data_cache.contract.records import Modality, Status
from data_cache.contract.schema import AXIS_LABELS
from data_cache.contract.skeleton import JOINTS, limb_indices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader

# The most names that are compared letter by letter for a suggestion.
COMPARED_NAMES = 4000


@dataclass(frozen=True)
class FrameReport:
    """One row of /frames.

    same_path: other rows with the same path
    track, person, camera, modality: None for a frame without a track
    height, width: None where the file does not say
    columns: names of the figures; figures: joint or limb → one number a column, None where there is none
    seen: joint or limb → whether it counts as seen
    """

    path: str
    frame: str
    row: int
    same_path: tuple[int, ...]
    status: str
    track: int | None
    person: int | None
    camera: int | None
    modality: str | None
    height: int | None
    width: int | None
    min_score: float
    columns: tuple[str, ...]
    figures: Mapping[str, tuple[float | None, ...]]
    seen: Mapping[str, bool]


def find_rows(reader: CacheReader, frame: str) -> tuple[int, ...]:
    """Return the rows of path `frame`, usually one; ValueError that suggests near names when there is none."""
    names = reader.paths
    rows = tuple(row for row, name in enumerate(names) if name == frame)
    if not rows:
        near = near_names(frame, names)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise ValueError(f"{reader.path}: /frames/path: expected one of its {len(names)} frames, got {frame!r}{hint}")
    return rows


def near_names(wanted: str, names: Sequence[str], count: int = 3) -> list[str]:
    """Return the names that look most like `wanted`, best first; those in the same folders come into question first."""
    folders = wanted.split("/")
    candidates: Sequence[str] = []
    for depth in range(len(folders) - 1, -1, -1):
        prefix = "".join(f"{folder}/" for folder in folders[:depth])
        candidates = [name for name in names if name.startswith(prefix)]
        if candidates:
            break
    step = -(-len(candidates) // COMPARED_NAMES) or 1
    return difflib.get_close_matches(wanted, candidates[::step], n=count, cutoff=0.5)


def report_frame(reader: CacheReader, frame: str, min_score: float) -> FrameReport:
    """Read the frame whose path is `frame`; ValueError when the file has none of that path."""
    row, *others = find_rows(reader, frame)
    track = int(reader.read("track", row, row + 1)[0])
    tracks = reader.tracks
    known = 0 <= track < len(tracks)
    height, width = (int(side) for side in _read_size(reader, row))
    columns, figures, seen = _READ_FIGURES[reader.kind](reader, row, min_score)
    return FrameReport(
        path=str(reader.path),
        frame=frame,
        row=row,
        same_path=tuple(others),
        status=Status(int(reader.status[row])).name.lower(),
        track=track if known else None,
        person=int(tracks.person[track]) if known else None,
        camera=int(tracks.camera[track]) if known else None,
        modality=Modality(int(tracks.modality[track])).name.lower() if known else None,
        height=height or None,
        width=width or None,
        min_score=min_score,
        columns=columns,
        figures=figures,
        seen=seen,
    )


def _read_size(reader: CacheReader, row: int) -> NDArray[np.int32]:
    if reader.kind != "keypoints":
        return np.zeros(2, np.int32)
    size: NDArray[np.int32] = reader.read("size", row, row + 1)[0]
    return size


Figures = tuple[tuple[str, ...], dict[str, tuple[float | None, ...]], dict[str, bool]]


def _keypoint_figures(reader: CacheReader, row: int, min_score: float) -> Figures:
    score = reader.read("score", row, row + 1)[0]
    table = np.concatenate([reader.read("keypoints", row, row + 1)[0], score[:, None]], axis=1)
    return _figures(("x", "y", "score"), JOINTS, table, score >= np.float32(min_score))


def _graph_figures(reader: CacheReader, row: int, _: float) -> Figures:
    seen = reader.read("seen", row, row + 1)[0]
    return _figures(("x / height", "y / height", "score"), JOINTS, reader.read("nodes", row, row + 1)[0], seen)


def _edge_figures(reader: CacheReader, row: int, _: float) -> Figures:
    ends = limb_indices()
    table = reader.read("edges", row, row + 1)[0][ends[:, 0], ends[:, 1]]
    return _figures(("distance", "angle"), AXIS_LABELS["limb"], table, table[:, 0] > 0)


def _figures(
    columns: tuple[str, ...], names: tuple[str, ...], table: NDArray[np.float32], seen: NDArray[np.bool_]
) -> Figures:
    rows = table.tolist()
    figures = {
        name: tuple(value if np.isfinite(value) else None for value in values)
        for name, values in zip(names, rows, strict=True)
    }
    return columns, figures, dict(zip(names, seen.tolist(), strict=True))


_READ_FIGURES = {"keypoints": _keypoint_figures, "edges": _edge_figures, "graphs": _graph_figures}


def frame_text(report: FrameReport) -> str:
    """Return the report as lines of text."""
    owner = "no track"
    if report.track is not None:
        owner = f"track {report.track}: person {report.person}, camera {report.camera}, {report.modality}"
    size = "" if report.height is None else f", {report.width} pixels wide, {report.height} high"
    lines = [report.path, f"frame {report.row}: {report.frame}", f"{owner}; status {report.status}{size}"]
    if report.same_path:
        lines.append(f"the same path is also in row {', '.join(map(str, report.same_path))}")
    rows: list[tuple[str, ...]] = [("", *report.columns, "seen")]
    for name, values in report.figures.items():
        cells = (decimal(float("nan") if value is None else value, 3) for value in values)
        rows.append((name, *cells, "yes" if report.seen[name] else "no"))
    return "\n".join([*lines, "", *align_columns(rows)])


def frame_values(report: FrameReport) -> dict[str, Any]:
    """Return the report as JSON values."""
    values = dict(vars(report))
    columns = values.pop("columns")
    figures, seen = values.pop("figures"), values.pop("seen")
    values["figures"] = {
        name: {**dict(zip(columns, numbers, strict=True)), "seen": seen[name]} for name, numbers in figures.items()
    }
    return values

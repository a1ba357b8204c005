"""How well skeletons were seen: median score and share of frames seen, by split, modality, camera and joint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.records import SPLITS, Modality, Status
from data_cache.contract.skeleton import JOINTS
from data_cache.inspection.quality import DEFAULT_MIN_SCORE, QUANTILES, score_quality
from model.report.charts import Chart, ChartGroup, ChartSection, Grid, heat_chart
from model.run.run_folder import ARTIFACTS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader
    from data_cache.contract.records import Tracks

_MEDIAN = QUANTILES.index(0.5)
MODALITIES = (Modality.VISIBLE, Modality.INFRARED)


@dataclass(frozen=True, eq=False)
class CameraQuality:
    """The skeletons of one modality and camera of a split.

    frames: with a skeleton; bad: frames without one (unreadable or missing)
    median: (joint,) float64 of the score, NaN without frames; share: (joint,) float64 of the frames that see the joint
    """

    modality: str
    camera: int
    frames: int
    bad: int
    median: NDArray[np.float64]
    share: NDArray[np.float64]


def camera_qualities(reader: CacheReader, min_score: float) -> list[CameraQuality]:
    """The figures of every modality and camera of an open keypoints file, visible first, cameras rising.

    The scores of one modality and camera are in memory at a time.
    """
    tracks = reader.tracks
    found = []
    for modality in MODALITIES:
        for camera in np.unique(tracks.camera[tracks.modality == modality]).tolist():
            chosen = (tracks.modality == modality) & (tracks.camera == camera)
            rows = frames_of(tracks, chosen)
            good = rows[reader.status[rows] == Status.OK]
            score = reader.read_frames("score", good)
            quality = score_quality(score, min_score)
            bad = len(rows) - len(good)
            median = quality.quantiles[_MEDIAN]
            found.append(CameraQuality(modality.name.lower(), camera, len(good), bad, median, quality.share))
    return found


def frames_of(tracks: Tracks, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows of /frames of the tracks of a mask, rising: (frame,) int64."""
    ranges = [np.arange(*ends) for ends in zip(tracks.start[chosen], tracks.stop[chosen], strict=True)]
    rows: NDArray[np.int64] = np.sort(np.concatenate(ranges)) if ranges else np.zeros(0, np.int64)
    return rows


def quality_section(dataset: str, min_score: float | None) -> ChartSection:
    """Two grids for each split, joints × cameras.

    min_score: from which on the network was told that a joint is seen; none where the caches do not say
    Raises ValueError for a file of another kind, data set or split.
    """
    threshold = DEFAULT_MIN_SCORE if min_score is None else min_score
    groups, remarks = [], []
    for split in SPLITS:
        path = ARTIFACTS / dataset / "keypoints" / f"{split}.h5"
        if not path.is_file():
            remarks.append(f"{split}: {path} is not there; `dvc repro` makes it.")
            continue
        qualities = _read_qualities(path, dataset, split, threshold)
        groups.append(ChartGroup(f"{split} split", _charts(split, qualities, threshold)))
        bad = sum(one.bad for one in qualities)
        remarks.append(f"{split}: {sum(one.frames for one in qualities):,} frames with a skeleton, {bad:,} without.")
    return ChartSection(
        "skeletons",
        "Skeleton quality",
        "What the pose estimator says of its own keypoints: the median score, and the share of frames in which a joint"
        f" counts as seen (score {threshold:g} or more). Pose models are trained on visible images: compare both"
        " modalities.",
        tuple(groups),
        "split",
        tuple(remarks),
    )


def _read_qualities(path: Path, dataset: str, split: str, min_score: float) -> list[CameraQuality]:
    with open_cache(path, "keypoints") as reader:
        for name, expected, got in (("dataset", dataset, reader.dataset), ("split", split, reader.split)):
            if got != expected:
                raise ValueError(
                    f"{path}: {name}: expected {expected!r}, got {got!r}: keypoints of something else; put the right"
                    " file there, or make it again with dvc repro"
                )
        return camera_qualities(reader, min_score)


def _charts(split: str, qualities: list[CameraQuality], min_score: float) -> tuple[Chart, ...]:
    columns = tuple(f"{one.modality} {one.camera}" for one in qualities)
    joints = tuple(name.replace("_", " ") for name in JOINTS)
    charts = []
    for key, title, unit in (
        ("median", "Median score", "score"),
        ("share", f"Share of frames seen (score ≥ {min_score:g})", "share"),
    ):
        values = np.stack([getattr(one, key) for one in qualities], axis=1)
        grid = Grid(joints, columns, values, "joint", "modality and camera", unit, True, (0.0, 1.0))
        summary = f"{title}, {split} split, {len(joints)} joints by {len(columns)} cameras: {_ends(grid)}."
        charts.append(heat_chart(f"quality-{split}-{key}", f"{title}, {split} split", grid, summary))
    return tuple(charts)


def _ends(grid: Grid) -> str:
    """The lowest and the highest cell in words."""
    if not np.isfinite(grid.values).any():
        return "no frame with a skeleton"
    parts = []
    for word, place in (("lowest", np.nanargmin(grid.values)), ("highest", np.nanargmax(grid.values))):
        row, column = np.unravel_index(int(place), grid.values.shape)
        parts.append(f"{word} {grid.values[row, column]:.2f} ({grid.rows[row]}, {grid.columns[column]})")
    return ", ".join(parts)

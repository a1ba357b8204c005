"""What a cache file holds, per modality, as a value: counts, and how good each joint (or limb) is.

Reads what it needs and no more: the numbers of every frame where they are small (scores, seen joints), evenly
spread blocks of frames where they are not, so that a split of 463,259 frames is summarised within a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.records import Modality, Role, Status, count_persons
from data_cache.contract.schema import AXIS_LABELS
from data_cache.contract.skeleton import JOINTS, limb_indices
from data_cache.inspection.quality import ColumnQuality, present_quality, score_quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader
    from data_cache.contract.records import Tracks

# The order of columns wherever the two stand side by side.
SHOWN_MODALITIES = (Modality.VISIBLE, Modality.INFRARED)

# How much of a large array is looked at, before compression.
SAMPLE_BYTES = 48 * 2**20
SAMPLE_BLOCKS = 256


@dataclass(frozen=True)
class TrackLengths:
    """Frames of the shortest, the middle and the longest track."""

    shortest: int
    median: float
    longest: int


@dataclass(frozen=True, eq=False)
class ModalitySummary:
    """One modality's share of a file; `quality` has a column for each of `FileSummary.columns`."""

    name: str
    frames: int
    tracks: int
    persons: int
    cameras: tuple[int, ...]
    lengths: TrackLengths | None
    status: Mapping[str, int]
    quality: ColumnQuality


@dataclass(frozen=True, eq=False)
class FileSummary:
    """What `inspect` says of a whole file.

    origin:    what the file says it was made from, by content; None in files that do not
    measure:   what the quantiles are of, in words
    columns:   joints or limbs, one column of every `ModalitySummary.quality` each
    min_score: score from which a joint counts as seen
    examined:  frames that the quality figures rest on, of all `frames`; fewer in large files of edges and graphs
    untracked: status counts of the frames that belong to no track
    roles:     name of a `Role` → number of tracks
    """

    path: str
    kind: str
    format: str
    version: int
    dataset: str
    split: str
    recipe: Mapping[str, Any]
    origin: Mapping[str, Any] | None
    frames: int
    tracks: int
    persons: int
    min_score: float
    measure: str
    columns: tuple[str, ...]
    examined: int
    modalities: tuple[ModalitySummary, ...]
    untracked: Mapping[str, int]
    roles: Mapping[str, int]


def summarise_file(reader: CacheReader, min_score: float) -> FileSummary:
    """Summarise an open file; `min_score` (0…1) decides which joints of a keypoints file count as seen."""
    modality = frame_modality(reader.tracks, reader.frames)
    measure, columns, examined, quality = _READ_QUALITY[reader.kind](reader, modality, min_score)
    modalities = tuple(_summarise_modality(member, reader, modality, quality[member]) for member in SHOWN_MODALITIES)
    return FileSummary(
        path=str(reader.path),
        kind=reader.kind,
        format=reader.layout.name,
        version=reader.layout.version,
        dataset=reader.dataset,
        split=reader.split,
        recipe=reader.recipe,
        origin=None if reader.origin is None else reader.origin.plain(),
        frames=reader.frames,
        tracks=len(reader.tracks),
        persons=count_persons(reader.tracks.person, reader.tracks.role),
        min_score=min_score,
        measure=measure,
        columns=columns,
        examined=examined,
        modalities=modalities,
        untracked=count_status(reader.status[modality == 0]),
        roles={role.name.lower(): int((reader.tracks.role == role).sum()) for role in Role},
    )


def frame_modality(tracks: Tracks, frames: int) -> NDArray[np.uint8]:
    """Return the modality of every frame by its track, 0 for frames without one: (frame,) uint8."""
    modality = np.zeros(frames, np.uint8)
    for start, stop, value in zip(tracks.start.tolist(), tracks.stop.tolist(), tracks.modality, strict=True):
        modality[start:stop] = value
    return modality


def count_status(status: NDArray[np.uint8]) -> dict[str, int]:
    """Return how many frames have each status, by its name."""
    return {member.name.lower(): int((status == member).sum()) for member in Status}


def spread_blocks(frames: int, row_bytes: int) -> list[slice]:
    """Return the rows to look at: all of them within `SAMPLE_BYTES`, else `SAMPLE_BLOCKS` evenly spread blocks."""
    budget = SAMPLE_BYTES // row_bytes
    if frames <= budget:
        return [slice(0, frames)]
    block = max(budget // SAMPLE_BLOCKS, 1)
    starts = ((np.arange(SAMPLE_BLOCKS) + 0.5) * (frames / SAMPLE_BLOCKS)).astype(np.int64) - block // 2
    return [slice(int(start), int(start) + block) for start in starts]


def _summarise_modality(
    member: Modality, reader: CacheReader, modality: NDArray[np.uint8], quality: ColumnQuality
) -> ModalitySummary:
    tracks = reader.tracks
    own = tracks.modality == member
    lengths = tracks.lengths[own]
    return ModalitySummary(
        name=member.name.lower(),
        frames=int((modality == member).sum()),
        tracks=int(own.sum()),
        persons=count_persons(tracks.person[own], tracks.role[own]),
        cameras=tuple(int(camera) for camera in np.unique(tracks.camera[own])),
        lengths=(
            TrackLengths(int(lengths.min()), float(np.median(lengths)), int(lengths.max())) if own.any() else None
        ),
        status=count_status(reader.status[modality == member]),
        quality=quality,
    )


Quality = tuple[str, tuple[str, ...], int, dict[Modality, ColumnQuality]]


def _keypoint_quality(reader: CacheReader, modality: NDArray[np.uint8], min_score: float) -> Quality:
    score = reader.read("score", 0, reader.frames)
    ok = reader.status == Status.OK
    quality = {member: score_quality(score[ok & (modality == member)], min_score) for member in SHOWN_MODALITIES}
    return "score", JOINTS, reader.frames, quality


def _graph_quality(reader: CacheReader, modality: NDArray[np.uint8], min_score: float) -> Quality:
    def read_scores(rows: slice) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        nodes = reader.read("nodes", rows.start, rows.stop)
        return nodes[:, :, 2], reader.read("seen", rows.start, rows.stop)

    blocks = spread_blocks(reader.frames, len(JOINTS) * 3 * 4)
    return "score of the joints seen", JOINTS, *_present(reader, modality, blocks, read_scores)


def _edge_quality(reader: CacheReader, modality: NDArray[np.uint8], min_score: float) -> Quality:
    ends = limb_indices()

    def read_lengths(rows: slice) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        length = reader.read("edges", rows.start, rows.stop)[:, ends[:, 0], ends[:, 1], 0]
        return length, length > 0

    blocks = spread_blocks(reader.frames, len(JOINTS) ** 2 * 2 * 4)
    unit = "pixels" if reader.recipe.get("normalize") == "none" else "crop heights"
    return f"length of the limb in {unit}", AXIS_LABELS["limb"], *_present(reader, modality, blocks, read_lengths)


def _present(
    reader: CacheReader,
    modality: NDArray[np.uint8],
    blocks: list[slice],
    read: Any,
) -> tuple[int, dict[Modality, ColumnQuality]]:
    parts = [read(rows) for rows in blocks]
    values, present = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    row = np.concatenate([np.arange(rows.start, rows.stop) for rows in blocks])
    ok = reader.status[row] == Status.OK
    quality = {}
    for member in SHOWN_MODALITIES:
        own = ok & (modality[row] == member)
        quality[member] = present_quality(values[own], present[own])
    return len(row), quality


_READ_QUALITY = {"keypoints": _keypoint_quality, "edges": _edge_quality, "graphs": _graph_quality}

"""The tracks of one split as a table: text, JSON and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from data_cache.records import Modality, SplitIndex
from data_cache.text_table import align_columns
from pipeline.dataset_counts import GROUPS, TrackCounts, count_modalities, write_ranges
from pipeline.hitsz_vcm import MIN_FRAMES


@dataclass(frozen=True)
class TrackRow:
    """One track: its row in the track file (from 0), labels, range of frames (0-based, half-open), first frame."""

    row: int
    person: int
    camera: int
    modality: str
    start: int
    stop: int
    frames: int
    first_path: str


@dataclass(frozen=True)
class TrackSummary:
    """What one split holds; ``counts`` by infrared, visible, together."""

    dataset: str
    split: str
    frames: int
    orphans: int
    counts: dict[str, TrackCounts]


COLUMNS = tuple(field.name for field in fields(TrackRow))


def list_tracks(index: SplitIndex) -> list[TrackRow]:
    """Every track of ``index``, in the order of the track file."""
    tracks = index.tracks
    columns = (tracks.person, tracks.camera, tracks.modality, tracks.start, tracks.stop)
    return [
        TrackRow(row, person, camera, Modality(modality).name.lower(), start, stop, stop - start, index.paths[start])
        for row, (person, camera, modality, start, stop) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    ]


def summarize_tracks(index: SplitIndex) -> TrackSummary:
    """Counts over the tracks and frames of ``index``."""
    orphans = int((index.track < 0).sum())
    return TrackSummary(index.dataset, index.split, len(index.paths), orphans, count_modalities(index.tracks))


def write_text(summary: TrackSummary, rows: Sequence[TrackRow]) -> str:
    """The tracks as aligned columns, if any are given, then the summary."""
    lines = []
    if rows:
        lines += [*align_columns([COLUMNS, *(tuple(map(str, astuple(row))) for row in rows)]), ""]
    table: list[tuple[str, ...]] = [(summary.split, *GROUPS)]
    counts = [summary.counts[group] for group in GROUPS]
    for name in ("persons", "tracks", "frames"):
        table.append((f"{name} in tracks" if name == "frames" else name, *(str(getattr(c, name)) for c in counts)))
    table.append(("cameras", *(write_ranges(count.cameras) for count in counts)))
    table.append((f"tracks left with {MIN_FRAMES} frames", *(str(count.left) for count in counts)))
    lines += align_columns(table)
    lines.append(f"{summary.frames} names, {summary.orphans} without a track")
    return "\n".join(lines)


def write_json(summary: TrackSummary, rows: Sequence[TrackRow]) -> str:
    """Summary and tracks as one JSON object; without rows no `tracks`."""
    tracks = {"tracks": [asdict(row) for row in rows]} if rows else {}
    return json.dumps({"summary": asdict(summary), **tracks}, indent=2)


def write_csv(rows: Sequence[TrackRow], path: Path) -> None:
    """Write the tracks to ``path`` as CSV with a header, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(astuple(row) for row in rows)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

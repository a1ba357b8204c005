"""The tracks of one split as a table: text, JSON and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

from command_line.text_table import align_columns
from data_cache.contract.records import Modality, Role, SplitIndex
from pipeline.datasets.counts import GROUPS, MIN_FRAMES, TrackCounts, count_modalities, write_ranges


@dataclass(frozen=True)
class TrackRow:
    """One track: its row (from 0), labels, role in the test, range of frames (0-based, half-open), first frame."""

    row: int
    person: int
    camera: int
    modality: str
    role: str
    start: int
    stop: int
    frames: int
    first_path: str


@dataclass(frozen=True)
class TrackSummary:
    """What one split holds; ``counts`` by infrared, visible, together, ``roles`` (number of tracks) by role."""

    dataset: str
    split: str
    frames: int
    orphans: int
    counts: dict[str, TrackCounts]
    roles: dict[str, int]


COLUMNS = tuple(field.name for field in fields(TrackRow))


def list_tracks(index: SplitIndex) -> list[TrackRow]:
    """Every track of ``index``, in the order of the track file."""
    tracks = index.tracks
    modalities = [Modality(modality).name.lower() for modality in tracks.modality]
    roles = [Role(role).name.lower() for role in tracks.role]
    numbers = (tracks.start.tolist(), tracks.stop.tolist())
    rows = zip(tracks.person.tolist(), tracks.camera.tolist(), modalities, roles, *numbers, strict=True)
    return [
        TrackRow(row, person, camera, modality, role, start, stop, stop - start, index.paths[start])
        for row, (person, camera, modality, role, start, stop) in enumerate(rows)
    ]


def summarize_tracks(index: SplitIndex) -> TrackSummary:
    """Counts over the tracks and frames of ``index``."""
    orphans = int((index.track < 0).sum())
    roles = {role.name.lower(): int((index.tracks.role == role).sum()) for role in Role}
    return TrackSummary(index.dataset, index.split, len(index.paths), orphans, count_modalities(index.tracks), roles)


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
    if summary.roles["both"] < summary.counts["together"].tracks:
        lines.append("tracks: {query} query only, {gallery} gallery only, {both} both".format(**summary.roles))
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

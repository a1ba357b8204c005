"""A file's summary as text for people and as plain values for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from command_line.text_table import align_columns, amount, decimal, flatten, percent
from data_cache.inspection.quality import QUANTILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data_cache.inspection.summary import FileSummary, ModalitySummary

WORDS = {
    "keypoints": "17 joints of every frame, with scores",
    "edges": "distance and angle of every pair of joints, of every frame",
    "graphs": "joints of every frame as nodes of a graph",
}
_SHOWN_DIGITS = 12  # of a digest
STATUSES = ("ok", "unreadable", "missing")
QUANTILE_NAMES = tuple(f"q{round(100 * level):02d}" for level in QUANTILES)


def summary_text(summary: FileSummary) -> str:
    """Return the summary as lines of text, at most about 100 columns wide (paths and recipes may be longer)."""
    blocks = [_head(summary), [*_recipe(summary), *_origin(summary)], _counts(summary), _quality(summary)]
    return "\n\n".join("\n".join(block) for block in blocks)


def _head(summary: FileSummary) -> list[str]:
    return [
        summary.path,
        f"{summary.format}, version {summary.version}: {WORDS[summary.kind]}",
        f"data set {summary.dataset}, split {summary.split}:"
        f" {amount(summary.frames, 'frame')}, {amount(summary.tracks, 'track')}, {amount(summary.persons, 'person')}",
    ]


def _recipe(summary: FileSummary) -> list[str]:
    return ["recipe", *align_columns([(f"  {name}", text) for name, text in flatten(summary.recipe)], left=2)]


def _origin(summary: FileSummary) -> list[str]:
    origin = flatten(summary.origin or {})
    rows = [(f"  {name.replace('sources.', '')}", digest[:_SHOWN_DIGITS]) for name, digest in origin]
    return ["origin (`star origin` verifies it)", *align_columns(rows, left=2)] if rows else []


def _counts(summary: FileSummary) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "frames", *STATUSES, "tracks", "persons", "track length", "cameras")]
    for one in summary.modalities:
        length = "-" if one.lengths is None else f"{one.lengths.shortest}…{one.lengths.longest}"
        cameras = " ".join(map(str, one.cameras)) or "-"
        counts = (one.frames, *(one.status[name] for name in STATUSES), one.tracks, one.persons)
        rows.append((one.name, *(f"{count:,}" for count in counts), length, cameras))
    loose = sum(summary.untracked.values())
    if loose:
        counts = (loose, *(summary.untracked[name] for name in STATUSES))
        rows.append(("no track", *(f"{count:,}" for count in counts)))
    roles = []
    if summary.roles["both"] < summary.tracks:
        roles = ["tracks: {query:,} query only, {gallery:,} gallery only, {both:,} both".format(**summary.roles)]
    return [*align_columns(rows), *roles]


def _quality(summary: FileSummary) -> list[str]:
    sample = "" if summary.examined == summary.frames else f"; {summary.examined:,} frames evenly spread"
    share = "present" if summary.kind == "edges" else f"seen: score >= {summary.min_score:g}"
    lines = [f"{summary.measure}, quantiles over the frames that are ok ({share}{sample})"]
    header = [*(f"{round(100 * level)}%" for level in QUANTILES), share.partition(":")[0]]
    rows = [["", *header * len(summary.modalities)]]
    digits = 1 if summary.recipe.get("normalize") == "none" else 2
    for number, column in enumerate(summary.columns):
        rows.append([column, *(cell for one in summary.modalities for cell in _cells(one, number, digits))])
    rows.append(["mean", *(cell for one in summary.modalities for cell in _mean_cells(one))])
    return lines + _side_by_side(rows, [one.name for one in summary.modalities])


def _cells(one: ModalitySummary, number: int, digits: int) -> list[str]:
    figures = [decimal(float(value), digits) for value in one.quality.quantiles[:, number]]
    return [*figures, percent(float(one.quality.share[number]))]


def _mean_cells(one: ModalitySummary) -> list[str]:
    return [*[""] * len(QUANTILES), percent(float(one.quality.share.mean()))]


def _side_by_side(rows: list[list[str]], names: list[str]) -> list[str]:
    """Align rows of a label and of one group of cells for each of `names`, which stand over their groups."""
    group = (len(rows[0]) - 1) // len(names)
    parts = [align_columns([row[:1] for row in rows])]
    for first in range(1, len(rows[0]), group):
        parts.append(align_columns([row[first : first + group] for row in rows], left=0))
    widths = [max(map(len, part)) for part in parts]
    lines = [("", *names), *zip(*parts, strict=True)]
    return ["    ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def summary_values(summary: FileSummary) -> dict[str, Any]:
    """Return the summary as JSON values; a figure without frames is null."""
    return {
        "path": summary.path,
        "format": summary.format,
        "version": summary.version,
        "dataset": summary.dataset,
        "split": summary.split,
        "recipe": summary.recipe,
        "origin": summary.origin,
        "frames": summary.frames,
        "tracks": summary.tracks,
        "persons": summary.persons,
        "min_score": summary.min_score,
        "measure": summary.measure,
        "frames_examined": summary.examined,
        "status_without_track": summary.untracked,
        "roles": summary.roles,
        "modalities": {one.name: _modality_values(one, summary.columns) for one in summary.modalities},
    }


def _modality_values(one: ModalitySummary, columns: tuple[str, ...]) -> dict[str, Any]:
    quality = {}
    for number, column in enumerate(columns):
        figures = dict(zip(QUANTILE_NAMES, one.quality.quantiles[:, number].tolist(), strict=True))
        figures["share_seen"] = float(one.quality.share[number])
        quality[column] = {name: None if math.isnan(value) else value for name, value in figures.items()}
    lengths: Mapping[str, float] | None = None
    if one.lengths is not None:
        lengths = {
            "shortest": one.lengths.shortest,
            "median": one.lengths.median,
            "longest": one.lengths.longest,
        }
    return {
        "frames": one.frames,
        "tracks": one.tracks,
        "persons": one.persons,
        "cameras": list(one.cameras),
        "track_length": lengths,
        "status": one.status,
        "frames_in_quality": one.quality.frames,
        "quality": quality,
    }

"""Check an unpacked tree against the grammar of HITSZ-VCM and its published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_cache.contract.records import DISTRACTOR, SPLITS, Modality, SplitIndex, Tracks
from pipeline.checks.frame_check import NamedFrames, ProbeOptions, check_frames
from pipeline.checks.noise import (
    find_label_noise,
    find_no_persons,
    find_orphan_files,
    find_person_noise,
    find_published_differences,
    find_repeated_names,
    find_tiling_noise,
)
from pipeline.checks.report import DatasetReport, PublishedSet, SplitReport
from pipeline.datasets.counts import Comparison, compare_counts, count_modalities, list_counts
from pipeline.datasets.distractors import place_distractors
from pipeline.datasets.findings import EXAMPLES, Findings
from pipeline.datasets.hitsz_vcm.layout import Layout, read_layout, shadowed_info_files
from pipeline.datasets.hitsz_vcm.published import PUBLISHED, PUBLISHED_NAMES, TITLE, PublishedSplit
from pipeline.datasets.hitsz_vcm.track_files import FrameNames, read_names, read_query_rows, read_tracks
from pipeline.datasets.kinds import Kind


@dataclass(frozen=True, eq=False)
class _SplitFiles:
    """What could be read of one split's two text files; ``persons``: the tracks without junk, and as they are used."""

    names: FrameNames | None
    tracks: Tracks | None
    persons: Tracks | None = None
    counts: tuple[Comparison, ...] | None = None
    orphans: int | None = None
    mismatches: dict[str, int] | None = None


def check_hitsz_vcm(root: Path, options: ProbeOptions) -> DatasetReport:
    """Check the whole HITSZ-VCM tree at ``root``: text files, labels, query list, persons, every frame.

    Errors and noise are collected in the report; nothing is written.
    Raises FileNotFoundError, NotADirectoryError or ValueError where there is no tree of one known layout.
    """
    layout = read_layout(root)
    findings = Findings()
    shadowed = [str(root / name) for name in shadowed_info_files(layout)]
    findings.warning("shadowed-files", f"text files are read from {layout.info}, these others are not", shadowed)
    files = {split: _check_files(layout, split, findings) for split in SPLITS}
    find_person_noise({split: read.persons for split, read in files.items() if read.persons}, findings)
    _check_query(layout, files["test"].tracks, findings)
    known = _looks_like_hitsz_vcm(files)
    if known:
        find_published_differences({split: read.counts or () for split, read in files.items()}, TITLE, findings)
    named = {
        split: NamedFrames(read.names.paths, layout.prefix(split), f"{split}_name.txt")
        for split, read in files.items()
        if read.names
    }
    frames = check_frames(root, layout.frame_folders(), named, options, findings)
    if len(named) == len(SPLITS):
        find_orphan_files(root, frames.listed, frames.named, "in no name file", findings)
    where = "Train/ and Test/" if layout.frames == "split" else "person folders in the root"
    return DatasetReport(
        kind=Kind.HITSZ_VCM,
        root=str(root),
        info=str(layout.info),
        frames=layout.frames,
        place=f"frames in {where}, text files in {layout.info}",
        probe=options.name,
        genuine=known,
        published=PublishedSet(TITLE, "by name", PUBLISHED_NAMES),
        splits=tuple(_report_split(split, files[split], frames.faults.get(split)) for split in SPLITS),
        findings=findings.collected(),
    )


def _check_files(layout: Layout, split: str, findings: Findings) -> _SplitFiles:
    name_file, track_file = layout.name_file(split), layout.track_file(split)
    names, count = read_names(name_file, layout.root, layout.prefix(split), findings)
    tracks = read_tracks(track_file, layout.root, count or None, findings)
    if names is None or tracks is None:
        return _SplitFiles(names, tracks)
    index = SplitIndex("check", split, names.paths, tracks)
    orphans = find_tiling_noise(index, name_file, track_file, findings)
    mismatches = find_label_noise(index, names, name_file, findings)
    find_repeated_names(names.paths, name_file, findings)
    find_no_persons(split, tracks, track_file, findings)
    persons = place_distractors(index).tracks
    return _SplitFiles(
        names,
        tracks,
        persons,
        _compare(persons, len(names), len(orphans), PUBLISHED[split]),
        len(orphans),
        {label: len(rows) for label, rows in mismatches.items()},
    )


def _compare(tracks: Tracks, names: int, orphans: int, published: PublishedSplit) -> tuple[Comparison, ...]:
    """Every count of one split beside the published one."""
    found = {("names", "together"): names, ("names without a track", "together"): orphans}
    return compare_counts({**found, **list_counts(count_modalities(tracks))}, published.counts())


def _check_query(layout: Layout, tracks: Tracks | None, findings: Findings) -> None:
    """Add an error where the query list is not exactly the infrared test tracks."""
    file = layout.query_file
    rows = read_query_rows(file, layout.root, len(tracks) if tracks else None, findings)
    if rows is None or tracks is None:
        return
    somebody = tracks.person > DISTRACTOR
    infrared = np.flatnonzero((tracks.modality == Modality.INFRARED) & somebody)
    absent = np.setdiff1d(infrared, rows) + 1
    others = np.setdiff1d(rows, infrared) + 1
    if len(absent) or len(others):
        what = "visible" if somebody.all() else "visible, junk or distractors"
        findings.error(
            "query",
            str(file),
            f"{file}:1: expected exactly the {len(infrared)} infrared rows of {layout.track_file('test').name},"
            f" counted from 1, got {len(rows)} rows: {_first_rows(absent)} not listed,"
            f" {_first_rows(others)} {what}; correct the list",
        )


def _first_rows(rows: Sequence[int] | np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    if not len(rows):
        return "none"
    shown = ", ".join(str(row) for row in rows[:EXAMPLES])
    return f"{len(rows)} (rows {shown}{', …' if len(rows) > EXAMPLES else ''})"


def _looks_like_hitsz_vcm(files: Mapping[str, _SplitFiles]) -> bool:
    """Whether a split has as many names or tracks as HITSZ-VCM: damage seldom changes both in both."""
    for split, read in files.items():
        published = PUBLISHED[split]
        if read.names and len(read.names) == published.names:
            return True
        if read.tracks and len(read.tracks) == published.infrared.tracks + published.visible.tracks:
            return True
    return False


def _report_split(split: str, read: _SplitFiles, frames: tuple[int, int] | None) -> SplitReport:
    names = read.names
    by_name = names and {modality.name.lower(): int((names.modality == modality).sum()) for modality in Modality}
    return SplitReport(
        split=split,
        counts=read.counts,
        names=len(names) if names else None,
        by_name=by_name or None,
        orphans=read.orphans,
        mismatches=read.mismatches,
        missing=frames[0] if frames else None,
        unreadable=frames[1] if frames else None,
    )

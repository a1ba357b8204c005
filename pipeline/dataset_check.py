"""Check an unpacked tree against the grammar of HITSZ-VCM and its published numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_cache.records import SPLITS, Modality, SplitIndex, Tracks
from pipeline.dataset_counts import Comparison, compare_split, count_modalities
from pipeline.dataset_layout import Layout, read_layout, shadowed_info_files
from pipeline.dataset_noise import (
    find_label_noise,
    find_orphan_files,
    find_person_noise,
    find_repeated_names,
    find_tiling_noise,
)
from pipeline.dataset_report import DatasetReport, SplitReport
from pipeline.findings import EXAMPLES, Findings
from pipeline.frame_probe import probe_frames
from pipeline.frame_scan import missing_rows, walk_frames
from pipeline.hitsz_vcm import PUBLISHED
from pipeline.track_files import FrameNames, read_names, read_query_rows, read_tracks

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class ProbeOptions:
    """How the frames are looked at; no result but `quick` depends on it.

    quick:    look at both ends of each file instead of decoding it
    workers:  processes to share the work; 0 works in this one
    progress: called with the number of frames done since the last call, and of all frames
    """

    quick: bool = False
    workers: int = 0
    progress: Progress = lambda done, total: None


@dataclass(frozen=True, eq=False)
class _SplitFiles:
    """What could be read of one split's two text files."""

    names: FrameNames | None
    tracks: Tracks | None
    counts: tuple[Comparison, ...] | None = None
    orphans: int | None = None
    mismatches: dict[str, int] | None = None


def check_dataset(root: Path, options: ProbeOptions | None = None) -> DatasetReport:
    """Check the whole tree at ``root``: text files, labels, query list, persons, every frame.

    Errors and noise are collected in the report; nothing is written.
    Raises FileNotFoundError, NotADirectoryError or ValueError where there is no tree of one known layout.
    """
    options = options or ProbeOptions()
    layout = read_layout(root)
    findings = Findings()
    shadowed = [str(root / name) for name in shadowed_info_files(layout)]
    findings.warning("shadowed-files", f"text files are read from {layout.info}, these others are not", shadowed)
    files = {split: _check_files(layout, split, findings) for split in SPLITS}
    find_person_noise({split: read.tracks for split, read in files.items() if read.tracks}, findings)
    _check_query(layout, files["test"].tracks, findings)
    known = _looks_like_hitsz_vcm(files)
    if known:
        _check_published(files, findings)
    names = {split: read.names for split, read in files.items() if read.names}
    frames = _check_frames(layout, names, options, findings)
    return DatasetReport(
        root=str(root),
        info=str(layout.info),
        frames=layout.frames,
        probe="quick" if options.quick else "decoded",
        hitsz_vcm=known,
        splits=tuple(_report_split(split, files[split], frames.get(split)) for split in SPLITS),
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
    find_repeated_names(names, name_file, findings)
    return _SplitFiles(
        names,
        tracks,
        compare_split(count_modalities(tracks), len(names), len(orphans), PUBLISHED[split]),
        len(orphans),
        {label: len(rows) for label, rows in mismatches.items()},
    )


def _check_query(layout: Layout, tracks: Tracks | None, findings: Findings) -> None:
    """Add an error where the query list is not exactly the infrared test tracks."""
    file = layout.query_file
    rows = read_query_rows(file, layout.root, len(tracks) if tracks else None, findings)
    if rows is None or tracks is None:
        return
    infrared = np.flatnonzero(tracks.modality == Modality.INFRARED)
    absent = np.setdiff1d(infrared, rows) + 1
    visible = np.setdiff1d(rows, infrared) + 1
    if len(absent) or len(visible):
        findings.error(
            "query",
            str(file),
            f"{file}:1: expected exactly the {len(infrared)} infrared rows of {layout.track_file('test').name},"
            f" counted from 1, got {len(rows)} rows: {_first_rows(absent)} not listed,"
            f" {_first_rows(visible)} visible; correct the list",
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


def _check_published(files: Mapping[str, _SplitFiles], findings: Findings) -> None:
    for split, read in files.items():
        cases = [
            f"{count.quantity} {count.group} {count.here}, published {count.published}"
            for count in read.counts or ()
            if count.differs
        ]
        findings.warning("differs-from-published", f"{split}: {len(cases)} numbers differ from HITSZ-VCM's", cases)


def _check_frames(
    layout: Layout, names: Mapping[str, FrameNames], options: ProbeOptions, findings: Findings
) -> dict[str, tuple[int, int]]:
    """Look for every named frame and for files without a name; returns (missing, unreadable) of each split."""
    root = layout.root
    before = findings.errors
    listed = walk_frames(root, layout.frame_folders(), findings)
    escaped = findings.errors > before
    missing = {split: missing_rows(read.paths, listed) for split, read in names.items()}
    gone = {names[split].paths[row] for split, rows in missing.items() for row in rows}
    named = dict.fromkeys(path for read in names.values() for path in read.paths)
    present = [path for path in named if path not in gone]
    faults = dict(
        probe_frames(
            root,
            present,
            quick=options.quick,
            workers=options.workers,
            advance=lambda done: options.progress(done, len(present)),
        )
    )
    found = {}
    for split, read in names.items():
        absent = [read.paths[row] for row in missing[split]]
        broken = [path for path in read.paths if path in faults]
        found[split] = len(absent), len(broken)
        if len(absent) == len(read) and not escaped:
            where = f"{root}/{layout.prefix(split)}"
            wanted = f"expected the frames that {split}_name.txt names, found none of {len(read)}"
            findings.error("no-frames", where, f"{where}: {wanted}; unpack them")
            continue
        findings.warning("missing-frames", f"{split}: {len(absent)} of {len(read)} named frames have no file", absent)
        cases = [f"{path} ({faults[path]})" for path in broken]
        findings.warning("unreadable-frames", f"{split}: {len(cases)} of {len(read)} frames do not decode", cases)
    if len(names) == len(SPLITS):
        find_orphan_files(root, listed, named, findings)
    return found


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

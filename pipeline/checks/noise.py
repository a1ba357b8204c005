"""The noise of a data set that a run can live with: labels, gaps, orphans, odd persons, as warnings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import DISTRACTOR, JUNK, Modality, SplitIndex, Tracks, is_distractor
from pipeline.datasets.counts import Comparison
from pipeline.datasets.findings import Findings
from pipeline.datasets.hitsz_vcm.track_files import FrameNames

PICTURES = (".jpg", ".jpeg")
# What macOS puts beside every file on a foreign disk, and into its archives.
SHADOW, SHADOWS = "._", "__MACOSX"


def _write_runs(rows: NDArray[np.int64]) -> list[str]:
    """Ascending 0-based rows as runs of 1-based lines: [4, 5, 6, 9] gives ['5-7', '10']."""
    runs = np.split(rows + 1, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
    return [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]


def find_tiling_noise(index: SplitIndex, name_file: Path, track_file: Path, findings: Findings) -> NDArray[np.int64]:
    """Warn of names that no row has, at the end or in between, and of rows out of order.

    Returns the rows of the frames without a track, (orphan,) int64.
    """
    tracks = index.tracks
    orphans = np.flatnonzero(index.track < 0)
    end = int(tracks.stop.max())
    inside, after = orphans[orphans < end], orphans[orphans >= end]
    findings.warning(
        "orphan-names",
        f"{name_file}: {len(after)} names after the last row of {track_file.name} belong to no track, lines",
        _write_runs(after),
    )
    findings.warning(
        "gaps",
        f"{track_file}: rows do not tile {name_file.name}, {len(inside)} names between them belong to no track, lines",
        _write_runs(inside),
    )
    backwards = np.flatnonzero(np.diff(tracks.start) < 0) + 1
    message = f"{track_file}: rows are not in the order of {name_file.name}, from line"
    findings.warning("row-order", message, [str(row + 1) for row in backwards])
    return orphans


def find_no_persons(split: str, tracks: Tracks, file: Path, findings: Findings) -> None:
    """Warn of tracks of no person in the track file, once each, with what becomes of them."""
    becomes = "gallery only" if split == "test" else "not trained on"
    for code, number, what in (
        ("junk", JUNK, "junk, left out"),
        ("distractors", DISTRACTOR, f"distractors, {becomes}"),
    ):
        rows = np.flatnonzero(tracks.person == number)
        findings.warning(code, f"{file}: {len(rows)} tracks of person {number} ({what}), lines", _write_runs(rows))


def find_label_noise(
    index: SplitIndex, names: FrameNames, name_file: Path, findings: Findings
) -> dict[str, NDArray[np.int64]]:
    """Warn of names whose person, modality or camera is another one than their row's.

    Returns the rows of these frames by label: (mismatch,) int64 each. The label that counts is the row's.
    """
    tracked = np.flatnonzero(index.track >= 0)
    rows = index.track[tracked]
    mismatches = {}
    for label in ("person", "modality", "camera"):
        by_name, by_row = getattr(names, label)[tracked], getattr(index.tracks, label)[rows]
        wrong = by_name != by_row
        mismatches[label] = tracked[wrong]
        cases = [
            f"line {frame + 1} {index.paths[frame]} (row {row + 1} says {wanted})"
            for frame, row, wanted in zip(tracked[wrong], rows[wrong], by_row[wrong], strict=True)
        ]
        message = f"{name_file}: {len(cases)} names carry another {label} than their row, which is the one that counts"
        findings.warning(f"{label}-mismatch", message, cases)
    return mismatches


def find_repeated_names(paths: Iterable[str], name_file: Path, findings: Findings) -> None:
    """Warn of names that lead to the same file as an earlier one (the track number is not in the path)."""
    first: dict[str, int] = {}
    cases = []
    for line, path in enumerate(paths, 1):
        earlier = first.setdefault(path, line)
        if earlier != line:
            cases.append(f"line {line} {path} (as line {earlier})")
    findings.warning("repeated-names", f"{name_file}: {len(cases)} names lead to the same file as another", cases)


def find_person_noise(tracks: Mapping[str, Tracks], findings: Findings, shared: bool = True) -> None:
    """Warn of persons with tracks of one modality only, and, if ``shared``, of persons in more than one split."""
    splits: dict[int, list[str]] = {}
    for split, listed in tracks.items():
        rows = listed.select(~is_distractor(listed.person, listed.role))
        modalities = {modality: set(rows.person[rows.modality == modality].tolist()) for modality in Modality}
        infrared, visible = modalities[Modality.INFRARED], modalities[Modality.VISIBLE]
        cases = [
            f"{person:04d} ({'infrared' if person in infrared else 'visible'})" for person in sorted(infrared ^ visible)
        ]
        findings.warning("one-modality", f"{split}: {len(cases)} persons have tracks of one modality only", cases)
        for person in infrared | visible:
            splits.setdefault(person, []).append(split)
    both = [f"{person:04d}" for person, found in sorted(splits.items()) if shared and len(found) > 1]
    findings.warning("shared-persons", f"{len(both)} persons have tracks in both {' and '.join(tracks)}", both)


def find_published_differences(counts: Mapping[str, Iterable[Comparison]], title: str, findings: Findings) -> None:
    """Warn of numbers of a split that are not those published of the data set ``title``."""
    for split, compared in counts.items():
        cases = [
            f"{count.quantity} {count.group} {count.here}, published {count.published}"
            for count in compared
            if count.differs
        ]
        findings.warning("differs-from-published", f"{split}: {len(cases)} numbers differ from {title}'s", cases)


def find_orphan_files(
    root: Path, listed: Mapping[str, frozenset[str]], named: Iterable[str], where: str, findings: Findings
) -> None:
    """Warn of JPEG files on disk (``listed``: folder → names) that are not among the ``named`` paths.

    The shadows that macOS puts beside them are none.

    where: what that means, such as `in no name file`
    """
    known = frozenset(named)
    cases = sorted(
        path
        for folder, names in listed.items()
        if SHADOWS not in folder.split("/")
        for name in names
        if name.lower().endswith(PICTURES) and not name.startswith(SHADOW) and (path := f"{folder}/{name}") not in known
    )
    findings.warning("orphan-files", f"{root}: {len(cases)} JPEG files are {where}", cases)

"""Check an unpacked tree against the grammar of BUPTCampus and its published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data_cache.contract.records import SPLITS, Modality, SplitIndex, Tracks, is_gallery, is_query
from pipeline.checks.frame_check import FrameCheck, NamedFrames, ProbeOptions, check_frames
from pipeline.checks.noise import find_orphan_files, find_person_noise, find_published_differences
from pipeline.checks.report import DatasetReport, PublishedSet, SplitReport
from pipeline.datasets.buptcampus.layout import DATA_PATHS, FRAMES, read_buptcampus_layout
from pipeline.datasets.buptcampus.paths import GENERATED, MODALITIES, DataPaths
from pipeline.datasets.buptcampus.published import GALLERY, GALLERY_FRAMES, PUBLISHED, QUERIES, QUERY_FRAMES, TITLE
from pipeline.datasets.buptcampus.tracks import build_split, find_junk, read_lists
from pipeline.datasets.counts import GROUPS, Comparison, compare_counts, count_modalities, count_tracks, list_counts
from pipeline.datasets.findings import Findings
from pipeline.datasets.kinds import Kind

FOLDER_NAMES = {Modality(number): name for name, number in MODALITIES.items()}


def check_buptcampus(root: Path, options: ProbeOptions) -> DatasetReport:
    """Check the whole BUPTCampus tree at ``root``: data_paths.json, lists, persons, roles, every listed frame.

    Errors and noise are collected in the report; nothing is written. Raises FileNotFoundError where the frames'
    folder is missing.
    """
    layout = read_buptcampus_layout(root)
    findings = Findings()
    lists = read_lists(layout, findings)
    cameras = lists.paths.cameras if lists.paths else {}
    splits = {split: build_split("check", split, read, cameras) for split, read in lists.tracks.items()}
    counts = {split: _compare(split, index.tracks) for split, index in splits.items()}
    find_person_noise({split: index.tracks for split, index in splits.items()}, findings, shared=False)
    for split, read in lists.tracks.items():
        junk = [" ".join(key) for key in find_junk(read)]
        findings.warning("junk", f"{split}: {len(junk)} tracks of person -1 (junk, left out)", junk)
    for index in splits.values():
        _find_label_noise(index, list(cameras), findings)
    if "test" in splits:
        _find_same_camera(splits["test"].tracks, findings)
    genuine = _looks_like_buptcampus(counts)
    if genuine:
        find_published_differences(counts, TITLE, findings)
    named = {split: NamedFrames(index.paths, f"{FRAMES}/", _sources(split)) for split, index in splits.items()}
    frames = check_frames(root, [FRAMES], named, options, findings)
    if lists.paths:
        _find_orphan_files(root, lists.paths, frames, findings)
    numbered = f"; cameras by number: {lists.paths.describe_cameras()}" if lists.paths else ""
    return DatasetReport(
        kind=Kind.BUPTCAMPUS,
        root=str(root),
        info=str(root),
        frames=FRAMES,
        place=f"frames in {FRAMES}/, {DATA_PATHS} and lists in the root{numbered}",
        probe=options.name,
        genuine=genuine,
        published=PublishedSet(TITLE, "by list", dict.fromkeys(GROUPS[:2])),
        splits=tuple(_report_split(split, splits.get(split), counts.get(split), frames) for split in SPLITS),
        findings=findings.collected(),
    )


def _sources(split: str) -> str:
    return "train.txt" if split == "train" else "query.txt and gallery.txt"


def _compare(split: str, tracks: Tracks) -> tuple[Comparison, ...]:
    """Every count of one split beside the published one; of the test also who is query and who is gallery."""
    here = dict(list_counts(count_modalities(tracks)))
    if split == "test":
        parts = ((QUERIES, QUERY_FRAMES, is_query(tracks.role)), (GALLERY, GALLERY_FRAMES, is_gallery(tracks.role)))
        for quantity, frames, chosen in parts:
            for group in GROUPS:
                own = chosen if group == "together" else chosen & (tracks.modality == Modality[group.upper()])
                counted = count_tracks(tracks, own)
                here[quantity, group], here[frames, group] = counted.tracks, counted.frames
    return compare_counts(here, PUBLISHED[split])


def _looks_like_buptcampus(counts: Mapping[str, tuple[Comparison, ...]]) -> bool:
    """Whether a split has as many tracks, or gallery tracks, as the real one: damage seldom changes both splits."""
    return any(
        count.quantity in ("tracks", GALLERY) and count.group == "together" and count.here == count.published
        for comparisons in counts.values()
        for count in comparisons
    )


def _find_label_noise(index: SplitIndex, cameras: list[str], findings: Findings) -> None:
    """Warn of frames whose folder, DATA/<person>/<modality>/<camera>/, says otherwise than data_paths.json."""
    tracks = index.tracks
    cases = []
    for path, row in zip(index.paths, index.track.tolist(), strict=True):
        person, modality = int(tracks.person[row]), FOLDER_NAMES[Modality(int(tracks.modality[row]))]
        wanted = [str(person), modality, cameras[int(tracks.camera[row]) - 1]]
        if path.split("/")[1:-1] != wanted:
            cases.append(f"{path} ({' '.join(wanted)})")
    message = f"{index.split}: {len(cases)} frames lie in another folder than {DATA_PATHS} says, which is what counts"
    findings.warning("folder-mismatch", message, cases)


def _find_same_camera(tracks: Tracks, findings: Findings) -> None:
    """Warn of queries with their own person and camera in the gallery of the other modality."""
    places = [*zip(tracks.person.tolist(), tracks.camera.tolist(), tracks.modality.tolist(), strict=True)]
    gallery = {places[row] for row in np.flatnonzero(is_gallery(tracks.role))}
    other = {int(Modality.INFRARED): int(Modality.VISIBLE), int(Modality.VISIBLE): int(Modality.INFRARED)}
    cases = [
        f"track {row} (person {person}, camera {camera})"
        for row, (person, camera, modality) in enumerate(places)
        if is_query(tracks.role)[row] and (person, camera, other[modality]) in gallery
    ]
    message = (
        f"test: {len(cases)} queries have tracks of their own person and camera in the other modality's gallery, which"
        " evaluation leaves out and the authors' code counts"
    )
    findings.warning("same-camera", message, cases)


def _find_orphan_files(root: Path, paths: DataPaths, frames: FrameCheck, findings: Findings) -> None:
    """Warn of files that data_paths.json does not name; generated infrared frames are none of them."""
    listed = {folder: names for folder, names in frames.listed.items() if GENERATED not in folder.split("/")}
    known = (
        f"{FRAMES}/{path}"
        for person in paths.tracks.values()
        for cameras in person.values()
        for tracks in cameras.values()
        for track in tracks.values()
        for path in track
    )
    find_orphan_files(root, listed, known, f"not in {DATA_PATHS}", findings)


def _report_split(
    split: str, index: SplitIndex | None, counts: tuple[Comparison, ...] | None, frames: FrameCheck
) -> SplitReport:
    by_list = None
    if index is not None:
        by_list = {name: count.frames for name, count in count_modalities(index.tracks).items() if name in GROUPS[:2]}
    missing, unreadable = frames.faults.get(split, (None, None))
    return SplitReport(
        split=split,
        counts=counts,
        names=len(index.paths) if index is not None else None,
        by_name=by_list,
        orphans=None,
        mismatches=None,
        missing=missing,
        unreadable=unreadable,
    )

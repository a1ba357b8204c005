"""One split of BUPTCampus as frames and tracks: the lists' rows in their order, frames in that of data_paths.json."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_cache.contract.records import JUNK, SPLITS, Role, SplitIndex, Tracks
from pipeline.datasets.buptcampus.layout import LISTS, BuptcampusLayout, read_buptcampus_layout
from pipeline.datasets.buptcampus.lists import ListedTrack, TrackKey, read_list
from pipeline.datasets.buptcampus.paths import DataPaths, read_data_paths
from pipeline.datasets.distractors import say_left_out
from pipeline.datasets.findings import Findings

logger = logging.getLogger(__name__)

LIST_ROLES = {"train.txt": Role.BOTH, "query.txt": Role.QUERY, "gallery.txt": Role.GALLERY}


@dataclass(frozen=True, eq=False)
class Lists:
    """What could be read of the tree's text files.

    paths:  None after an error
    tracks: split → list file → its tracks; only splits whose lists have no error
    """

    paths: DataPaths | None
    tracks: Mapping[str, Mapping[str, Sequence[ListedTrack]]] = field(default_factory=dict)


def read_buptcampus_split(root: Path, dataset: str, split: str) -> SplitIndex:
    """Read one split of the BUPTCampus tree at ``root``.

    Training tracks are those of `train.txt`; test tracks are those of `query.txt`, then those of `gallery.txt`; a
    track in both is `BOTH`. Tracks of person −1 (junk) are left out, as if no list had them
    (`pipeline.datasets.distractors`). All lists are read, since no person may be in both splits.
    Raises ValueError for the first error (file, line, expected, got, what to do), FileNotFoundError for a missing file.
    """
    lists = read_lists(read_buptcampus_layout(root), Findings(strict=True))
    assert lists.paths is not None, "a strict reader raises at the first error"
    logger.info("%s: cameras are numbered by name: %s", lists.paths.file, lists.paths.describe_cameras())
    say_left_out(split, len(find_junk(lists.tracks[split])))
    return build_split(dataset, split, lists.tracks[split], lists.paths.cameras)


def find_junk(lists: Mapping[str, Sequence[ListedTrack]]) -> list[TrackKey]:
    """The tracks of person −1 in the lists of a split, each once, in their order."""
    return list(dict.fromkeys(track.key for tracks in lists.values() for track in tracks if track.person == JUNK))


def read_lists(layout: BuptcampusLayout, findings: Findings) -> Lists:
    """Read every list against `data_paths.json`.

    Errors: those of `read_data_paths` and `read_list`, and persons that are in both splits.
    """
    paths = read_data_paths(layout.data_paths, layout.root, findings)
    if paths is None:
        return Lists(None)
    splits = {}
    for split in SPLITS:
        read = {file.name: read_list(file, layout.root, paths, findings) for file in layout.list_files(split)}
        whole = {name: tracks for name, tracks in read.items() if tracks is not None}
        if len(whole) == len(read):
            splits[split] = whole
    _refuse_shared_persons(splits, findings)
    return Lists(paths, splits)


def _refuse_shared_persons(splits: Mapping[str, Mapping[str, Sequence[ListedTrack]]], findings: Findings) -> None:
    """Add an error for every person of the test that is trained on too."""
    if len(splits) < len(SPLITS):
        return
    trained: dict[int, ListedTrack] = {}
    for track in (track for tracks in splits["train"].values() for track in tracks):
        trained.setdefault(track.person, track)
    seen: set[int] = set()
    for tracks in splits["test"].values():
        for track in tracks:
            other = trained.get(track.person)
            if other is not None and track.person != JUNK and track.person not in seen:
                seen.add(track.person)
                findings.error(
                    "shared-person",
                    str(track.file),
                    f"{track.file}:{track.number}: expected a person that is not trained on, got {track.person}, who is"
                    f" in line {other.number} of {other.file.name}; take the person out of one of the lists",
                )


def build_split(
    dataset: str, split: str, lists: Mapping[str, Sequence[ListedTrack]], cameras: Mapping[str, int]
) -> SplitIndex:
    """Lay the tracks of a split's ``lists`` one after the other, without junk; ``cameras``: name → number."""
    roles: dict[TrackKey, Role] = {}
    tracks: dict[TrackKey, ListedTrack] = {}
    for name in LISTS[split]:
        for track in lists[name]:
            first = tracks.setdefault(track.key, track)
            roles[track.key] = LIST_ROLES[name] if first is track else Role.BOTH
    listed = [track for track in tracks.values() if track.person != JUNK]
    lengths = np.array([len(track.frames) for track in listed], np.int64)
    stop = np.cumsum(lengths)
    table = Tracks(
        person=np.array([track.person for track in listed], np.int32),
        camera=np.array([cameras[track.key[2]] for track in listed], np.int16),
        modality=np.array([track.modality for track in listed], np.uint8),
        start=stop - lengths,
        stop=stop,
        role=np.array([roles[track.key] for track in listed], np.uint8),
    )
    return SplitIndex(dataset, split, tuple(frame for track in listed for frame in track.frames), table)

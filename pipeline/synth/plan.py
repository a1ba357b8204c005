"""Which tracks a generated data set has, under which names, before any is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Modality, SplitIndex, Tracks
from pipeline.datasets.hitsz_vcm.layout import SPLIT_FOLDERS
from pipeline.synth.walkers.cameras import track_camera

if TYPE_CHECKING:
    from pipeline.synth.settings import SynthSettings

FOLDERS = {Modality.VISIBLE: "rgb", Modality.INFRARED: "ir"}


@dataclass(frozen=True)
class PlannedTrack:
    """One row of a track file; `track` counts from 0 among the person's tracks of the modality.

    names: of its frames in the name file; paths: of their files, relative to the data set's root
    """

    person: int
    modality: Modality
    track: int
    camera: int
    names: tuple[str, ...]
    paths: tuple[str, ...]


def split_persons(settings: SynthSettings, split: str) -> range:
    """The person numbers of a split: the training persons first, nobody in both."""
    first = 1 if split == "train" else 1 + settings.train_persons
    return range(first, first + (settings.train_persons if split == "train" else settings.test_persons))


def plan_split(settings: SynthSettings, split: str) -> list[PlannedTrack]:
    """The tracks of a split in the order of its track file: person by person, visible tracks first."""
    planned = []
    for person in split_persons(settings, split):
        used: dict[int, int] = {}  # the track is not in the path, so frames of a camera are numbered on
        for modality in FOLDERS:
            for track in range(settings.tracks):
                camera = track_camera(modality, track).number
                start = used.get(camera, 0)
                used[camera] = start + settings.frames
                numbers = range(start + 1, start + settings.frames + 1)
                stem = f"{person:04d}M{int(modality)}D{camera}T{track + 1}"
                folder = f"{SPLIT_FOLDERS[split]}/{person:04d}/{FOLDERS[modality]}/D{camera}"
                names = tuple(f"{stem}F{number}.jpg" for number in numbers)
                paths = tuple(f"{folder}/{number}.jpg" for number in numbers)
                planned.append(PlannedTrack(person, modality, track, camera, names, paths))
    return planned


def index_split(planned: list[PlannedTrack], dataset: str, split: str) -> SplitIndex:
    """The same as the cache's index."""
    stop = np.cumsum([len(track.paths) for track in planned], dtype=np.int64)
    start = np.concatenate([[0], stop[:-1]]).astype(np.int64)
    tracks = Tracks(
        np.array([track.person for track in planned], np.int32),
        np.array([track.camera for track in planned], np.int16),
        np.array([int(track.modality) for track in planned], np.uint8),
        start,
        stop,
    )
    return SplitIndex(dataset, split, tuple(path for track in planned for path in track.paths), tracks)


def info_files(splits: dict[str, list[PlannedTrack]]) -> dict[str, str]:
    """The five text files of the data set: name → content."""
    files = {}
    for split, planned in splits.items():
        files[f"{split}_name.txt"] = "".join(f"{name}\n" for track in planned for name in track.names)
        tracks = index_split(planned, "synth", split).tracks
        rows = zip(planned, tracks.start, tracks.stop, strict=True)
        files[f"track_{split}_info.txt"] = "".join(
            f"{int(row.modality)} {start + 1} {stop} {row.person:04d} {row.camera}\n" for row, start, stop in rows
        )
    queries = [row for row, track in enumerate(splits["test"], 1) if track.modality == Modality.INFRARED]
    files["query_IDX.txt"] = " ".join(str(row) for row in queries)  # one line without its end, as the data set has it
    return files

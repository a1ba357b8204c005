"""A small tree in the grammar of BUPTCampus, to be spoiled by the tests.

Numbers are primes: training has 3 persons, 7 tracks and 43 frames, the test 3 persons, 11 tracks and 83 frames; there
are 5 cameras. One person belongs to no list, as those of the authors' auxiliary set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_cache.contract.records import Modality, Role, SplitIndex
from tests.pipeline.datasets.trees import encode_jpeg

Key = tuple[str, str, str, str]  # person, modality, camera, track

# How many frames each track has.
TRACKS: dict[Key, int] = {
    ("1746", "IR", "TSG2", "1"): 3,
    ("1746", "RGB", "TSG2", "1"): 3,
    ("5", "RGB", "CQ1", "2"): 11,
    ("5", "IR", "CQ1", "2"): 7,
    ("5", "IR", "LS3", "1"): 5,
    ("101", "RGB", "W4", "10"): 7,
    ("101", "IR", "W4", "10"): 7,
    ("1911", "RGB", "G25", "1"): 7,
    ("1911", "IR", "LS3", "1"): 5,
    ("1911", "RGB", "LS3", "1"): 5,
    ("1911", "IR", "CQ1", "3"): 11,
    ("7", "IR", "CQ1", "2"): 13,
    ("7", "RGB", "W4", "1"): 3,
    ("7", "IR", "W4", "1"): 7,
    ("1000", "RGB", "W4", "1"): 5,
    ("1000", "IR", "CQ1", "1"): 11,
    ("1000", "RGB", "CQ1", "1"): 13,
    ("1000", "IR", "LS3", "7"): 3,
    ("2830", "RGB", "LS3", "1"): 2,
    ("2830", "IR", "LS3", "1"): 2,
}
TRAIN = ("1746 RGB/IR TSG2 1", "5 RGB/IR CQ1 2", "101 RGB/IR W4 10", "5 IR LS3 1")
QUERY = ("1911 RGB G25 1", "7 IR CQ1 2", "1000 IR LS3 7", "1000 RGB W4 1")
GALLERY = (
    "1911 RGB/IR LS3 1",
    "7 RGB W4 1",
    "7 IR CQ1 2",  # query and gallery
    "1000 RGB/IR CQ1 1",
    "7 IR W4 1",
    "1911 IR CQ1 3",
)
CAMERAS = {"CQ1": 1, "G25": 2, "LS3": 3, "TSG2": 4, "W4": 5}


@dataclass
class BuptcampusTree:
    """One tree on disk; ``data`` is what `data_paths.json` holds, ``write_data`` writes it again."""

    root: Path
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def data_paths(self) -> Path:
        return self.root / "data_paths.json"

    def write_data(self) -> None:
        self.data_paths.write_text(json.dumps(self.data, indent=1), encoding="utf-8")

    def write_list(self, name: str, *rows: str) -> Path:
        """Write a list, Latin-1, so that any byte can be in it; return its path."""
        (self.root / name).write_bytes("".join(f"{row}\n" for row in rows).encode("latin-1"))
        return self.root / name


def frame_name(person: str, modality: str, camera: str, track: str, number: int) -> str:
    """A frame below DATA/, named as the authors name them; number 8535 comes before 10000 in time, not in text."""
    return f"{person}/{modality}/{camera}/{person}_{modality}_{camera}_{track}_{9998 + number}.jpg"


def build_buptcampus(
    root: Path,
    tracks: Mapping[Key, int] = TRACKS,
    train: Sequence[str] = TRAIN,
    query: Sequence[str] = QUERY,
    gallery: Sequence[str] = GALLERY,
) -> BuptcampusTree:
    """Write a faultless tree at ``root``: every frame another JPEG, its size grows with the track."""
    tree = BuptcampusTree(root)
    for row, ((person, modality, camera, track), count) in enumerate(tracks.items()):
        names = [frame_name(person, modality, camera, track, number) for number in range(count)]
        place = tree.data.setdefault(person, {}).setdefault(modality, {}).setdefault(camera, {})
        place[track] = names
        for number, name in enumerate(names):
            file = root / "DATA" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encode_jpeg(100 * row + number, 29 + row, 13 + row))
    # Frames that a network of the authors made; data_paths.json does not name them.
    generated = root / "DATA" / "5" / "FakeIR" / "CQ1" / "5_RGB_CQ1_2_9998.jpg"
    generated.parent.mkdir(parents=True, exist_ok=True)
    generated.write_bytes(encode_jpeg(9))
    tree.write_data()
    tree.write_list("train.txt", *train)
    tree.write_list("query.txt", *query)
    tree.write_list("gallery.txt", *gallery)
    tree.write_list("train_auxiliary.txt", "2830 RGB/IR LS3 1")
    return tree


Row = tuple[int, int, str, str, list[str]]  # person, camera, modality, role, frames


def described(index: SplitIndex) -> list[Row]:
    """The tracks of an index, each with its frames."""
    tracks = index.tracks
    return [
        (
            int(tracks.person[row]),
            int(tracks.camera[row]),
            Modality(int(tracks.modality[row])).name,
            Role(int(tracks.role[row])).name,
            list(index.paths[tracks.start[row] : tracks.stop[row]]),
        )
        for row in range(len(tracks))
    ]


def looked_up(tree: BuptcampusTree, lists: Mapping[str, Sequence[str]]) -> list[Row]:
    """The rows of the lists, one by one, in data_paths.json as it lies on disk."""
    data = json.loads(tree.data_paths.read_text())
    names = sorted({camera for person in data.values() for places in person.values() for camera in places})
    cameras = {name: number for number, name in enumerate(names, 1)}
    listed: dict[tuple[str, ...], set[str]] = {}
    for role, rows in lists.items():
        for row in rows:
            person, modality, camera, track = row.split(" ")
            for one in ("IR", "RGB") if modality == "RGB/IR" else (modality,):
                listed.setdefault((person, one, camera, track), set()).add(role)
    return [
        (
            int(person),
            cameras[camera],
            {"IR": "INFRARED", "RGB": "VISIBLE"}[modality],
            "BOTH" if len(roles) == 2 else roles.pop(),
            [f"DATA/{path}" for path in data[person][modality][camera][track]],
        )
        for (person, modality, camera, track), roles in listed.items()
    ]

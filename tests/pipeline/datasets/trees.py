"""Small trees in the grammar of HITSZ-VCM, in every layout, to be spoiled by the tests.

Persons, cameras, tracks and frames are different primes in each split, so that swapped numbers show:
train has 3 persons, 5 cameras, 7 tracks and 79 frames; test has 2 persons, 3 cameras, 5 tracks and 47 frames.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest

from data_cache.files import jpeg_damage

INFRARED, VISIBLE = 1, 2
FOLDERS = {INFRARED: "ir", VISIBLE: "rgb"}


@dataclass(frozen=True)
class Row:
    """One track to be made: modality, person, camera and number of frames."""

    modality: int
    person: int
    camera: int
    frames: int


TRAIN = (
    Row(VISIBLE, 1, 3, 7),
    Row(VISIBLE, 1, 1, 13),
    Row(INFRARED, 1, 2, 11),
    Row(VISIBLE, 2, 5, 17),
    Row(INFRARED, 2, 4, 7),
    Row(INFRARED, 17, 2, 19),
    Row(VISIBLE, 17, 1, 5),
)
TEST = (
    Row(VISIBLE, 7, 1, 13),
    Row(INFRARED, 7, 2, 7),
    Row(INFRARED, 11, 4, 11),
    Row(VISIBLE, 11, 1, 13),
    Row(INFRARED, 11, 2, 3),
)


@dataclass
class Tree:
    """One tree on disk; ``names`` and ``tracks`` hold the lines of its text files, by split."""

    root: Path
    info: Path
    prefixes: dict[str, str]
    names: dict[str, list[str]] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)
    tracks: dict[str, list[str]] = field(default_factory=dict)

    def name_file(self, split: str) -> Path:
        return self.info / f"{split}_name.txt"

    def track_file(self, split: str) -> Path:
        return self.info / f"track_{split}_info.txt"

    @property
    def query_file(self) -> Path:
        return self.info / "query_IDX.txt"

    def frame(self, split: str, row: int) -> Path:
        """The file of frame ``row`` (0-based) of ``split``."""
        return self.root / self.paths[split][row]

    def replace_line(self, file: Path, number: int, text: str) -> None:
        """Put ``text`` in the place of line ``number`` (from 1); Latin-1, so that any byte can be written."""
        lines = file.read_text(encoding="latin-1").split("\n")
        lines[number - 1] = text
        file.write_text("\n".join(lines), encoding="latin-1")

    def add_lines(self, file: Path, *lines: str) -> None:
        """Add ``lines`` at the end of ``file``, which ends with a line feed."""
        with file.open("a", encoding="latin-1") as text:
            text.write("".join(f"{line}\n" for line in lines))


@cache
def encode_jpeg(seed: int, height: int = 29, width: int = 13) -> bytes:
    """A JPEG of smooth noise that no other seed gives."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    done, data = cv2.imencode(".jpg", cv2.GaussianBlur(noise, (5, 5), 0))
    assert done
    return data.tobytes()


def build_tree(
    root: Path,
    frames: Literal["split", "flat"] = "split",
    info: Literal["info", "root"] = "info",
    train: Sequence[Row] = TRAIN,
    test: Sequence[Row] = TEST,
) -> Tree:
    """Write a faultless tree at ``root``: every frame another JPEG, its size grows with the track's row."""
    folder = root / "info" if info == "info" else root
    folder.mkdir(parents=True)
    prefixes = {"train": "Train/", "test": "Test/"} if frames == "split" else {"train": "", "test": ""}
    tree = Tree(root, folder, prefixes)
    for split, rows in (("train", train), ("test", test)):
        _write_split(tree, split, rows)
    queries = [str(number) for number, row in enumerate(test, 1) if row.modality == INFRARED and row.person > 0]
    tree.query_file.write_text(" ".join(queries))
    return tree


def person_name(person: int) -> str:
    """A person in names: `0007`, and `00-1` for junk, as MARS writes it."""
    return "00-1" if person == -1 else f"{person:04d}"


def _write_split(tree: Tree, split: str, rows: Sequence[Row]) -> None:
    names, paths, tracks = [], [], []
    used: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        start = len(names) + 1
        folder = f"{tree.prefixes[split]}{person_name(row.person)}/{FOLDERS[row.modality]}/D{row.camera}"
        (tree.root / folder).mkdir(parents=True, exist_ok=True)
        for _ in range(row.frames):
            used[folder] = used.get(folder, 0) + 1
            names.append(f"{person_name(row.person)}M{row.modality}D{row.camera}T{number}F{used[folder]}.jpg")
            paths.append(f"{folder}/{used[folder]}.jpg")
            seed = len(names) + (1000 if split == "test" else 0)
            (tree.root / paths[-1]).write_bytes(encode_jpeg(seed, 29 + number, 13 + number))
        tracks.append(f"{row.modality} {start} {len(names)} {person_name(row.person)} {row.camera}")
    tree.names[split], tree.paths[split], tree.tracks[split] = names, paths, tracks
    tree.name_file(split).write_text("".join(f"{name}\n" for name in names))
    tree.track_file(split).write_text("".join(f"{track}\n" for track in tracks))


def lose_a_block(data: bytes) -> bytes:
    """A JPEG without most of the second half of its scan: both ends are whole, and it decodes."""
    scan = data.index(b"\xff\xda") + 14
    return data[: (scan + len(data)) // 2] + data[-7:]


def without_simplejpeg(patch: pytest.MonkeyPatch) -> None:
    """From here to the end of the test, an install without simplejpeg."""
    patch.setitem(sys.modules, "simplejpeg", None)
    patch.setattr(jpeg_damage, "_strict_decoder", jpeg_damage._strict_decoder.__wrapped__)

"""A tree in HITSZ-VCM's layout with the real set's numbers of persons, tracks and frames, made of hard links.

The numbers are those of the real track files; no image and no name list of the data set is needed. The frames are
links to a few hundred JPEG files, so that half a million of them take no room.
"""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import SplitIndex, Tracks

INFRARED, VISIBLE = 1, 2
FOLDERS = {INFRARED: "ir", VISIBLE: "rgb"}

# Most names we give one file (ext4 allows 65,000, NTFS 1,024); more frames take more copies.
LINKS = 1000


@dataclass(frozen=True)
class ModalityCounts:
    """Tracks, those under 12 frames among them, and frames in tracks, of one modality of one split."""

    tracks: int
    short: int
    frames: int

    def scaled(self, share: float) -> ModalityCounts:
        """The same distribution with a share of the tracks, at least two."""
        tracks = max(2, round(self.tracks * share))
        return ModalityCounts(tracks, round(self.short * share), round(self.frames * tracks / self.tracks))


@dataclass(frozen=True)
class SplitCounts:
    """One split: folder in the tree, range of person numbers, cameras, names without a track."""

    folder: str
    persons: int
    first_person: int
    last_person: int
    cameras: int
    orphans: int
    infrared: ModalityCounts
    visible: ModalityCounts

    @property
    def frames(self) -> int:
        """Lines of the name file."""
        return self.infrared.frames + self.visible.frames + self.orphans

    def scaled(self, share: float) -> SplitCounts:
        """The same distribution with a share of persons and tracks."""
        infrared, visible = self.infrared.scaled(share), self.visible.scaled(share)
        persons = min(max(2, round(self.persons * share)), infrared.tracks, visible.tracks)
        return SplitCounts(
            self.folder,
            persons,
            self.first_person,
            self.last_person,
            self.cameras,
            min(self.orphans, visible.frames),
            infrared,
            visible,
        )


# From the track files of the real set: 232,496 and 230,763 frames, 11,061 and 10,802 tracks.
FULL_SIZE = {
    "train": SplitCounts(
        "Train", 500, 1, 502, 6, 15, ModalityCounts(4919, 628, 102_096), ModalityCounts(6142, 682, 130_385)
    ),
    "test": SplitCounts(
        "Test", 427, 503, 937, 12, 24, ModalityCounts(5159, 575, 109_391), ModalityCounts(5643, 544, 121_348)
    ),
}


def draw_lengths(random: np.random.Generator, counts: ModalityCounts) -> NDArray[np.int64]:
    """Track lengths 1 to 48, most of them 24, with the exact number of short tracks and of frames: (track,) int64."""
    lengths = np.full(counts.tracks, 24)
    lengths[: counts.short] = random.integers(1, 12, counts.short)
    # Only a third of the long tracks takes up what is missing or too much, so that 24 stays the usual length.
    others = np.arange(counts.short, counts.tracks)
    others = others[: math.ceil(len(others) / 3)]
    lengths[others] = random.integers(12, 49, len(others))
    while missing := counts.frames - int(lengths.sum()):
        step = int(np.sign(missing))
        open_ended = others[(lengths[others] + step >= 12) & (lengths[others] + step <= 48)]
        if not len(open_ended):
            raise ValueError(f"frames: expected some 12 to 48 a track, got {counts.frames} in {counts.tracks}")
        lengths[random.choice(open_ended, min(abs(missing), len(open_ended)), replace=False)] += step
    random.shuffle(lengths)
    return lengths


def generate_split(random: np.random.Generator, counts: SplitCounts) -> tuple[list[str], list[str]]:
    """The lines of a split's name file and of its track file, persons in order, visible before infrared."""
    numbers = np.arange(counts.first_person, counts.last_person + 1)
    persons = np.sort(random.choice(numbers, counts.persons, replace=False))
    waiting = {}
    for modality, part in ((VISIBLE, counts.visible), (INFRARED, counts.infrared)):
        # Everybody has a track of each modality, the rest is dealt out at random.
        owner = np.concatenate([np.arange(len(persons)), random.integers(0, len(persons), part.tracks - len(persons))])
        lengths = draw_lengths(random, part)
        waiting[modality] = [lengths[owner == row].tolist() for row in range(len(persons))]
    names: list[str] = []
    tracks: list[str] = []
    for row, person in enumerate(persons):
        # A person's visible and infrared cameras never overlap.
        cameras = random.permutation(np.arange(1, counts.cameras + 1))
        half = counts.cameras // 2
        for modality, own in ((VISIBLE, cameras[:half]), (INFRARED, cameras[half:])):
            _add_tracks(random, names, tracks, f"{person:04d}", modality, own, waiting[modality][row])
    _add_orphans(names, counts.orphans)
    return names, tracks


def _add_tracks(
    random: np.random.Generator,
    names: list[str],
    tracks: list[str],
    person: str,
    modality: int,
    cameras: NDArray[np.int64],
    lengths: list[int],
) -> None:
    frame = dict.fromkeys(cameras.tolist(), 0)
    chosen = np.sort(random.choice(cameras, len(lengths))).tolist()
    for track, (camera, length) in enumerate(zip(chosen, lengths, strict=True), start=1):
        tracks.append(f"{modality} {len(names) + 1} {len(names) + length} {person} {camera}")
        first = frame[camera] + 1
        frame[camera] += length
        names += [f"{person}M{modality}D{camera}T{track}F{f}.jpg" for f in range(first, first + length)]


def _add_orphans(names: list[str], orphans: int) -> None:
    """Frames behind the last track, of its person and camera, that no row of the track file names."""
    front, _, last = names[-1].removesuffix(".jpg").rpartition("F")
    names += [f"{front}F{int(last) + further}.jpg" for further in range(1, orphans + 1)]


def frame_path(name: str) -> str:
    """`0001M2D3T1F7.jpg` -> `0001/rgb/D3/7.jpg`."""
    person, rest = name.split("M")
    modality, rest = rest.split("D")
    camera, rest = rest.split("T")
    return f"{person}/{FOLDERS[int(modality)]}/D{camera}/{rest.split('F')[1]}"


def generated_index(random: np.random.Generator, split: str, counts: SplitCounts) -> SplitIndex:
    """A generated split as the product's own record, without any file."""
    names, tracks = generate_split(random, counts)
    modality, first, last, person, camera = np.array([line.split() for line in tracks], np.int64).T
    return SplitIndex(
        "generated",
        split,
        tuple(f"{counts.folder}/{frame_path(name)}" for name in names),
        Tracks(person.astype(np.int32), camera.astype(np.int16), modality.astype(np.uint8), first - 1, last.copy()),
    )


def write_tree(folder: Path, jpegs: list[Path], share: float, seed: int) -> Path:
    """Write a tree with a share (0...1) of the real set's tracks; returns its root, `folder`/tree.

    The files that the frames are links to are copied to `folder`/jpegs, outside of the tree.
    """
    random = np.random.default_rng(seed)
    root, copies = folder / "tree", cycle(_copy_jpegs(jpegs, folder / "jpegs", share))
    (root / "info").mkdir(parents=True)
    for split, full in FULL_SIZE.items():
        counts = full if share == 1 else full.scaled(share)
        names, tracks = generate_split(random, counts)
        paths = [f"{root}/{counts.folder}/{frame_path(name)}" for name in names]
        for parent in sorted({path.rpartition("/")[0] for path in paths}):
            Path(parent).mkdir(parents=True)
        for path in paths:
            os.link(next(copies), path)
        _write_lines(root / "info" / f"{split}_name.txt", names)
        _write_lines(root / "info" / f"track_{split}_info.txt", tracks)
    queries = [str(row) for row, track in enumerate(tracks, start=1) if track.startswith(f"{INFRARED} ")]
    (root / "info" / "query_IDX.txt").write_text(" ".join(queries), encoding="ascii")
    return root


def _copy_jpegs(jpegs: list[Path], folder: Path, share: float) -> list[str]:
    frames = sum(counts.frames for counts in FULL_SIZE.values()) * share
    folder.mkdir(parents=True)
    copies = [folder / f"{number}.jpg" for number in range(max(len(jpegs), math.ceil(frames / LINKS)))]
    for number, copy in enumerate(copies):
        shutil.copyfile(jpegs[number % len(jpegs)], copy)
    return [str(copy) for copy in copies]


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")

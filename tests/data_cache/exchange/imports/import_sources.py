"""Skeletons in other programs' files, made from random keypoints, and the import command run on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.reader import open_cache
from data_cache.contract.records import FrameKeypoints, SplitIndex, Status
from data_cache.contract.split_file import write_split_file
from tests.factories import random_index, random_keypoints

SCORES = (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Case:
    """Frames of a split with known skeletons, below a folder where everything of a test lies."""

    folder: Path
    index: SplitIndex
    rows: FrameKeypoints

    @property
    def frames(self) -> Path:
        return self.folder / "frames.json"

    @property
    def out(self) -> Path:
        return self.folder / "out" / "train.h5"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def present(self) -> list[int]:
        return np.flatnonzero(self.rows.status == Status.OK).tolist()


def make_case(folder: Path, *, bad: bool = False, **plan: Any) -> Case:
    """Random tracks; every frame with a skeleton, or (bad) one in five without."""
    index = random_index(5, **plan)
    status = None if bad else np.zeros(len(index.paths), np.uint8)
    case = Case(folder, index, random_keypoints(len(index.paths), 5, status))
    write_split_file(case.frames, index)
    return case


def without(case: Case, *gone: int) -> Case:
    """The same case without the skeletons of some rows."""
    keypoints, score, size, status = (
        getattr(case.rows, name).copy() for name in ("keypoints", "score", "size", "status")
    )
    rows = list(gone)
    keypoints[rows], score[rows], size[rows], status[rows] = np.nan, np.nan, 0, Status.MISSING
    return replace(case, rows=FrameKeypoints(keypoints, score, size, status))


def write_frames(case: Case) -> Path:
    """Images of the sizes that the case says, below its root."""
    for row in case.present():
        file = case.root / case.index.paths[row]
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), np.zeros((*case.rows.size[row].tolist(), 3), np.uint8))
    return case.root


def run_import(case: Case, source: Path, kind: str, *options: str | Path) -> int:
    """The command as one types it."""
    fixed = ["import", source, "--format", kind, "--frames", case.frames, "--out", case.out]
    return main([str(part) for part in (*fixed, *options)])


def assert_imported(case: Case) -> None:
    """The output has frames, tracks and, bit by bit, the skeletons of the case; what has none is missing."""
    with open_cache(case.out, "keypoints") as reader:
        index = reader.index()
        assert (index.dataset, index.split, index.paths) == (case.index.dataset, case.index.split, case.index.paths)
        for name, column in case.index.tracks.columns().items():
            np.testing.assert_array_equal(getattr(index.tracks, name), column)
        ok = case.rows.status == Status.OK
        np.testing.assert_array_equal(reader.status, np.where(ok, Status.OK, Status.MISSING))
        for name in ("keypoints", "score", "size"):
            found = reader.read(name, 0, reader.frames)
            expected = getattr(case.rows, name)
            assert found.tobytes() == expected.tobytes(), name


def assert_refused(case: Case, capsys: pytest.CaptureFixture[str], status: int, *parts: str) -> None:
    """Exit status 1 with one line that has every part, and nothing written."""
    error = capsys.readouterr().err
    assert status == 1, error
    lines = [line for line in error.splitlines() if not line.startswith("INFO")]
    assert len(lines) == 1 and lines[0].startswith("error: "), error
    for part in parts:
        assert part in lines[0], f"{part!r} not in {lines[0]!r}"
    assert not case.out.exists()
    assert not list(case.folder.glob("out/*")), "left something behind"


def frame_key(path: str) -> str:
    """Where the public STAR code looks for a frame: `0001/rgb/D3/1`."""
    return path.split("/", 1)[1].removesuffix(".jpg")


def write_star(case: Case, file: Path, key: Any = frame_key) -> Path:
    """One dataset a frame, as the public STAR code reads it."""
    with h5py.File(file, "w") as out:
        for row in case.present():
            joints = np.concatenate([case.rows.keypoints[row], case.rows.score[row][:, None]], axis=1)
            out.create_dataset(key(case.index.paths[row]), data=joints)
    return file

"""The list of marked tracks: round trip, what it is held against, and files that are none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.records import Modality, SplitIndex
from data_cache.contract.track_marks import (
    MAX_NOTE,
    TrackMark,
    TrackMarks,
    mark_track,
    read_marks,
    write_marks,
)
from tests.factories import random_index


def marks_of(index: SplitIndex, rows: tuple[int, ...]) -> TrackMarks:
    marks = tuple(mark_track(row, index.tracks, index.paths, f"nöte {row}") for row in rows)
    return TrackMarks(index.dataset, "train", marks)


@pytest.fixture
def index() -> SplitIndex:
    return random_index(3, tracks=13)


def test_a_list_comes_back_as_it_was_and_names_its_rows(index: SplitIndex, tmp_path: Path) -> None:
    marks = marks_of(index, (11, 2, 5))
    path = tmp_path / "new" / "exclude.json"
    write_marks(path, marks)
    found = read_marks(path)
    assert found == marks
    assert [mark.track for mark in found.tracks] == [2, 5, 11]
    rows = found.rows_in(index.tracks, index.paths)
    assert rows.dtype == np.int64
    assert rows.tolist() == [2, 5, 11]
    assert TrackMarks("sample", "train").rows_in(index.tracks, index.paths).shape == (0,)


def test_the_file_says_in_json_who_each_track_is(index: SplitIndex, tmp_path: Path) -> None:
    path = tmp_path / "exclude.json"
    write_marks(path, marks_of(index, (5,)))
    text = path.read_text(encoding="utf-8")
    tracks = index.tracks
    assert json.loads(text) == {
        "format": "star-reid.marks",
        "version": 1,
        "dataset": "sample",
        "split": "train",
        "tracks": [
            {
                "track": 5,
                "person": int(tracks.person[5]),
                "camera": int(tracks.camera[5]),
                "modality": Modality(int(tracks.modality[5])).name.lower(),
                "first_frame": index.paths[int(tracks.start[5])],
                "note": "nöte 5",
            }
        ],
    }
    assert sum('"track"' in line for line in text.splitlines()) == 1  # a mark has a line of its own
    write_marks(path, TrackMarks("sample", "train"))
    assert read_marks(path) == TrackMarks("sample", "train")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"person": 99}, r"exclude.json: track 5: expected person \d+ as in the cache, got 99; .*view"),
        ({"camera": 77}, r"track 5: expected camera \d+"),
        ({"first_frame": "Train/x.jpg"}, "track 5: expected first_frame 'Train/.*got 'Train/x.jpg'"),
        ({"track": 13}, r"track 13: expected a row in 0…12"),
    ],
)
def test_marks_of_other_tracks_are_refused(
    index: SplitIndex, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    path = changed_list(tmp_path, index, lambda values: values["tracks"][0].update(change))
    with pytest.raises(ValueError, match=named):
        read_marks(path).rows_in(index.tracks, index.paths)


def test_the_other_modality_and_another_split_are_refused(index: SplitIndex) -> None:
    mark = mark_track(5, index.tracks, index.paths)
    other = "visible" if mark.modality == "infrared" else "infrared"
    swapped = TrackMark(mark.track, mark.person, mark.camera, other, mark.first_frame)
    with pytest.raises(ValueError, match=f"expected modality '{mark.modality}' as in the cache, got '{other}'"):
        TrackMarks("sample", "train", (swapped,)).rows_in(index.tracks, index.paths)
    marks = TrackMarks("sample", "train", (mark,), "list.json")
    marks.check_split("sample", "train")
    for dataset, split in (("sample", "test"), ("hitsz-vcm", "train")):
        with pytest.raises(ValueError, match=f"list.json: expected marks of {dataset} {split}, got those of sample tr"):
            marks.check_split(dataset, split)


def changed_list(folder: Path, index: SplitIndex, change: Any) -> Path:
    path = folder / "exclude.json"
    write_marks(path, marks_of(index, (5,)))
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda v: v.update(format="star-reid.split"), "format: expected 'star-reid.marks', got 'star-reid.split'"),
        (lambda v: v.update(version=2), "version: expected 1, got 2; update"),
        (lambda v: v.update(version=True), "version: expected 1, got True"),
        (lambda v: v.update(split="val"), "split: expected one of 'train', 'test', got 'val'"),
        (lambda v: v.update(source="x"), "unknown key 'source'"),
        (lambda v: v.pop("dataset"), "expected the key 'dataset'"),
        (lambda v: v["tracks"].append(v["tracks"][0]), "expected every track once, got track 5 twice"),
        (lambda v: v["tracks"][0].update(track=-1), r"tracks\[0\].track: expected a row of /tracks"),
        (lambda v: v["tracks"][0].update(track=5.0), r"tracks\[0\].track: expected a whole number, got 5.0"),
        (lambda v: v["tracks"][0].update(modality="radar"), "expected one of 'infrared', 'visible', got 'radar'"),
        (lambda v: v["tracks"][0].update(first_frame=""), "first_frame: expected the path"),
        (lambda v: v["tracks"][0].update(note="a\nb"), r"note: .* on one line, got 'a\\nb'"),
        (lambda v: v["tracks"][0].update(note="x" * (MAX_NOTE + 1)), "got 501 characters"),
        (lambda v: v["tracks"][0].update(why="x"), "unknown key 'why'; known keys are track, person"),
    ],
)
def test_what_is_not_such_a_list_is_refused_in_one_sentence(
    index: SplitIndex, tmp_path: Path, change: Any, named: str
) -> None:
    path = changed_list(tmp_path, index, change)
    with pytest.raises(ValueError, match=named) as refused:
        read_marks(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"\x89HDF\r\n\x1a\n", b"[1, 2]", b'{"format":', b"[" * 100_000, b"9" * 10_000, b"null"]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "exclude.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"exclude.json: .*expected .*marks"):
        read_marks(path)


def test_no_file_a_folder_a_pipe_and_a_huge_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="no such marks list"):
        read_marks(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path, tmp_path / "pipe.json"):
        with pytest.raises(ValueError, match="got a folder or device"):
            read_marks(path)
    monkeypatch.setattr("data_cache.contract.track_marks.MAX_BYTES", 5 << 20)
    (tmp_path / "huge.json").write_bytes(b" " * (5 << 20) + b"1")
    with pytest.raises(ValueError, match="at most 5 MiB, got a larger file"):
        read_marks(tmp_path / "huge.json")


def test_an_older_list_stays_when_writing_fails(index: SplitIndex, tmp_path: Path) -> None:
    path = tmp_path / "exclude.json"
    write_marks(path, marks_of(index, (5,)))
    (tmp_path / "exclude.json.partial").mkdir()
    with pytest.raises(OSError, match="a folder has this name"):
        write_marks(path, marks_of(index, (2,)))
    assert [mark.track for mark in read_marks(path).tracks] == [5]

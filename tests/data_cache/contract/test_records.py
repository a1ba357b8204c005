"""The records hold what they promise, and refuse everything else with name, expected and got."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cache.contract.records import FrameKeypoints, Modality, Role, SplitIndex, Status, Tracks
from tests.factories import random_index, random_keypoints


def columns(**changes):
    """Three tracks over frames 0–2, 2–7 and 11–13."""
    table = {
        "person": np.array([7, 3, 7], np.int32),
        "camera": np.array([1, 5, 2], np.int16),
        "modality": np.array([1, 2, 2], np.uint8),
        "start": np.array([2, 0, 11], np.int64),
        "stop": np.array([7, 2, 13], np.int64),
    }
    return table | changes


def paths(count=17):
    return tuple(f"Train/0007/rgb/D2/{number}.jpg" for number in range(count))


def test_the_numbers_are_those_of_the_data_set():
    assert [(kind.name, int(kind)) for kind in Modality] == [("INFRARED", 1), ("VISIBLE", 2)]
    assert [(kind.name, int(kind)) for kind in Status] == [("OK", 0), ("UNREADABLE", 1), ("MISSING", 2)]
    assert [(kind.name, int(kind)) for kind in Role] == [("BOTH", 0), ("QUERY", 1), ("GALLERY", 2)]


def test_tracks_know_their_lengths_and_cannot_be_changed():
    tracks = Tracks(**columns())
    assert len(tracks) == 3
    assert tracks.lengths.tolist() == [5, 2, 2]
    with pytest.raises(ValueError, match="read-only"):
        tracks.person[0] = 5


def test_tracks_without_roles_are_query_and_gallery():
    role = Tracks(**columns()).role
    assert (role.tolist(), role.dtype) == ([0, 0, 0], np.uint8)


def test_rows_of_tracks_are_selected_with_all_their_columns():
    table = columns(role=np.array([1, 2, 0], np.uint8))
    tracks = Tracks(**table)
    assert list(tracks.columns()) == ["person", "camera", "modality", "start", "stop", "role"]
    for rows in (np.array([2, 0]), np.array([True, False, True])):
        for name, values in tracks.select(rows).columns().items():
            assert values.tolist() == table[name][rows].tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"person": np.array([7, 3, 7])}, r"Tracks\.person: expected dtype int32, got int64"),
        ({"camera": np.array([1, 5], np.int16)}, r"Tracks\.camera: expected shape \(3\), got \(2,\)"),
        ({"stop": np.zeros((3, 1), np.int64)}, r"Tracks\.stop: expected shape \(3\), got \(3, 1\)"),
        ({"start": [2, 0, 11]}, r"Tracks\.start: expected an array of int64, got list"),
        ({"modality": np.array([1, 3, 2], np.uint8)}, r"expected 1 \(infrared\) or 2 \(visible\), got 3 in row 1"),
        ({"role": np.array([0, 3, 2], np.uint8)}, r"expected 0 \(both\), 1 \(query\) or 2 \(gallery\), got 3 in row 1"),
        ({"role": np.zeros(2, np.uint8)}, r"Tracks\.role: expected shape \(3\), got \(2,\)"),
        ({"start": np.array([2, -1, 11])}, r"expected 0 <= start < stop, got -1, 2 in row 1"),
        ({"stop": np.array([7, 2, 11])}, r"expected 0 <= start < stop, got 11, 11 in row 2"),
    ],
)
def test_tracks_refuse(changes, message):
    with pytest.raises(ValueError, match=message):
        Tracks(**columns(**changes))


def test_every_frame_knows_its_track():
    index = SplitIndex("sample", "train", paths(), Tracks(**columns()))
    assert index.track.tolist() == [1, 1, 0, 0, 0, 0, 0, -1, -1, -1, -1, 2, 2, -1, -1, -1, -1]
    assert index.track.dtype == np.int32


@given(st.integers(0, 2**32 - 1), st.integers(0, 13), st.integers(0, 3))
def test_frame_tracks_equal_a_loop_over_the_tracks(seed, tracks, orphans):
    index = random_index(seed, tracks=tracks, orphans=orphans)
    expected = [-1] * len(index.paths)
    for row in range(len(index.tracks)):
        for place in range(index.tracks.start[row], index.tracks.stop[row]):
            expected[place] = row
    assert index.track.tolist() == expected


def test_an_index_survives_pickling():
    index = random_index(5)
    copy = pickle.loads(pickle.dumps(index))
    assert copy.paths == index.paths
    np.testing.assert_array_equal(copy.track, index.track)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": ""}, r"SplitIndex\.dataset: expected a name without '/', got ''"),
        ({"dataset": "a/b"}, "expected a name without '/', got 'a/b'"),
        ({"split": "val"}, "SplitIndex.split: expected train or test, got 'val'"),
        ({"paths": paths(12)}, "track 2 stops at 13, expected at most 12"),
        (
            {"tracks": Tracks(**columns(stop=np.array([7, 3, 13])))},
            "tracks 1 and 0 share frame 2, expected every frame in at most one track",
        ),
    ],
)
def test_an_index_refuses(changes, message):
    good = {"dataset": "sample", "split": "train", "paths": paths(), "tracks": Tracks(**columns())}
    with pytest.raises(ValueError, match=message):
        SplitIndex(**(good | changes))


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x.jpg", "a/../../x.jpg", "a//x.jpg", "./x.jpg", "a/", "a\\x.jpg", "a\nx.jpg", "a\0b"],
)
def test_an_index_refuses_a_path_that_is_not_plain(path):
    with pytest.raises(ValueError, match=r"paths\[17\]: expected a plain path relative to the data set's root"):
        SplitIndex("sample", "train", (*paths(), path), Tracks(**columns()))


def rows(**changes):
    good = random_keypoints(7, 3)  # status of the first three frames: ok, unreadable, missing
    return {name: getattr(good, name).copy() for name in ("keypoints", "score", "size", "status")} | changes


def changed(name, place, value):
    array = rows()[name]
    array[place] = value
    return {name: array}


def test_keypoints_are_nan_exactly_where_status_is_not_ok():
    good = FrameKeypoints(**rows())
    bad = good.status != Status.OK
    assert bad[1] and bad[2] and not bad[0]
    np.testing.assert_array_equal(np.isnan(good.keypoints).any((1, 2)), bad)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": np.zeros((7, 2, 17), np.float32)}, r"keypoints: expected shape \(7, 17, 2\), got \(7, 2, 17\)"),
        ({"score": np.zeros((7, 17))}, r"score: expected dtype float32, got float64"),
        ({"size": np.zeros((5, 2), np.int32)}, r"size: expected shape \(7, 2\), got \(5, 2\)"),
        (changed("status", 5, 3), r"status: expected 0, 1 or 2, got 3 in frame 5"),
        (changed("keypoints", (0, 13, 1), np.nan), r"keypoints: expected values where status is ok, .* frame 0"),
        (changed("keypoints", (0, 13, 1), np.inf), r"keypoints: expected values where status is ok, .* frame 0"),
        (changed("keypoints", (1, 13, 1), 0), r"keypoints: expected NaN only where status is unreadable, .* frame 1"),
        (changed("score", (0, 3), np.nan), r"score: expected values where status is ok, .* frame 0"),
        (changed("score", (2, 3), 0.5), r"score: expected NaN only where status is missing, .* frame 2"),
        (changed("size", (0, 1), 0), r"size: expected values where status is ok, .* frame 0"),
        (changed("size", (1, 1), 5), r"size: expected 0, 0 where status is unreadable, .* frame 1"),
        (changed("score", (0, 9), 1.25), r"score: expected 0…1, got 1.25 in frame 0, joint left_wrist: clip"),
        (changed("score", (0, 0), -0.25), r"score: expected 0…1, got -0.25 in frame 0, joint nose: clip"),
    ],
)
def test_keypoints_refuse(changes, message):
    with pytest.raises(ValueError, match=message):
        FrameKeypoints(**rows(**changes))


@given(st.lists(st.text("ab/.\\ \n\0é\ud800", max_size=5), max_size=5))
def test_paths_are_judged_together_as_one_by_one(paths: list[str]) -> None:
    def plain(path: str) -> bool:
        return path.isprintable() and "\\" not in path and not {"", ".", ".."} & set(path.split("/"))

    wrong = [row for row, path in enumerate(paths) if not plain(path)]
    try:
        SplitIndex("a", "train", tuple(paths), Tracks(**{name: values[:0] for name, values in columns().items()}))
    except ValueError as error:
        assert str(error).startswith(f"SplitIndex.paths[{wrong[0]}]: expected a plain path")
    else:
        assert not wrong

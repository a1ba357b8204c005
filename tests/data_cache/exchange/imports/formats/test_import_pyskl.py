"""Pickles as PYSKL and mmaction2 have them into a keypoints file, by every name a track may go under."""

from __future__ import annotations

import functools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.contract.split_file import write_split_file
from data_cache.contract.writer import CacheWriter
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    without,
    write_frames,
)
from tests.factories import RECIPE


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Tracks whose frames differ in size, which these pickles do not say; they do not have frames without a track."""
    case = make_case(tmp_path, orphans=0)
    write_frames(case)
    return case


def run(case: Case, source: Path, *options: str | Path) -> int:
    return run_import(case, source, "pyskl", "--root", case.root, *options)


def annotate(case: Case, track: int, **changes: Any) -> dict[str, Any]:
    """One annotation, by the fields of PYSKL's own description of its files."""
    rows = slice(case.index.tracks.start[track], case.index.tracks.stop[track])
    shape = tuple(case.rows.size[rows.start].tolist())  # of the first frame: one a video
    return {
        "frame_dir": f"{track:06d}",
        "label": 3,
        "img_shape": shape,
        "original_shape": shape,
        "total_frames": int(rows.stop - rows.start),
        "keypoint": np.nan_to_num(case.rows.keypoints[rows])[None],
        "keypoint_score": np.nan_to_num(case.rows.score[rows])[None],
        **changes,
    }


def write_pickle(case: Case, annotations: Any, *, listed: bool = False, protocol: int = 2) -> Path:
    source = case.folder / "skeletons.pkl"
    content = annotations if listed else {"split": {"train": ["a"]}, "annotations": annotations}
    source.write_bytes(pickle.dumps(content, protocol))
    return source


def annotate_all(case: Case) -> list[dict[str, Any]]:
    return [annotate(case, track) for track in range(len(case.index.tracks))]


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_and_both_forms_are_read(case: Case, listed: bool, protocol: int) -> None:
    source = write_pickle(case, annotate_all(case)[::-1], listed=listed, protocol=protocol)
    assert run(case, source) == 0
    assert_imported(case)


def first_path(case: Case, track: int) -> str:
    return case.index.paths[case.index.tracks.start[track]]


@pytest.mark.parametrize(
    "name",
    [
        lambda case, track: str(track),
        first_path,
        lambda case, track: first_path(case, track).removesuffix(".jpg"),
        lambda case, track: case.index.paths[case.index.tracks.stop[track] - 1].rpartition("/")[0],
    ],
)
def test_a_track_is_found_by_each_of_its_names(tmp_path: Path, name) -> None:
    # Seed 5 has two tracks in one folder among seven; the first three have a folder each.
    case = make_case(tmp_path, tracks=3, orphans=0)
    write_frames(case)
    named = [annotate(case, track, frame_dir=name(case, track)) for track in range(3)]
    assert run(case, write_pickle(case, named)) == 0
    assert_imported(case)


def test_a_folder_of_two_tracks_names_neither(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [first_path(case, track).rpartition("/")[0] for track in range(len(case.index.tracks))]
    (shared,) = {folder for folder in folders if folders.count(folder) == 2}
    named = [annotate(case, track, frame_dir=folder) for track, folder in enumerate(folders)]
    status = run(case, write_pickle(case, named))
    first = folders.index(shared)
    message = f"annotation {first}: frame_dir '{shared}': expected the name of one track, found that of 2"
    assert_refused(case, capsys, status, message, f"by its row in /tracks ({first}, …)")


def test_our_own_export_comes_back_bit_by_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, bad=True)  # sizes differ within a track, some frames are bad, some have no track
    orphans = np.flatnonzero((case.index.track < 0) & (case.rows.status == Status.OK)).tolist()
    original = tmp_path / "original.h5"
    with CacheWriter(original, "keypoints", case.index, RECIPE, status=case.rows.status) as writer:
        writer.append({name: getattr(case.rows, name) for name in ("keypoints", "score", "size")})
    source = tmp_path / "own.pkl"
    assert main(["export", str(original), "--format", "pyskl", "--out", str(source)]) == 0
    assert run_import(case, source, "pyskl", "--max-bad", "0.5") == 0
    assert_imported(without(case, *orphans))


def test_two_tracks_of_the_same_frames_keep_their_own_skeletons(tmp_path: Path) -> None:
    case = make_case(tmp_path, orphans=0)
    tracks, paths = case.index.tracks, list(case.index.paths)
    assert tracks.lengths[0] == tracks.lengths[1] and tracks.start[0] > tracks.start[1]
    paths[tracks.start[1] : tracks.stop[1]] = paths[tracks.start[0] : tracks.stop[0]]
    case = Case(tmp_path, type(case.index)("sample", "train", tuple(paths), tracks), case.rows)
    write_split_file(case.frames, case.index)
    original, source = tmp_path / "original.h5", tmp_path / "own.pkl"
    with CacheWriter(original, "keypoints", case.index, RECIPE, status=case.rows.status) as writer:
        writer.append({name: getattr(case.rows, name) for name in ("keypoints", "score", "size")})
    assert main(["export", str(original), "--format", "pyskl", "--out", str(source)]) == 0
    assert run_import(case, source, "pyskl") == 0
    assert_imported(case)


def test_the_person_with_the_highest_mean_score_is_taken(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    annotations = annotate_all(case)
    entry = annotations[1]
    keypoint, score = entry["keypoint"][0], entry["keypoint_score"][0]
    nobody = np.zeros_like(keypoint), np.zeros_like(score)
    other = keypoint + 2, score.copy()
    other[1][::2] *= np.float32(0.5)
    keypoint_first = keypoint.copy()
    other[0][1::2], other[1][1::2] = 0, 0  # the other person is in every second frame only
    entry["keypoint"] = np.stack([nobody[0], other[0], keypoint_first])
    entry["keypoint_score"] = np.stack([nobody[1], other[1], score])
    assert run(case, write_pickle(case, annotations)) == 0
    assert_imported(case)
    assert f"the best was taken: {(len(score) + 1) // 2}\n" in capsys.readouterr().out


def test_half_floats_keep_their_value(case: Case) -> None:
    annotations = annotate_all(case)
    for entry in annotations:
        entry["keypoint"] = entry["keypoint"].astype(np.float16)
    assert run(case, write_pickle(case, annotations)) == 0
    with open_cache(case.out) as reader:
        np.testing.assert_array_equal(
            reader.read("keypoints", 0, reader.frames), case.rows.keypoints.astype(np.float16).astype(np.float32)
        )


@pytest.mark.parametrize("nobody", [0, np.nan])
def test_frames_without_anybody_are_missing(case: Case, nobody: float) -> None:
    annotations = annotate_all(case)
    gone = int(case.index.tracks.start[2]) + 1
    annotations[2]["keypoint"][0, 1], annotations[2]["keypoint_score"][0, 1] = nobody, nobody
    assert run(case, write_pickle(case, annotations), "--max-bad", "0.5") == 0
    assert_imported(without(case, gone))


def test_tracks_of_another_split_are_left_alone(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    other = annotate(case, 1, frame_dir="Test/0099/ir/D1/1")
    beyond = annotate(case, 0, frame_dir="99")
    assert run(case, write_pickle(case, [*annotate_all(case), other, beyond])) == 0
    assert_imported(case)
    count = int(case.index.tracks.lengths[[0, 1]].sum())
    assert f"of no frame of this split: {count}\n" in capsys.readouterr().out


def test_frames_of_another_size_than_their_own_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2

    sizes = [case.rows.size[slice(*ends)] for ends in zip(case.index.tracks.start, case.index.tracks.stop, strict=True)]
    annotations = annotate_all(case)
    source = write_pickle(
        case, [{**entry, "frame_sizes": size} for entry, size in zip(annotations, sizes, strict=True)]
    )
    assert run(case, source) == 0
    case.out.unlink()
    height, width = case.rows.size[4].tolist()
    cv2.imwrite(str(case.root / case.index.paths[4]), np.zeros((height + 1, width, 3), np.uint8))
    status = run(case, source)
    assert_refused(
        case,
        capsys,
        status,
        f"{case.index.paths[4]}: expected height {height} and width {width}, found height {height + 1}",
    )


# A hundred bytes in a pickle, a million numbers when written out.
ENDLESS = functools.reduce(lambda inner, _: (inner, inner), range(20), (1, 1))

CHANGES = {
    "18 joints": ({"keypoint": np.ones((1, 5, 18, 2))}, "keypoint: expected an array (person, frame, 17, 2)"),
    "three dimensions": ({"keypoint": np.ones((1, 5, 17, 3))}, "found shape (1, 5, 17, 3)"),
    "no scores": ({"keypoint_score": None}, "keypoint_score: expected an array (person, frame, 17)"),
    "other counts": ({"keypoint_score": np.ones((2, 3, 17))}, "of as many persons and frames"),
    "total_frames": ({"total_frames": 1000}, "expected total_frames"),
    "nobody": ({"keypoint": np.ones((0, 1, 17, 2)), "keypoint_score": np.ones((0, 1, 17))}, "as many persons"),
    "unnamed": ({"frame_dir": 3}, "frame_dir: expected the name of a track, found int"),
    "another track's": ({"frame_dir": "4"}, "frames as the track has, found"),
    "size": ({"img_shape": "large"}, "expected img_shape (height, width)"),
    "two sizes": ({"original_shape": (1, 2)}, "expected img_shape (height, width), and original_shape the same"),
    "size in an array": ({"original_shape": np.array([1, 2])}, "original_shape the same, found"),
    "count in an array": ({"total_frames": np.array([1, 2])}, "as the keypoints have, found ndarray"),
    "endless count": ({"total_frames": ENDLESS}, "as the keypoints have, found tuple"),
    "endless size": ({"img_shape": ENDLESS}, "expected img_shape (height, width) in whole pixels, found tuple, tuple"),
    "huge size": ({"img_shape": (10**5000, 5)}, "expected img_shape (height, width) in whole pixels, found int, 5"),
    "negative size": (
        {"img_shape": (-1, 5), "original_shape": (-1, 5)},
        "img_shape (height, width) in whole pixels, found -1, 5",
    ),
    "paths": ({"frame_paths": [1]}, "frame_paths: expected a list of paths"),
    "sizes": ({"frame_sizes": np.ones((1, 2), int)}, "frame_sizes: expected an array of shape"),
}


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_sizes_of_any_kind_of_pair_are_read(case: Case, kind: Any) -> None:
    annotations = annotate_all(case)
    for entry in annotations:
        entry["original_shape"] = kind(entry["img_shape"])
    assert run(case, write_pickle(case, annotations)) == 0
    assert_imported(case)


@pytest.mark.parametrize(("changes", "message"), CHANGES.values(), ids=CHANGES)
def test_every_other_annotation_is_refused(
    case: Case, changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert case.index.tracks.lengths[1] != case.index.tracks.lengths[4]
    source = write_pickle(case, [annotate(case, 1, **changes)])
    status = run(case, source, "--max-bad", "1")
    assert_refused(case, capsys, status, "skeletons.pkl: ", message)


VALUES = {
    "NaN": ("keypoint", np.nan, "finite keypoints, found NaN"),
    "score": ("keypoint_score", 7, "scores within 0…1 (a little more is clipped), found 7"),
    "far away": ("keypoint", -1e30, "coordinates within ±65536 pixels, found -1e+30"),
    "infinity": ("keypoint_score", np.inf, "finite scores, found NaN or infinity"),
}


@pytest.mark.parametrize(("key", "value", "message"), VALUES.values(), ids=VALUES)
def test_every_other_value_is_refused(
    case: Case, key: str, value: float, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    annotations = annotate_all(case)
    annotations[2][key][0, 1, 7] = value
    row = int(case.index.tracks.start[2]) + 1
    status = run(case, write_pickle(case, annotations))
    assert_refused(case, capsys, status, f"{case.index.paths[row]}: expected", message)


def test_what_is_no_list_of_annotations_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(case, write_pickle(case, [annotate(case, 1), annotate(case, 1)]), "--max-bad", "1")
    assert_refused(case, capsys, status, "annotation 1", "found a second one of the same frames")
    for content in ({"a": 1}, [1], 5):
        status = run(case, write_pickle(case, content, listed=True))
        assert_refused(case, capsys, status, "expected a list of annotations")
    status = run(case, write_pickle(case, []))
    assert_refused(case, capsys, status, "no entry is of a frame of", str(case.frames))
    small = annotate_all(case)
    for entry in small:
        entry["keypoint"] /= 100
    assert_refused(case, capsys, run(case, write_pickle(case, small)), "coordinates in pixels")

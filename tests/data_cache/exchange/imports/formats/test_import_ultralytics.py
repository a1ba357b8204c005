"""Ultralytics' pose results, as JSON and as label files, into a keypoints file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import FrameKeypoints
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    without,
    write_frames,
)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path, tracks=3)
    write_frames(case)
    return case


def as_person(keypoints: np.ndarray, score: np.ndarray, **changes: Any) -> dict[str, Any]:
    """What `Results.summary()` makes of a person."""
    x, y = keypoints.astype(float).T.tolist()
    box = {"x1": 0.0, "y1": 1.0, "x2": 7.0, "y2": 11.0}
    joints = {"x": x, "y": y, "visible": score.astype(float).tolist()}
    return {"name": "person", "class": 0, "confidence": 0.75, "box": box, "keypoints": joints, **changes}


def as_line(case: Case, row: int, score: np.ndarray, *more: float) -> str:
    """What `Results.save_txt()` makes of a person, but with all digits: class, box, joints in shares of the frame."""
    shares = case.rows.keypoints[row].astype(float) / case.rows.size[row, ::-1]
    joints = np.concatenate([shares, score.astype(float)[:, None]], axis=1)
    return " ".join(map(repr, [0, 0.5, 0.5, 0.25, 0.75, *joints.ravel().tolist(), *more]))


def place(case: Case, row: int, ending: str, folder: str = "") -> Path:
    path = Path(case.index.paths[row])
    file = case.folder / "predictions" / path.parent / folder / f"{path.stem}{ending}"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def write_json(case: Case, row: int, *persons: Any) -> None:
    place(case, row, ".json").write_text(json.dumps(persons, indent=2))


def write_all(case: Case) -> None:
    for row in case.present():
        write_json(case, row, as_person(case.rows.keypoints[row], case.rows.score[row]))


def write_labels(case: Case, folder: str = "labels", *more: float) -> None:
    for row in case.present():
        place(case, row, ".txt", folder).write_text(as_line(case, row, case.rows.score[row], *more) + "\n")


def run(case: Case, kind: str = "ultralytics", *options: str) -> int:
    return run_import(case, case.folder / "predictions", kind, "--root", case.root, *options)


def test_what_to_json_writes_is_read(case: Case) -> None:
    write_all(case)
    assert run(case) == 0
    assert_imported(case)


def test_nobody_and_the_best_of_several(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    keypoints, score = case.rows.keypoints[3], case.rows.score[3]
    write_json(case, 3, as_person(keypoints + 1, score * np.float32(0.5), confidence=0.99), as_person(keypoints, score))
    write_json(case, 5)
    assert run(case, "ultralytics", "--max-bad", "0.5") == 0
    assert_imported(without(case, 5))
    out = capsys.readouterr().out
    assert "without a skeleton (status missing): 1\n" in out and "the best was taken: 1\n" in out


def test_joints_below_its_threshold_were_not_found(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    keypoints, score = case.rows.keypoints.copy(), case.rows.score.copy()
    keypoints[2:9, 4], score[2:9, 4] = 0, 0.375  # it writes 0, 0 and keeps the score
    write_all(replace(case, rows=FrameKeypoints(keypoints, score, case.rows.size, case.rows.status)))
    assert run(case) == 0
    score[2:9, 4] = 0
    assert_imported(replace(case, rows=FrameKeypoints(keypoints, score, case.rows.size, case.rows.status)))
    assert "joints at exactly (0, 0), in 7 frames, taken as not found (score 0): 7\n" in capsys.readouterr().out


def assert_near(case: Case) -> None:
    """Shares come back as the pixels they were, to the last bits of float32; scores and sizes to the bit."""
    with open_cache(case.out) as reader:
        ok = reader.status == 0
        assert ok.tolist() == (case.rows.status == 0).tolist()
        found = {name: reader.read(name, 0, reader.frames)[ok] for name in ("keypoints", "score", "size")}
    np.testing.assert_allclose(found["keypoints"], case.rows.keypoints[ok], rtol=3e-7)
    np.testing.assert_array_equal(found["score"], case.rows.score[ok])
    np.testing.assert_array_equal(found["size"], case.rows.size[ok])


@pytest.mark.parametrize("folder", ["labels", ""])
@pytest.mark.parametrize("more", [(), (0.75,), (0.75, 7)], ids=["plain", "save_conf", "tracked"])
def test_label_files_are_scaled_by_the_size_of_each_frame(case: Case, folder: str, more: tuple[float, ...]) -> None:
    assert len(np.unique(case.rows.size, axis=0)) > 5 and (case.rows.size[:, 0] != case.rows.size[:, 1]).all()
    write_labels(case, folder, *more)
    assert run(case, "ultralytics-txt") == 0
    assert_near(case)


def test_label_files_of_nobody_are_not_there(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_labels(case)
    place(case, 4, ".txt", "labels").unlink()
    best = place(case, 6, ".txt", "labels")
    best.write_text(as_line(case, 2, case.rows.score[6] / 2) + "\n\n" + best.read_text())  # save_txt appends
    elsewhere = case.folder / "predictions" / "elsewhere" / "1.txt"
    elsewhere.parent.mkdir()
    elsewhere.write_text("")
    assert run(case, "ultralytics-txt", "--max-bad", "0.5") == 0
    assert_near(without(case, 4))
    out = capsys.readouterr().out
    assert "without a skeleton (status missing): 1\n" in out and "the best was taken: 1\n" in out
    assert "of no frame of this split: 1\n" in out


GOOD = {"x": [5.0] * 17, "y": [6.0] * 17, "visible": [0.5] * 17}
REFUSED: dict[str, tuple[Any, str]] = {
    "no scores": (
        {"x": [5.0] * 17, "y": [6.0] * 17},
        "expected x, y and visible of each joint, found x, y; run a pose",
    ),
    "a detector's": (None, "expected x, y and visible of each joint, found none"),
    "lengths": ({**GOOD, "y": [6.0] * 16}, "expected as many x, y and visible, found 17, 16 and 17"),
    "21 joints": (
        {name: [3.0] * 21 for name in GOOD},
        "keypoints of the 17 COCO joints, shape (17, 2), found shape (21",
    ),
    "NaN": ({**GOOD, "y": [float("nan")] * 17}, "finite keypoints, found NaN"),
    "percent": ({**GOOD, "visible": [50] * 17}, "scores within 0…1 (a little more is clipped), found 50"),
    "text": ({**GOOD, "x": ["5"] * 17}, "as numbers, found <U32"),
    "null": ({**GOOD, "x": [None] * 17}, "as numbers, found object"),
}


@pytest.mark.parametrize(("keypoints", "message"), REFUSED.values(), ids=REFUSED)
def test_other_joints_are_refused(case: Case, keypoints: Any, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    write_json(case, 2, {"name": "person", "class": 0, "confidence": 0.5, "keypoints": keypoints})
    assert_refused(case, capsys, run(case), message)


@pytest.mark.parametrize("number", [1, "0", None, False])
def test_who_is_no_person_is_refused(case: Case, number: object, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    write_json(case, 2, {**as_person(case.rows.keypoints[2], case.rows.score[2]), "class": number})
    assert_refused(case, capsys, run(case), "expected class 0 (person), found")


def test_other_json_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    place(case, 2, ".json").write_text('{"keypoints": 1}')
    assert_refused(case, capsys, run(case), "expected a list of persons as to_json() makes it, found dict")


def test_normalised_json_is_named_so(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    shares = (case.rows.keypoints / case.rows.size[:, None, ::-1]).astype(np.float32)
    write_all(replace(case, rows=FrameKeypoints(shares, case.rows.score, case.rows.size, case.rows.status)))
    assert_refused(case, capsys, run(case), "normalised to 0…1")


LINE = ["0", *["0.5"] * 55]
LINES: dict[str, tuple[list[str], str]] = {
    "a box alone": (LINE[:5], "1.txt:1: expected class, box and x, y, score of 17 joints, 56 to 58 numbers, found 5"),
    "no scores": (LINE[:39], "found 39; run a pose network of COCO's 17 joints with their visibility"),
    "too many": ([*LINE, "1", "1", "1"], "found 59"),
    "words": ([*LINE[:-1], "high"], "expected numbers as save_txt=True writes them, found '0 0.5"),
    "another class": (["16", *LINE[1:]], "expected class 0 (person), found 16"),
    "pixels": ([*LINE[:5], "37", *LINE[6:]], "expected x and y as shares of the frame, 0…1, found 37; give the file"),
    "NaN": ([*LINE[:5], "nan", *LINE[6:]], "finite keypoints, found NaN"),
    "percent": ([*LINE[:7], "50", *LINE[8:]], "scores within 0…1 (a little more is clipped), found 50"),
}


@pytest.mark.parametrize(("words", "message"), LINES.values(), ids=LINES)
def test_other_lines_are_refused(
    case: Case, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(case)
    first = case.index.paths.index(next(path for path in case.index.paths if path.endswith("/1.jpg")))
    place(case, first, ".txt", "labels").write_text(" ".join(words) + "\n")
    assert_refused(case, capsys, run(case, "ultralytics-txt"), message)


def test_labels_that_are_no_text_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_labels(case)
    place(case, 2, ".txt", "labels").write_bytes(b"0 0.5 \xff")
    assert_refused(case, capsys, run(case, "ultralytics-txt"), "expected whole text, found none")


def test_frames_of_one_name_in_one_folder_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    flat = case.folder / "predictions" / "labels"
    flat.mkdir(parents=True)
    for row in case.present():
        with (flat / f"{Path(case.index.paths[row]).stem}.txt").open("a") as file:
            file.write(as_line(case, row, case.rows.score[row]) + "\n")
    status = run(case, "ultralytics-txt")
    assert_refused(case, capsys, status, "labels/1.txt would be the prediction of", "project=PREDICTIONS name=<folder")

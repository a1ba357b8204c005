"""Folders of OpenPose's JSON into a keypoints file, of both of its models that have COCO's joints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.records import FrameKeypoints
from data_cache.contract.skeleton import JOINTS
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    without,
    write_frames,
)

# Where OpenPose keeps each of our joints, by hand out of the pictures of its documentation.
PLACES = {
    25: {
        **{"nose": 0, "left_eye": 16, "right_eye": 15, "left_ear": 18, "right_ear": 17, "left_shoulder": 5},
        **{"right_shoulder": 2, "left_elbow": 6, "right_elbow": 3, "left_wrist": 7, "right_wrist": 4, "left_hip": 12},
        **{"right_hip": 9, "left_knee": 13, "right_knee": 10, "left_ankle": 14, "right_ankle": 11},
    },
    18: {
        **{"nose": 0, "left_eye": 15, "right_eye": 14, "left_ear": 17, "right_ear": 16, "left_shoulder": 5},
        **{"right_shoulder": 2, "left_elbow": 6, "right_elbow": 3, "left_wrist": 7, "right_wrist": 4, "left_hip": 11},
        **{"right_hip": 8, "left_knee": 12, "right_knee": 9, "left_ankle": 13, "right_ankle": 10},
    },
}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path, tracks=3)
    write_frames(case)
    return case


def as_person(keypoints: np.ndarray, score: np.ndarray, count: int = 25) -> dict[str, Any]:
    joints = np.full((count, 3), 7.5)  # neck, hip and feet, which are not asked for
    for name, place in PLACES[count].items():
        joints[place] = [*keypoints[JOINTS.index(name)], score[JOINTS.index(name)]]
    return {"person_id": [-1], "pose_keypoints_2d": joints.ravel().tolist(), "face_keypoints_2d": []}


def prediction(case: Case, row: int) -> Path:
    path = Path(case.index.paths[row])
    return case.folder / "predictions" / path.parent / f"{path.stem}_keypoints.json"


def write_people(case: Case, row: int, *people: Any) -> None:
    file = prediction(case, row)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"version": 1.3, "people": people}))


def write_all(case: Case, count: int = 25) -> None:
    for row in case.present():
        write_people(case, row, as_person(case.rows.keypoints[row], case.rows.score[row], count))


def run(case: Case, *options: str) -> int:
    return run_import(case, case.folder / "predictions", "openpose", "--root", case.root, *options)


@pytest.mark.parametrize("count", [25, 18])
def test_joints_of_both_models_find_their_place(case: Case, count: int) -> None:
    write_all(case, count)
    assert run(case) == 0
    assert_imported(case)


def test_joints_that_were_not_found_are_not_seen(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    keypoints, score = case.rows.keypoints.copy(), case.rows.score.copy()
    keypoints[2:9, 4], score[2:9, 4] = 0, 0
    case = replace(case, rows=FrameKeypoints(keypoints, score, case.rows.size, case.rows.status))
    write_all(case)
    assert run(case) == 0
    assert_imported(case)
    assert "(0, 0)" not in capsys.readouterr().out, "the score says it already"


def test_nobody_and_the_best_of_several(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    person = as_person(case.rows.keypoints[3], case.rows.score[3])
    worse = as_person(case.rows.keypoints[3] + 1, case.rows.score[3] * np.float32(0.5))
    neck_only = as_person(np.zeros((17, 2)), np.zeros(17))
    write_people(case, 3, worse, person, worse)
    write_people(case, 5)
    write_people(case, 6, neck_only)
    assert run(case, "--max-bad", "0.5") == 0
    assert_imported(without(case, 5, 6))
    out = capsys.readouterr().out
    assert "without a skeleton (status missing): 2\n" in out and "the best was taken: 1\n" in out


def change(**keys: Any) -> dict[str, Any]:
    return {"people": [{**as_person(np.ones((17, 2)), np.ones(17)), **keys}]}


REFUSED = {
    "MPI": (change(pose_keypoints_2d=[1.0] * 45), "expected x, y, score of 25 joints (BODY_25) or 18 (COCO), found 45"),
    "not in threes": (change(pose_keypoints_2d=[1.0] * 74), "found 74 numbers"),
    "no body": (change(pose_keypoints_2d=None), "found no numbers; run OpenPose with --model_pose BODY_25"),
    "text": (change(pose_keypoints_2d=["1"] * 75), "as numbers, found <U1"),
    "null": (change(pose_keypoints_2d=[None] * 75), "as numbers, found object"),
    "huge": (change(pose_keypoints_2d=[10**400] * 75), "whole numbers of 64 bits"),
    "percent": (change(pose_keypoints_2d=[90] * 75), "scores within 0…1 (a little more is clipped), found 90"),
    "a list": ([], "expected an object with people, as OpenPose's --write_json makes it"),
    "no people": ({"people": 3}, "expected an object with people"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_everything_else_is_refused(case: Case, content: Any, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    prediction(case, 2).write_text(json.dumps(content))
    assert_refused(case, capsys, run(case), message)


def test_shares_of_the_frame_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    shares = case.rows.keypoints / case.rows.size[:, None, ::-1].astype(np.float32)  # --keypoint_scale 3
    write_all(replace(case, rows=FrameKeypoints(shares, case.rows.score, case.rows.size, case.rows.status)))
    assert_refused(case, capsys, run(case), "expected coordinates in pixels of the frame, found none beyond 2")


def test_predictions_of_another_program_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(case)
    status = run_import(case, case.folder / "predictions", "mmpose", "--root", case.root)
    assert_refused(case, capsys, status, "no prediction is of a frame of the split, expected names such as")

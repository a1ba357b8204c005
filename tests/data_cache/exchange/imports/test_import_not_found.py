"""Joints that a program did not find and wrote to (0, 0) with a score all the same: never seen, and counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main as data_cache
from data_cache.contract.reader import open_cache
from data_cache.contract.records import FrameKeypoints
from pipeline.__main__ import main as pipeline
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    make_case,
    run_import,
    without,
    write_frames,
)

GONE = {2: (3, 7), 5: (16,), 11: (0, 1, 2, 9)}  # row → joints
JOINTS_GONE = 7


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path, orphans=0)
    write_frames(case)
    assert (case.rows.keypoints > 0).all() and (case.rows.score > 0).all()
    return case


def lose(case: Case, gone: dict[int, tuple[int, ...]], score: float = 1.0) -> Case:
    """The case with joints as OpenPose and YOLO write those that they did not find."""
    rows = case.rows
    keypoints, scores = rows.keypoints.copy(), rows.score.copy()
    for row, joints in gone.items():
        keypoints[row, joints] = 0
        scores[row, joints] = score
    return replace(case, rows=FrameKeypoints(keypoints, scores, rows.size, rows.status))


def write_predictions(case: Case) -> Path:
    folder = case.folder / "predictions"
    for row, path in enumerate(case.index.paths):
        file = (folder / path).with_suffix(".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        keypoints, score = case.rows.keypoints[row].tolist(), case.rows.score[row].tolist()
        file.write_text(json.dumps([{"keypoints": keypoints, "keypoint_scores": score}]))
    return folder


def run(case: Case, *options: str) -> int:
    return run_import(case, write_predictions(case), "mmpose", "--root", case.root, *options)


def test_joints_at_the_corner_with_a_score_are_not_found(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case = lose(case, GONE)
    assert run(case) == 0
    line = f"joints at exactly (0, 0), in 3 frames, taken as not found (score 0): {JOINTS_GONE}\n"
    assert line in capsys.readouterr().out
    case = lose(case, GONE, 0)  # everything else is as it was
    assert_imported(case)
    graphs = case.folder / "graphs.h5"
    command = ["graphs", "--config", "configs/sample.yaml", "--keypoints", str(case.out), "--out", str(graphs)]
    assert pipeline(command) == 0
    with h5py.File(graphs) as file:
        for row, joints in GONE.items():
            assert not file["frames/seen"][row, list(joints)].any()
            assert not file["frames/nodes"][row, list(joints)].any()
        seen = case.rows.score >= np.float32(json.loads(file.attrs["recipe"])["min_score"])
        np.testing.assert_array_equal(file["frames/seen"][:], seen)


def test_a_single_frame_is_a_stray_one(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case = lose(case, {4: (3, 8)})
    assert run(case) == 0
    assert "joints at exactly (0, 0), in 1 frame, kept: 2\n" in capsys.readouterr().out
    assert_imported(case)


def test_two_frames_are_not_stray(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case = lose(case, {4: (3,), 9: (3,)})
    assert run(case) == 0
    assert "in 2 frames, taken as not found (score 0): 2\n" in capsys.readouterr().out
    with open_cache(case.out) as reader:
        assert (reader.read("score", 0, reader.frames) == 0).sum() == 2


def test_joints_on_an_edge_or_without_a_score_are_left_alone(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    keypoints = case.rows.keypoints.copy()
    keypoints[3:9, 5, 0], keypoints[3:9, 6, 1] = 0, 0  # on the left and the upper edge of the frame, not in its corner
    case = replace(case, rows=FrameKeypoints(keypoints, case.rows.score, case.rows.size, case.rows.status))
    case = lose(case, dict.fromkeys(range(3, 9), (7,)), 0)
    assert run(case) == 0
    assert "(0, 0)" not in capsys.readouterr().out
    assert_imported(case)


def test_a_skeleton_that_lies_in_the_corner_is_nobody(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    case = lose(case, {6: tuple(range(17))})
    assert run(case, "--max-bad", "0.5") == 0
    assert_imported(without(case, 6))
    out = capsys.readouterr().out
    assert "without a skeleton (status missing): 1\n" in out and "(0, 0)" not in out


def test_a_person_is_not_the_best_by_joints_that_were_not_found(case: Case) -> None:
    predictions = write_predictions(case)
    score = np.full_like(case.rows.score, 0.5)
    case = replace(case, rows=FrameKeypoints(case.rows.keypoints, score, case.rows.size, case.rows.status))
    for row, path in enumerate(case.index.paths):
        keypoints = case.rows.keypoints[row]
        other = np.where(np.arange(17)[:, None] < 9, 0, keypoints + 1)  # half of it not found, at score 1
        persons = [(other, np.where(np.arange(17) < 9, 1, 0.75)), (keypoints, score[row])]
        content = [{"keypoints": xy.tolist(), "keypoint_scores": values.tolist()} for xy, values in persons]
        (predictions / path).with_suffix(".json").write_text(json.dumps(content))
    assert run_import(case, predictions, "mmpose", "--root", case.root) == 0
    assert_imported(case)


def test_what_was_imported_comes_back_bit_by_bit(case: Case) -> None:
    case = lose(case, GONE)
    assert run(case) == 0
    first, source = case.folder / "first.h5", case.folder / "own.pkl"
    case.out.rename(first)
    assert data_cache(["export", str(first), "--format", "pyskl", "--out", str(source)]) == 0
    assert run_import(case, source, "pyskl") == 0
    assert_imported(lose(case, GONE, 0))

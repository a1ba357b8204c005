"""Importing ends with the rules of `check`: what most frames break is refused, what a few break is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_cache.__main__ import main as data_cache
from data_cache.contract.records import FrameKeypoints
from data_cache.verification.check import check_file
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    write_frames,
    write_star,
)

RULE = "/frames/keypoints: expected at most half the frame's longer side outside of the frame"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path)
    write_frames(case)
    return case


def move(case: Case, rows: slice | list[int], x: float = 256) -> Case:
    """Skeletons in another coordinate frame: that of a picture in which the frame lies at (x, 0)."""
    keypoints = case.rows.keypoints.copy()
    keypoints[rows, :, 0] += np.float32(x)
    return replace(case, rows=FrameKeypoints(keypoints, case.rows.score, case.rows.size, case.rows.status))


def run(case: Case, *options: str) -> int:
    return run_import(case, write_star(case, case.folder / "poses.h5"), "star", "--root", case.root, *options)


def test_skeletons_in_another_coordinate_frame_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    moved = move(case, slice(None))
    count, x = len(case.index.paths), moved.rows.keypoints[0, 0, 0]
    found = f"{count} of {count} frames with a skeleton break a rule of `check`: {RULE}, found {x:.6g}"[:-1]
    where = f"(nose, x) in {case.index.paths[0]}; give coordinates in pixels of the frame itself"
    assert_refused(case, capsys, run(moved), "poses.h5: ", found, where)
    assert run(case) == 0, "the remedy"
    assert_imported(case)


def test_scaled_skeletons_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    larger = case.rows.keypoints * np.float32(20)  # of frames scaled up before the network
    scaled = replace(case, rows=FrameKeypoints(larger, case.rows.score, case.rows.size, case.rows.status))
    assert_refused(case, capsys, run(scaled), RULE, "of the picture that it was cut from or scaled to")


def test_a_few_frames_that_break_a_rule_are_counted(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    moved = move(case, [3, 8, 21])
    assert run(moved) == 0
    assert_imported(moved)
    out = capsys.readouterr().out
    assert f"  warning: {RULE.replace(':', ' row 3 (and 2 more rows):')}, found " in out
    # What the import says is what `check` says of the file.
    (problem,) = check_file(case.out)
    assert problem.sentence() in out and (problem.row, problem.rows) == (3, 3)
    assert data_cache(["check", str(case.out)]) == 0
    assert problem.sentence() in capsys.readouterr().out


def test_most_frames_are_more_than_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path)
    write_frames(case)
    count = len(case.index.paths)
    half = list(range(count // 2))
    assert run(move(case, half)) == 0
    assert f"row 0 (and {len(half) - 1} more rows)" in capsys.readouterr().out
    case.out.unlink()
    more = range(count // 2 + 1)
    assert_refused(case, capsys, run(move(case, list(more))), f"{len(more)} of {count} frames with a skeleton break")


def test_a_refused_import_leaves_what_was_there(case: Case) -> None:
    assert run(case) == 0
    before = case.out.read_bytes()
    assert run(move(case, slice(None))) == 1
    assert case.out.read_bytes() == before
    assert [file.name for file in case.out.parent.iterdir()] == [case.out.name]


def test_what_keeps_the_rules_is_imported_without_a_word(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(case) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1 and "warning" not in out


def normalise(case: Case, rows: list[int]) -> Case:
    keypoints = case.rows.keypoints.copy()
    keypoints[rows] /= case.rows.size[rows, None, ::-1]
    return replace(case, rows=FrameKeypoints(keypoints, case.rows.score, case.rows.size, case.rows.status))


def test_normalised_coordinates_are_refused_by_name(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    count = len(case.index.paths)
    for rows in ([3], list(range(1, count))):
        found = f"none beyond 2 in {len(rows)} of {count} frames ({case.index.paths[rows[0]]}), so they are normalised"
        assert_refused(case, capsys, run(normalise(case, rows)), "expected coordinates in pixels of the frame", found)


def test_a_share_of_normalised_frames_is_let_through_and_told(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    few = normalise(case, [3, 8, 21])
    count = len(case.index.paths)
    assert run(few, "--max-bad", f"{2.5 / count:.4f}") == 1
    capsys.readouterr()
    assert run(few, "--max-bad", f"{3.5 / count:.4f}") == 0
    assert_imported(few)
    expected = "row 3 (and 2 more rows): expected coordinates in pixels, not normalised to 0…1, found none beyond 2\n"
    assert f"  warning: /frames/keypoints {expected}" in capsys.readouterr().out

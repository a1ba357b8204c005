"""AlphaPose's default JSON, whose image_id is the name of the image, into a keypoints file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    write_frames,
)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path)
    write_frames(case)
    return case


def as_results(case: Case, name: Callable[[str], str]) -> list[dict[str, Any]]:
    """What its writer makes of a person: image_id, category_id, keypoints, the proposal's score (not in 0…1), box."""
    joints = np.concatenate([case.rows.keypoints, case.rows.score[:, :, None]], axis=2).astype(float)
    rows = zip(case.index.paths, joints.reshape(-1, 51).tolist(), strict=True)
    rest = {"category_id": 1, "score": 2.75, "box": [1.0, 2.0, 3.0, 4.0], "idx": [0.0]}
    return [{"image_id": name(path), "keypoints": values, **rest} for path, values in rows]


def run(case: Case, results: list[Any], *options: str | Path) -> int:
    source = case.folder / "alphapose-results.json"
    source.write_text(json.dumps(results))
    return run_import(case, source, "coco", *(options or ("--root", case.root)))


def basename(path: str) -> str:
    return path.rpartition("/")[2]


@pytest.mark.parametrize("name", [str, lambda path: path.split("/", 1)[1]])
def test_the_name_of_an_image_says_which_frame_it_is(case: Case, name: Callable[[str], str]) -> None:
    assert run(case, as_results(case, name)[::-1]) == 0
    assert_imported(case)
    with open_cache(case.out) as reader:
        assert sorted(reader.recipe["estimator"]) == ["imported", "sha256", "source"]


def test_basenames_are_names_where_every_frame_has_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path, tracks=3, orphans=0)
    write_frames(case)
    assert len({basename(path) for path in case.index.paths}) == len(case.index.paths)
    results = as_results(case, basename)
    assert run(case, [*results, {**results[0], "image_id": "elsewhere.jpg"}]) == 0
    assert_imported(case)
    assert "of no frame of this split: 1\n" in capsys.readouterr().out


def test_a_basename_of_several_frames_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    names = [basename(path) for path in case.index.paths]
    first = next(row for row, name in enumerate(names) if names.count(name) > 1)
    same = [path for path in case.index.paths if basename(path) == names[first]]
    status = run(case, as_results(case, basename))
    found = f"result {first}: image_id '{names[first]}': expected the name of one frame, found that of {len(same)}"
    assert_refused(case, capsys, status, found, ", ".join(same[:2]), "put the path from the data set's root there")
    assert run(case, as_results(case, str)) == 0, "the remedy"
    assert_imported(case)


def test_of_several_persons_the_best_scored_is_taken(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    results = as_results(case, str)
    assert run(case, [{**results[4], "keypoints": [1.0] * 51, "score": 2.5}, *results]) == 0
    assert_imported(case)
    assert "the best was taken: 1\n" in capsys.readouterr().out


REFUSED = {
    "26 joints": ({"keypoints": [5.0, 6.0, 0.5] * 26}, "expected 51 numbers x, y, score, found 78"),
    "scores on another scale": ({"keypoints": [5.0, 6.0, 5.5] * 17}, "scores within 0…1 (a little more is clipped)"),
    "a number as name": (
        {"image_id": 7},
        "name it with --images FILE.images.json, or give the image's name as image_id, found 7",
    ),
    "no name": ({"image_id": None}, "or give the image's name as image_id, found None"),
    "no person": ({"category_id": 3}, "expected category_id 1 (AlphaPose: person), found 3"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_everything_else_is_refused(
    case: Case, changes: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    results = as_results(case, str)
    assert_refused(case, capsys, run(case, [{**results[0], **changes}, *results[1:]]), message)


def test_without_the_frames_nothing_says_their_size(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(case, as_results(case, str), "--max-bad", "0")
    assert_refused(case, capsys, status, "expected height and width in pixels, found none", "--root DIR")

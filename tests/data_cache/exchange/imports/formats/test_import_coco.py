"""COCO keypoint results into a keypoints file: our own come back bit by bit, others by the names of their joints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import JOINTS
from data_cache.contract.split_file import write_split_file
from data_cache.contract.writer import CacheWriter
from data_cache.files.output_lock import lock_output
from tests.data_cache.exchange.imports.import_sources import (
    Case,
    assert_imported,
    assert_refused,
    make_case,
    run_import,
    write_frames,
)
from tests.factories import RECIPE


def write_original(case: Case) -> Path:
    path = case.folder / "original.h5"
    with CacheWriter(path, "keypoints", case.index, RECIPE, status=case.rows.status) as writer:
        writer.append({name: getattr(case.rows, name) for name in ("keypoints", "score", "size")})
    return path


def as_results(case: Case, order: list[str] | None = None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Results and data set of a case as another program may write them: other ids, other order of joints."""
    names = order or list(JOINTS)
    columns = [JOINTS.index(name) for name in names]
    images, results = [], []
    for row, path in enumerate(case.index.paths):
        height, width = case.rows.size[row].tolist()
        images.append({"id": 1000 + 7 * row, "file_name": path, "height": height, "width": width})
    for row in case.present()[::-1]:
        joints = np.concatenate([case.rows.keypoints[row], case.rows.score[row][:, None]], axis=1)[columns]
        result = {"image_id": 1000 + 7 * row, "category_id": 5, "keypoints": joints.astype(float).ravel().tolist()}
        results.append({**result, "score": 0.5})
    animal = {"id": 4, "name": "cat", "keypoints": ["tail"]}
    person = {"id": 5, "name": "person", "keypoints": names, "skeleton": []}
    return results, {"info": {}, "images": images, "categories": [animal, person], "annotations": []}


def save(case: Case, results: Any, data_set: Any) -> tuple[Path, Path]:
    files = case.folder / "results.json", case.folder / "results.images.json"
    for path, content in zip(files, (results, data_set), strict=True):
        path.write_text(json.dumps(content))
    return files


def run(case: Case, results: Any, data_set: Any, *options: str | Path) -> int:
    source, images = save(case, results, data_set)
    return run_import(case, source, "coco", "--images", images, *options)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return make_case(tmp_path)


@pytest.mark.parametrize("frames", ["frames.json", "original.h5"])
def test_our_own_export_comes_back_bit_by_bit(tmp_path: Path, frames: str) -> None:
    case = make_case(tmp_path, bad=True)
    original = write_original(case)
    source = tmp_path / "own.json"
    assert main(["export", str(original), "--format", "coco", "--out", str(source)]) == 0
    images, out = str(tmp_path / "own.images.json"), str(case.out)
    command = ["import", str(source), "--format", "coco", "--images", images, "--frames", str(tmp_path / frames)]
    assert main([*command, "--out", out, "--max-bad", "0.5"]) == 0
    assert_imported(case)


def test_joints_are_known_by_their_names(case: Case) -> None:
    results, data_set = as_results(case, sorted(JOINTS))
    assert sorted(JOINTS) != list(JOINTS)
    assert run(case, results, data_set) == 0
    assert_imported(case)
    with open_cache(case.out) as reader:
        assert reader.recipe["estimator"]["imported"] == "coco"
        assert reader.recipe["estimator"]["images"] == "results.images.json"


def test_of_several_results_the_best_scored_is_taken(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    results, data_set = as_results(case)
    other = {**results[0], "keypoints": [7.0, 7.0, 1.0] * 17}
    # The result's own score counts, not that of its joints.
    assert run(case, [{**other, "score": 0.4}, *results, {**other, "score": 0.5}], data_set) == 0
    assert_imported(case)
    assert "the best was taken: 1\n" in capsys.readouterr().out
    assert run(case, [*results, {**other, "score": 0.6}], data_set) == 0
    with open_cache(case.out) as reader:
        last = len(case.index.paths) - 1
        assert (reader.read("keypoints", last, last + 1) == 7).all()


def test_ids_that_a_table_made_floats_of_are_whole_numbers(case: Case) -> None:
    results, data_set = as_results(case)
    for item in results:
        item["image_id"], item["category_id"] = float(item["image_id"]), 5.0
    for image in data_set["images"]:
        image["id"] = float(image["id"])
    data_set["categories"][1]["id"] = 5.0
    assert run(case, results, data_set) == 0
    assert_imported(case)


def test_a_byte_order_mark_is_no_part_of_the_json(case: Case) -> None:
    source, images = save(case, *as_results(case))
    for file in (source, images):
        file.write_text(file.read_text("utf-8"), "utf-8-sig")
        assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert run_import(case, source, "coco", "--images", images) == 0
    assert_imported(case)


def test_frames_of_the_same_path_take_their_images_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = make_case(tmp_path)
    paths = list(case.index.paths)
    paths[9] = paths[2]
    index = type(case.index)(case.index.dataset, case.index.split, tuple(paths), case.index.tracks)
    case = Case(tmp_path, index, case.rows)
    write_split_file(case.frames, index)
    results, data_set = as_results(case)
    assert run(case, results, data_set) == 0
    assert_imported(case)
    case.out.unlink()
    data_set["images"].append({**data_set["images"][2], "id": 1})
    assert_refused(case, capsys, run(case, results, data_set), f"expected {paths[2]} 2 times as in the split")


def test_images_of_other_frames_are_counted(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    results, data_set = as_results(case)
    data_set["images"].append({"id": 3, "file_name": "elsewhere.jpg", "height": 5, "width": 6})
    assert run(case, [{**results[0], "image_id": 3}, *results], data_set) == 0
    assert_imported(case)
    assert "of no frame of this split: 1\n" in capsys.readouterr().out


def test_frames_that_moved_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    results, data_set = as_results(case)
    assert run(case, results, data_set, "--root", write_frames(case)) == 0
    case.out.unlink()
    first, second = (case.root / case.index.paths[row] for row in (0, 1))
    assert case.rows.size[0].tolist() != case.rows.size[1].tolist()
    first.write_bytes(second.read_bytes())
    height, width = case.rows.size[0].tolist()
    status = run(case, results, data_set, "--root", case.root)
    assert_refused(case, capsys, status, f"{case.index.paths[0]}: expected height {height} and width {width}, found")


def spoil(part: str, **changes: Any):
    """Change an item of the results, or of a list of the data set."""

    def change(results: list[Any], data_set: dict[str, Any]) -> tuple[Any, Any]:
        items = results if part == "results" else data_set[part]
        items[-1] = {**items[-1], **changes}
        return results, data_set

    return change


POINTS = [5.0, 6.0, 0.5] * 17
REFUSED = {
    "16 joints": (spoil("results", keypoints=POINTS[3:]), "expected 51 numbers x, y, score, found 48"),
    "no keypoints": (spoil("results", keypoints=None), "expected 51 numbers x, y, score, found NoneType"),
    "text": (spoil("results", keypoints=["1"] * 51), "expected 51 numbers x, y, score, found other values"),
    "NaN": (spoil("results", keypoints=[float("nan"), *POINTS[1:]]), "finite keypoints, found NaN"),
    "endless number": (
        spoil("results", keypoints=[10**400, *POINTS[1:]]),
        "expected whole numbers of 64 bits, got 1000",
    ),
    "visibility": (spoil("results", keypoints=[5, 6, 2] * 17), "scores within 0…1 (a little more is clipped), found 2"),
    "score": (spoil("results", score=None), "a number as the result's score, found None"),
    "category": (spoil("results", category_id=4), "expected category_id 5"),
    "long image": (spoil("results", image_id="x" * 10000), f"a whole number, found {'x' * 40!r}; give"),
    "long category": (spoil("results", category_id="x" * 10000), f"found {'x' * 40!r}"),
    "image": (spoil("results", image_id=1), "expected an image_id of"),
    "image as a fraction": (spoil("results", image_id=1000.5), "a whole number, found 1000.5"),
    "image as a huge float": (spoil("results", image_id=1e300), "a whole number, found 1e+300"),
    "image as text": (spoil("results", image_id="1000"), "found '1000'"),
    "names of joints": (spoil("categories", keypoints=["neck", *JOINTS[1:]]), "the 17 COCO joints by name"),
    "133 joints": (spoil("categories", keypoints=["a"] * 133), "found 133: a, a"),
    "no names": (spoil("categories", keypoints=None), "found none"),
    "no person": (spoil("categories", name="human"), "one category named person"),
    "no size": (spoil("images", height=0), "expected height and width in pixels, found none"),
    "size": (spoil("images", height="5"), "height and width as whole numbers"),
    "size, by its file": (spoil("images", width=65537), "results.images.json: Train/"),
    "no file name": (spoil("images", file_name=None), "images: expected id and file_name"),
    "ids": (spoil("images", id=1000), "expected every id once, found 1000 again"),
    "swapped files": (lambda results, data_set: (data_set, results), "one category named person"),
    "data set twice": (lambda results, data_set: (data_set, data_set), "give the results file here"),
    "list of numbers": (lambda results, data_set: ([1], data_set), "expected a list of results, found 1"),
    "no results": (lambda results, data_set: ([], data_set), "no entry is of a frame of"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_everything_else_is_refused(case: Case, change, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(case, capsys, run(case, *change(*as_results(case))), message)


def test_names_that_match_nothing_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    results, data_set = as_results(case)
    for image in data_set["images"]:
        image["file_name"] = image["file_name"].rpartition("/")[2]
    status = run(case, results, data_set)
    assert_refused(case, capsys, status, "no file_name is a frame of the split", f"such as {case.index.paths[0]}")


def test_truncated_and_absent_files_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    source, images = save(case, *as_results(case))
    source.write_text(source.read_text()[:-300])
    assert_refused(
        case, capsys, run_import(case, source, "coco", "--images", images), "results.json: expected whole JSON"
    )
    assert_refused(case, capsys, run_import(case, source, "coco"), "name it with --images")
    source.unlink()
    assert_refused(case, capsys, run_import(case, source, "coco", "--images", images), "results.json: No such file")


def test_a_locked_output_and_a_source_as_output_are_left_alone(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    results, data_set = as_results(case)
    assert run(case, results, data_set) == 0
    before = case.out.read_bytes()
    statuses: list[int] = []
    with lock_output(case.out):  # held by this thread; the import runs in another
        thread = threading.Thread(target=lambda: statuses.append(run(case, results, data_set)))
        thread.start()
        thread.join()
    assert statuses == [1]
    error = capsys.readouterr().err
    assert "is writing this file; wait for it or stop it" in error
    source, images = save(case, results, data_set)
    command = ["import", str(source), "--format", "coco", "--images", str(images), "--out", str(case.out)]
    assert main([*command, "--frames", str(case.out)]) == 1
    assert "expected another name than that of a file to read" in capsys.readouterr().err
    assert case.out.read_bytes() == before
    # An import that fails leaves what was there.
    assert run(case, [*results[:-1], {**results[-1], "keypoints": []}], data_set) == 1
    assert case.out.read_bytes() == before

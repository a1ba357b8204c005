"""COCO results as pycocotools and xtcocotools load them, value by value."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.contract.skeleton import JOINTS, LIMBS
from data_cache.exchange.exports import coco_file, exported_frames
from data_cache.exchange.exports.coco_file import person_category
from data_cache.exchange.exports.export_coco import export_coco, images_path, result_lines
from data_cache.exchange.exports.exported_frames import ExportRequest
from tests.factories import random_index, write_cache

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "train.h5", index=random_index(5), seed=5)


@pytest.mark.parametrize("library", ["pycocotools.coco", "xtcocotools.coco"])
def test_both_libraries_load_what_was_written(keypoints: Path, tmp_path: Path, library: str) -> None:
    out = tmp_path / "results.json"
    done = export_coco(ExportRequest(keypoints, out))
    assert done.files == (out, tmp_path / "results.images.json")
    coco_class = importlib.import_module(library).COCO
    coco = coco_class(str(done.files[1]))
    results = coco.loadRes(str(out))
    with open_cache(keypoints) as reader:
        status, paths = reader.status, reader.paths
        xy, score, size = (reader.read(name, 0, reader.frames) for name in ("keypoints", "score", "size"))
    assert sorted(coco.getImgIds()) == list(range(1, len(paths) + 1))
    (category,) = coco.loadCats(coco.getCatIds(catNms=["person"]))
    assert category["keypoints"] == list(JOINTS)
    assert [[category["keypoints"][end - 1] for end in limb] for limb in category["skeleton"]] == list(map(list, LIMBS))
    for row, path in enumerate(paths):
        (image,) = coco.loadImgs([row + 1])
        assert image == {"id": row + 1, "file_name": path, "height": size[row, 0], "width": size[row, 1]}
        found = results.loadAnns(results.getAnnIds(imgIds=[row + 1], catIds=[category["id"]]))
        assert len(found) == (status[row] == Status.OK)
        if found:
            table = np.array(found[0]["keypoints"]).reshape(17, 3)
            np.testing.assert_array_equal(table.astype(np.float32), np.column_stack([xy[row], score[row]]))
            assert found[0]["score"] == pytest.approx(score[row].mean(), rel=1e-6)
            x, y, width, height = found[0]["bbox"]
            assert (x, y) == (table[:, 0].min(), table[:, 1].min())
            assert (x + width, y + height) == pytest.approx((table[:, 0].max(), table[:, 1].max()))
    assert (done.frames, done.trackless) == ((status == Status.OK).sum(), 0)
    assert done.unseen == (status != Status.OK).sum() > 0


@settings(max_examples=50, deadline=None)
@given(table=arrays(np.float32, (3, 17, 3), elements=FLOATS))
def test_every_float32_comes_back_as_it_was(table: np.ndarray) -> None:
    lines = result_lines(np.array([5, 7, 11]), table[:, :, :2], np.clip(table[:, :, 2], -1e30, 1e30))
    for number, line in enumerate(lines):
        result = json.loads(line)
        found = np.array(result["keypoints"], np.float64).reshape(17, 3).astype(np.float32)
        assert found[:, :2].tobytes() == np.ascontiguousarray(table[number, :, :2]).tobytes()
        assert result["image_id"] == [5, 7, 11][number]


def test_numbers_are_as_short_as_they_can_be() -> None:
    (line,) = result_lines(np.array([1]), np.full((1, 17, 2), 0.1, np.float32), np.full((1, 17), 0.5, np.float32))
    assert line.startswith('{"image_id": 1, "category_id": 1, "keypoints": [0.1, 0.1, 0.5, 0.1, ')
    assert line.endswith('], "score": 0.5}')


def test_blocks_and_repetition_do_not_change_the_bytes(
    keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_coco(ExportRequest(keypoints, tmp_path / "a.json"))
    monkeypatch.setattr(exported_frames, "BLOCK_ROWS", 3)
    export_coco(ExportRequest(keypoints, tmp_path / "b.json"))
    for ending in (".json", ".images.json"):
        assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_no_frame_with_keypoints_is_an_empty_list(tmp_path: Path) -> None:
    path = write_cache(tmp_path / "train.h5")
    with h5py.File(path, "r+") as file:
        file["frames/status"][:] = Status.MISSING
    done = export_coco(ExportRequest(path, tmp_path / "results.json"))
    assert done.frames == 0
    results, images = done.files
    assert json.loads(results.read_text()) == []
    assert len(json.loads(images.read_text())["images"]) == done.unseen
    empty = write_cache(tmp_path / "empty.h5", index=random_index(tracks=0, orphans=0))
    done = export_coco(ExportRequest(empty, tmp_path / "empty.json"))
    assert json.loads(done.files[1].read_text())["images"] == []


def test_numbers_that_are_none_stop_it_and_leave_nothing(keypoints: Path, tmp_path: Path) -> None:
    with h5py.File(keypoints, "r+") as file:
        row = int(np.flatnonzero(file["frames/status"][:] == Status.OK)[-1])
        file["frames/keypoints"][row, 3, 1] = np.nan
    out = tmp_path / "out" / "results.json"
    with pytest.raises(ValueError, match=f"expected numbers in row {row}, whose status is ok.*`check`"):
        export_coco(ExportRequest(keypoints, out))
    assert list(out.parent.iterdir()) == []


def test_a_failure_between_the_two_files_keeps_the_older_ones(
    keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "results.json"
    export_coco(ExportRequest(keypoints, out))
    before = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    assert set(before) == {"results.json", "results.images.json"}
    with h5py.File(keypoints, "r+") as file:
        file["frames/score"][0, 0] = 0.125

    def fail() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(coco_file, "person_category", fail)
    with pytest.raises(KeyboardInterrupt):
        export_coco(ExportRequest(keypoints, out))
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == before


def test_category_counts_joints_from_one() -> None:
    skeleton = np.array(person_category()["skeleton"])
    assert (skeleton.min(), skeleton.max()) == (1, 17)
    assert images_path(Path("a/results.json")) == Path("a/results.images.json")

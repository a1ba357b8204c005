"""The COCO data set: what pycocotools and xtcocotools load, and what they make of it as ground truth."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.exports import exported_frames
from data_cache.exchange.exports.export_coco import export_coco
from data_cache.exchange.exports.export_coco_dataset import export_coco_dataset
from data_cache.exchange.exports.exported_frames import ExportRequest
from tests.data_cache.exchange.stored_frames import read_stored
from tests.factories import random_index, write_cache


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    path = write_cache(tmp_path / "train.h5", index=random_index(7), seed=7)
    with h5py.File(path, "r+") as file:
        row = int(np.flatnonzero(file["frames/status"][:] == 0)[1])
        file["frames/score"][row, 3:6] = 0.0, 0.37, 1.0  # just at the min scores of the tests
    return path


@pytest.mark.parametrize("library", ["pycocotools.coco", "xtcocotools.coco"])
@pytest.mark.parametrize("min_score", [0.0, 0.37, 1.0])
def test_both_libraries_load_every_annotation(keypoints: Path, tmp_path: Path, library: str, min_score: float) -> None:
    out = tmp_path / "data.json"
    done = export_coco_dataset(ExportRequest(keypoints, out, min_score=min_score))
    coco = importlib.import_module(library).COCO(str(out))
    stored = read_stored(keypoints)
    assert sorted(coco.getImgIds()) == list(range(1, len(stored.path) + 1))
    (category,) = coco.loadCats(coco.getCatIds(catNms=["person"]))
    assert category["keypoints"] == list(JOINTS)
    for row, path in enumerate(stored.path):
        (image,) = coco.loadImgs([row + 1])
        assert (image["file_name"], image["height"], image["width"]) == (path, *stored.size[row])
        found = coco.loadAnns(coco.getAnnIds(imgIds=[row + 1], catIds=[category["id"]], iscrowd=False))
        assert len(found) == stored.ok[row]
        for annotation in found:
            table = np.array(annotation["keypoints"], np.float64).reshape(17, 3)
            np.testing.assert_array_equal(table[:, :2].astype(np.float32), stored.keypoints[row])
            score = np.array(annotation["keypoint_scores"], np.float64).astype(np.float32)
            np.testing.assert_array_equal(score, stored.score[row])
            seen = [float(value) >= np.float32(min_score) for value in stored.score[row]]
            assert table[:, 2].tolist() == [2 if one else 0 for one in seen]
            assert annotation["num_keypoints"] == sum(seen)
            height, width = stored.size[row].tolist()
            assert (annotation["bbox"], annotation["area"]) == ([0, 0, width, height], width * height)
            track = int(stored.track[row])
            assert annotation["track_id"] == track
            assert annotation["person"] == (stored.tracks[track]["person"] if track >= 0 else -1)
    assert (done.frames, done.unseen, done.files) == (stored.ok.sum(), (~stored.ok).sum(), (out,))
    assert (stored.track < 0).any()


@pytest.mark.parametrize("library", ["pycocotools", "xtcocotools"])
def test_results_are_perfect_against_their_own_data_set_and_worse_when_shifted(
    keypoints: Path, tmp_path: Path, library: str
) -> None:
    results, truth = tmp_path / "results.json", tmp_path / "truth.json"
    export_coco(ExportRequest(keypoints, results))
    export_coco_dataset(ExportRequest(keypoints, truth))
    assert precision(library, truth, results) == pytest.approx(1.0)
    shifted = json.loads(results.read_text())
    for result in shifted:
        result["keypoints"][0::3] = [x + 3 for x in result["keypoints"][0::3]]
    results.write_text(json.dumps(shifted))
    assert 0 <= precision(library, truth, results) < 0.9


def precision(library: str, truth: Path, results: Path) -> float:
    """AP of the keypoints, as COCO computes it."""
    coco = importlib.import_module(f"{library}.coco").COCO(str(truth))
    evaluation = importlib.import_module(f"{library}.cocoeval").COCOeval(
        coco, coco.loadRes(str(results)), iouType="keypoints"
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[0])


@pytest.mark.filterwarnings("ignore")
def test_mmpose_trains_on_what_is_seen(keypoints: Path, tmp_path: Path) -> None:
    from mmpose.datasets.datasets.body import CocoDataset

    out = tmp_path / "data.json"
    export_coco_dataset(ExportRequest(keypoints, out, min_score=0.37))
    data = CocoDataset(ann_file=str(out), data_root=str(tmp_path), data_prefix={"img": ""}, pipeline=[])
    stored = read_stored(keypoints)
    samples = {sample["img_id"] - 1: sample for sample in map(data.get_data_info, range(len(data)))}
    assert sorted(samples) == np.flatnonzero(stored.ok).tolist()
    for row, sample in samples.items():
        assert sample["img_path"] == str(tmp_path / stored.path[row])
        np.testing.assert_array_equal(sample["keypoints"][0], stored.keypoints[row])
        np.testing.assert_array_equal(sample["keypoints_visible"][0], stored.score[row] >= np.float32(0.37))


def test_single_tracks_keep_their_image_ids(keypoints: Path, tmp_path: Path) -> None:
    stored = read_stored(keypoints)
    chosen = (5, 2)
    rows = [row for number in chosen for row in range(stored.tracks[number]["start"], stored.tracks[number]["stop"])]
    export_coco_dataset(ExportRequest(keypoints, tmp_path / "data.json", tracks=chosen))
    export_coco(ExportRequest(keypoints, tmp_path / "results.json", tracks=chosen))
    content = json.loads((tmp_path / "data.json").read_text())
    assert [image["id"] for image in content["images"]] == [row + 1 for row in rows]
    assert [image["file_name"] for image in content["images"]] == [stored.path[row] for row in rows]
    seen = [row + 1 for row in rows if stored.ok[row]]
    assert [annotation["image_id"] for annotation in content["annotations"]] == seen
    assert [result["image_id"] for result in json.loads((tmp_path / "results.json").read_text())] == seen
    assert len(json.loads((tmp_path / "results.images.json").read_text())["images"]) == len(rows)


def test_the_blocks_do_not_change_the_bytes(keypoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_coco_dataset(ExportRequest(keypoints, tmp_path / "a.json"))
    monkeypatch.setattr(exported_frames, "BLOCK_ROWS", 3)
    export_coco_dataset(ExportRequest(keypoints, tmp_path / "b.json"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_split_without_frames_is_an_empty_data_set(tmp_path: Path) -> None:
    empty = write_cache(tmp_path / "empty.h5", index=random_index(tracks=0, orphans=0))
    export_coco_dataset(ExportRequest(empty, tmp_path / "data.json"))
    content = json.loads((tmp_path / "data.json").read_text())
    assert (content["images"], content["annotations"]) == ([], [])

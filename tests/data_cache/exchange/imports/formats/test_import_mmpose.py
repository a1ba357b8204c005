"""Folders of predictions, written by MMPose's own inferencer code, into a keypoints file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
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

Persons = list[tuple[np.ndarray, np.ndarray]]  # keypoints and scores of each


def predict(image: str, persons: Persons, folder: Path) -> None:
    """What the inferencer does with one image after its network: to JSON, by its own code."""
    from mmengine.structures import InstanceData
    from mmpose.apis.inferencers.base_mmpose_inferencer import BaseMMPoseInferencer
    from mmpose.structures import PoseDataSample

    folder.mkdir(parents=True, exist_ok=True)
    instances = InstanceData(
        keypoints=np.array([keypoints for keypoints, _ in persons], np.float32).reshape(len(persons), 17, 2),
        keypoint_scores=np.array([score for _, score in persons], np.float32).reshape(len(persons), 17),
        bboxes=np.zeros((len(persons), 4), np.float32),
        bbox_scores=np.ones(len(persons), np.float32),
    )
    sample = PoseDataSample(metainfo={"img_path": image})
    sample.pred_instances = instances
    BaseMMPoseInferencer.postprocess(SimpleNamespace(_video_input=False), [sample], [], pred_out_dir=str(folder))


def predict_all(case: Case, folder: Callable[[str], Path]) -> None:
    for row in case.present():
        path = case.index.paths[row]
        predict(str(case.root / path), [(case.rows.keypoints[row], case.rows.score[row])], folder(path))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    case = make_case(tmp_path, tracks=3)
    write_frames(case)
    return case


@pytest.fixture
def predictions(case: Case) -> Path:
    """Run a folder at a time, as the documentation says."""
    predict_all(case, lambda path: case.folder / "predictions" / Path(path).parent)
    return case.folder / "predictions"


def test_a_tree_like_the_data_sets_is_read(case: Case, predictions: Path) -> None:
    assert run_import(case, predictions, "mmpose", "--root", case.root) == 0
    assert_imported(case)


def test_a_byte_order_mark_is_no_part_of_a_prediction(case: Case, predictions: Path) -> None:
    for file in predictions.rglob("*.json"):
        file.write_text(file.read_text("utf-8"), "utf-8-sig")
    assert run_import(case, predictions, "mmpose", "--root", case.root) == 0
    assert_imported(case)


def test_a_tree_within_the_split_is_read(case: Case, predictions: Path) -> None:
    assert run_import(case, predictions / "Train", "mmpose", "--root", case.root) == 0
    assert_imported(case)


def test_a_flat_folder_is_read_where_basenames_are_unique(tmp_path: Path) -> None:
    case = make_case(tmp_path, tracks=3, orphans=0)
    write_frames(case)
    predict_all(case, lambda path: tmp_path / "flat")
    assert len(list((tmp_path / "flat").iterdir())) == len(case.index.paths)
    assert run_import(case, tmp_path / "flat", "mmpose", "--root", case.root) == 0
    assert_imported(case)


def write_demo(case: Case, meta: object) -> Path:
    """What MMPose's demos save of an image: results_<image>.json with meta_info beside the persons."""
    folder = case.folder / "vis_results"
    for row, path in enumerate(case.index.paths):
        keypoints, score = case.rows.keypoints[row].tolist(), case.rows.score[row].tolist()
        person = {"keypoints": keypoints, "keypoint_scores": score, "bbox": [[0, 0, 5, 6]], "bbox_score": 1}
        file = folder / Path(path).parent / f"results_{Path(path).stem}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"meta_info": meta, "instance_info": [person]}, indent="\t"))
    return folder


def test_what_the_demos_save_is_read(case: Case) -> None:
    meta = {"dataset_name": "coco", "keypoint_id2name": {str(place): name for place, name in enumerate(JOINTS)}}
    assert run_import(case, write_demo(case, meta), "mmpose", "--root", case.root) == 0
    assert_imported(case)


def test_demos_of_seventeen_other_joints_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    other = {str(place): name for place, name in enumerate(("root", "right_hip", *JOINTS[2:]))}  # as Human3.6M begins
    status = run_import(case, write_demo(case, {"keypoint_id2name": other}), "mmpose", "--root", case.root)
    assert_refused(case, capsys, status, "meta_info: expected the 17 COCO joints in their order", "17: root, right_hip")


def test_predictions_that_overwrote_each_other_are_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    flat = case.folder / "flat"
    predict_all(case, lambda path: flat)
    assert len(list(flat.iterdir())) < len(case.index.paths), "frames 1.jpg of two folders"
    twins = [path for path in case.index.paths if path.endswith("/1.jpg")]
    assert len(twins) == 2
    status = run_import(case, flat, "mmpose", "--root", case.root)
    remedy = "run it a folder at a time, with pred_out_dir=PREDICTIONS/<folder of the frames>"
    assert_refused(case, capsys, status, f"1.json would be the prediction of {twins[0]} and of {twins[1]}", remedy)


def test_of_several_persons_the_best_scored_is_taken(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    source = case.folder / "predictions"
    for row, path in enumerate(case.index.paths):
        keypoints, score = case.rows.keypoints[row], case.rows.score[row]
        one_joint = np.where(np.arange(17) == 4, 1, score * 0.5 - 0.1).astype(np.float32)  # highest score, not mean
        assert one_joint.mean() < score.mean()
        others = [(keypoints + 3, score * np.float32(0.9)), (keypoints - 3, one_joint)]
        persons = [(keypoints, score), *others] if row % 2 else [*others, (keypoints, score)]
        predict(path, persons if row % 5 else [(keypoints, score)], source / Path(path).parent)
    assert run_import(case, source, "mmpose", "--root", case.root) == 0
    assert_imported(case)
    several = sum(row % 5 != 0 for row in range(len(case.index.paths)))
    assert f"with several skeletons, the best was taken: {several}\n" in capsys.readouterr().out


def test_nobody_and_no_prediction_leave_the_frame_missing(
    case: Case, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody, nothing = case.index.paths[1], case.index.paths[4]
    predict(nobody, [], predictions / Path(nobody).parent)
    (predictions / nothing).with_suffix(".json").unlink()
    predict("other/9.jpg", [], predictions / "other")
    assert run_import(case, predictions, "mmpose", "--root", case.root, "--max-bad", "0.5") == 0
    assert_imported(without(case, 1, 4))
    out = capsys.readouterr().out
    assert "without a skeleton (status missing): 2\n" in out and "of no frame of this split: 1\n" in out
    case.out.unlink()
    assert_refused(case, capsys, run_import(case, predictions, "mmpose", "--root", case.root), nobody, nothing)


def test_scores_a_little_off_are_clipped_and_counted(
    case: Case, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, score = case.index.paths[2], case.rows.score[2].copy()
    score[[3, 7]] = 1.25, -0.125
    worse = np.full_like(score, -0.25)  # of another person, who is not taken: not counted
    predict(path, [(case.rows.keypoints[2], worse), (case.rows.keypoints[2], score)], predictions / Path(path).parent)
    assert run_import(case, predictions, "mmpose", "--root", case.root) == 0
    assert "scores clipped to 0…1: 2\n" in capsys.readouterr().out
    with open_cache(case.out) as reader:
        np.testing.assert_array_equal(reader.read("score", 2, 3)[0], np.clip(score, 0, 1))


def test_the_recipe_changes_with_a_prediction(case: Case, predictions: Path) -> None:
    recipes = []
    for x in (1.0, 2.0):
        keypoints = case.rows.keypoints[0].copy()
        keypoints[0] = x
        predict(case.index.paths[0], [(keypoints, case.rows.score[0])], predictions / Path(case.index.paths[0]).parent)
        assert run_import(case, predictions, "mmpose", "--root", case.root) == 0
        with open_cache(case.out) as reader:
            recipes.append(reader.recipe["estimator"])
    assert recipes[0]["source"] == "predictions" and recipes[0]["imported"] == "mmpose"
    assert recipes[0]["sha256"] != recipes[1]["sha256"]


def person(**changes: object) -> str:
    return json.dumps([{"keypoints": [[5.0, 6.0]] * 17, "keypoint_scores": [0.5] * 17, **changes}])


REFUSED = {
    "133 joints": (person(keypoints=[[1, 2]] * 133), "17 COCO joints, shape (17, 2), found shape (133, 2)"),
    "scores of others": (person(keypoint_scores=[0.5] * 16), "scores of the 17 COCO joints"),
    "NaN": (person(keypoint_scores=[float("nan")] * 17), "finite scores, found NaN"),
    "huge": (person(keypoints=[[1e39, 2]] * 17), "finite keypoints, found NaN or infinity"),
    "other scale": (person(keypoint_scores=[50] * 17), "scores within 0…1 (a little more is clipped), found 50"),
    "text": (person(keypoints=[["1", "2"]] * 17), "as numbers, found <U1"),
    "ragged": (person(keypoints=[[1, 2], [3]]), "rows of different lengths"),
    "no scores": ('[{"keypoints": []}]', "expected keypoints and keypoint_scores of each person, found keypoints"),
    "truncated": ('[{"keypoints": [[', "expected whole JSON"),
    "nested": ("[" * 100_000, "expected whole JSON"),
    "no list": ('{"meta_info": {}}', "expected a list of persons as MMPose writes it, found dict"),
    "a demo's video": ('{"meta_info": {}, "instance_info": [{"frame_id": 1, "instances": []}]}', "that of a video"),
    "a demo of nothing": ('{"instance_info": 5}', "expected a list of persons as MMPose writes it, found int"),
    "video": ('[{"frame_id": 0, "instances": []}]', "found that of a video"),
    "not UTF-8": (b"\xff\xfe", "expected whole JSON"),
    "large": (b" " * ((1 << 23) + 1), "found more than 8 MiB"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_every_other_prediction_is_refused(
    case: Case, content: str | bytes, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = (case.folder / "predictions" / case.index.paths[2]).with_suffix(".json")
    file.parent.mkdir(parents=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    status = run_import(case, case.folder / "predictions", "mmpose", "--root", case.root)
    assert_refused(case, capsys, status, case.index.paths[2].removesuffix(".jpg"), message)


def test_a_link_out_of_the_folder_is_refused(case: Case, predictions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = (predictions / case.index.paths[2]).with_suffix(".json")
    file.rename(case.folder / "elsewhere.json")
    file.symlink_to(case.folder / "elsewhere.json")
    status = run_import(case, predictions, "mmpose", "--root", case.root)
    assert_refused(case, capsys, status, "expected a frame inside", "elsewhere.json: not read")


def test_a_folder_of_other_things_is_refused(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    status = run_import(case, case.root, "mmpose", "--root", case.root)
    name = case.index.paths[0].split("/", 1)[1].replace(".jpg", ".json")
    assert_refused(case, capsys, status, f"no prediction is of a frame of the split, expected names such as {name}")
    status = run_import(case, case.frames, "mmpose", "--root", case.root)
    assert_refused(case, capsys, status, "expected the folder of MMPose's predictions (pred_out_dir), found no folder")

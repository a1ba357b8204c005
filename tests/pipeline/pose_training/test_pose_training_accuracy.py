"""OKS, PCK and AP against loops written from their definitions and against xtcocotools on known cases."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from mmpose.evaluation.functional import keypoint_pck_accuracy
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

from pipeline.pose_training.accuracy import (
    COCO_SIGMAS,
    average_precision,
    correct_keypoints,
    object_keypoint_similarity,
)
from pipeline.pose_training.evaluate import Poses, as_coco_results, figures, simulate_infrared_crops

JOINTS = [f"joint{number}" for number in range(17)]


def some_poses(people: int, spread: float, seed: int = 1) -> Poses:
    rng = np.random.default_rng(seed)
    labelled = np.round(rng.uniform(20, 90, (people, 17, 2)), 2)
    visibility = rng.integers(0, 3, (people, 17))
    visibility[:, 0] = 2
    return Poses(
        predicted=labelled + rng.normal(0, spread, labelled.shape),
        score=rng.uniform(0.2, 1, (people, 17)),
        labelled=labelled,
        visibility=visibility,
        box=np.column_stack([rng.uniform(5, 9, (people, 2)), rng.uniform((30, 70), (45, 110), (people, 2))]),
        image_id=np.arange(people) * 3 + 5,
    )


def write_labels(poses: Poses, path: Path) -> Path:
    triples = np.concatenate([poses.labelled, poses.visibility[:, :, None]], axis=2)
    triples[poses.visibility == 0] = 0
    annotations = [
        {
            "id": number + 1,
            "image_id": int(image),
            "category_id": 1,
            "bbox": box.tolist(),
            "area": float(box[2] * box[3]),
            "iscrowd": 0,
            "num_keypoints": int((triple[:, 2] > 0).sum()),
            "keypoints": triple.ravel().tolist(),
        }
        for number, (image, box, triple) in enumerate(zip(poses.image_id, poses.box, triples, strict=True))
    ]
    images = [{"id": int(image), "file_name": f"{image}.jpg", "width": 128, "height": 128} for image in poses.image_id]
    categories = [{"id": 1, "name": "person", "keypoints": JOINTS, "skeleton": []}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def test_oks_equals_its_definition() -> None:
    poses = some_poses(7, 4.0)
    area = poses.box[:, 2] * poses.box[:, 3]
    found = object_keypoint_similarity(poses.predicted, poses.labelled, poses.visibility > 0, area)
    for person in range(7):
        total, count = 0.0, 0
        for joint in range(17):
            if poses.visibility[person, joint] > 0:
                dx, dy = poses.predicted[person, joint] - poses.labelled[person, joint]
                k = 2 * COCO_SIGMAS[joint]
                total += math.exp(-(dx**2 + dy**2) / (2 * area[person] * k**2))
                count += 1
        assert found[person] == pytest.approx(total / count, rel=1e-12)
    assert 0.1 < found.mean() < 0.9


def test_oks_equals_xtcocotools(tmp_path: Path) -> None:
    poses = some_poses(5, 4.0)
    truth = COCO(str(write_labels(poses, tmp_path / "labels.json")))
    evaluation = COCOeval(truth, truth.loadRes(as_coco_results(poses)), "keypoints", COCO_SIGMAS, use_area=True)
    evaluation.evaluate()
    area = poses.box[:, 2] * poses.box[:, 3]
    ours = object_keypoint_similarity(poses.predicted, poses.labelled, poses.visibility > 0, area)
    theirs = [float(evaluation.ious[image, 1][0, 0]) for image in poses.image_id]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_oks_of_a_perfect_pose_is_one_and_of_no_label_nan() -> None:
    poses = some_poses(3, 0.0)
    seen = poses.visibility > 0
    seen[1] = False
    found = object_keypoint_similarity(poses.predicted, poses.labelled, seen, np.full(3, 900.0))
    assert found[0] == found[2] == 1 and math.isnan(found[1])


def test_pck_equals_a_loop_and_mmpose() -> None:
    poses = some_poses(11, 6.0)
    seen, height = poses.visibility > 0, poses.box[:, 3]
    correct = correct_keypoints(poses.predicted, poses.labelled, height)
    for person, joint in np.ndindex(11, 17):
        dx, dy = poses.predicted[person, joint] - poses.labelled[person, joint]
        assert correct[person, joint] == (math.hypot(dx, dy) <= 0.1 * height[person])
    by_joint, _, _ = keypoint_pck_accuracy(
        poses.predicted, poses.labelled, seen, 0.1, np.repeat(height[:, None], 2, axis=1)
    )
    ours = (correct & seen).sum(axis=0) / seen.sum(axis=0)
    np.testing.assert_allclose(ours, by_joint, atol=1e-6)
    assert 0.2 < correct[seen].mean() < 0.9


def test_average_precision_of_known_cases(tmp_path: Path) -> None:
    exact = some_poses(13, 0.0)
    labels = write_labels(exact, tmp_path / "labels.json")
    assert average_precision(labels, as_coco_results(exact)) == {"AP": 1.0, "AP50": 1.0, "AP75": 1.0, "AR": 1.0}
    far = Poses(**{**vars(exact), "predicted": exact.labelled + 500})
    assert average_precision(labels, as_coco_results(far)) == {"AP": 0.0, "AP50": 0.0, "AP75": 0.0, "AR": 0.0}
    # The mean over the thresholds .50, .55 ... .95 of the share of people whose OKS reaches it is the recall.
    near = some_poses(13, 3.0)
    found = average_precision(labels, as_coco_results(near))
    similarity = object_keypoint_similarity(
        near.predicted, near.labelled, near.visibility > 0, near.box[:, 2] * near.box[:, 3]
    )
    thresholds = [0.5 + 0.05 * step for step in range(10)]
    assert found["AR"] == pytest.approx(np.mean([(similarity >= t).mean() for t in thresholds]), abs=1e-9)
    assert 0.1 < found["AR"] < 0.95


def test_average_precision_refuses_no_results(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least one person"):
        average_precision(write_labels(some_poses(3, 0.0), tmp_path / "labels.json"), [])


def test_figures_count_labelled_joints_only(tmp_path: Path) -> None:
    poses = some_poses(5, 0.0)
    poses.predicted[poses.visibility == 0] += 300
    poses.predicted[2, 0] += 300
    found = figures(poses, write_labels(poses, tmp_path / "labels.json"), JOINTS)
    labelled = int((poses.visibility > 0).sum())
    assert found["pck"] == round((labelled - 1) / labelled, 4)
    assert found["pck_by_joint"]["joint0"] == 0.8 and found["pck_by_joint"]["joint1"] == 1.0
    assert 0.9 < found["mean_oks"] < 1


def test_poses_of_differing_shapes_are_refused() -> None:
    poses = vars(some_poses(5, 0.0))
    with pytest.raises(ValueError, match="visibility: expected shape"):
        Poses(**{**poses, "visibility": poses["visibility"].T})


def test_simulated_infrared_is_one_camera_per_tracklet_and_repeats() -> None:
    image = np.random.default_rng(2).integers(0, 256, (17, 13, 3), dtype=np.uint8)
    first = simulate_infrared_crops([image] * 3, ["a", "a", "b"])
    again = simulate_infrared_crops([image] * 3, ["a", "a", "b"])
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    same, other = (np.abs(first[0].astype(int) - crop).mean() for crop in first[1:])
    assert 0 < same < other, "noise differs within a tracklet, the camera between tracklets"

"""Held-out figures of shipped weights, visible and simulated infrared apart, as JSON."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from numpy.typing import NDArray

from pipeline.pose_training.accuracy import average_precision, correct_keypoints, object_keypoint_similarity
from pipeline.pose_training.crops import LabelledCrops
from pipeline.pose_training.infrared import draw_sample_parameters, simulate_infrared
from pipeline.pose_training.train import build_model
from pipeline.pose_training.weights import load_weights

MODALITIES = ("visible", "simulated_infrared")
INFRARED_SEED = 20091
"""Of the embedded sample's simulation (data/sample/README.md)."""


@dataclass(frozen=True)
class Poses:
    """Estimated and labelled joints of the same crops.

    predicted, labelled: (crop, joint, xy) float64, pixels of the crop. score: (crop, joint), the heatmap's maximum.
    visibility: (crop, joint) int, the labels' v. box: (crop, xywh) float64. image_id: (crop,) int.
    """

    predicted: NDArray[np.float64]
    score: NDArray[np.float64]
    labelled: NDArray[np.float64]
    visibility: NDArray[np.int64]
    box: NDArray[np.float64]
    image_id: NDArray[np.int64]

    def __post_init__(self) -> None:
        crops, joints = self.score.shape
        shapes = {"predicted": (crops, joints, 2), "labelled": (crops, joints, 2), "visibility": (crops, joints)}
        shapes |= {"box": (crops, 4), "image_id": (crops,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {getattr(self, name).shape}")


def simulate_infrared_crops(
    images: list[NDArray[np.uint8]], tracklets: list[str], seed: int = INFRARED_SEED
) -> list[NDArray[np.uint8]]:
    """The crops as the embedded sample's infrared half: one camera per tracklet, noise per crop, always the same.

    images: (y, x, bgr) uint8 each; tracklets: the tracklet each crop belongs to.
    """
    cameras = {
        name: draw_sample_parameters(np.random.default_rng((seed, number)))
        for number, name in enumerate(sorted(set(tracklets)))
    }
    return [
        simulate_infrared(
            image, cameras[name], np.random.default_rng((seed, 0, i)).standard_normal(image.shape[:2], dtype=np.float32)
        )
        for i, (image, name) in enumerate(zip(images, tracklets, strict=True))
    ]


def estimate_poses(model: Any, crops: LabelledCrops, batch_size: int) -> Poses:
    """Run a model in float32 with its config's test settings (flip test) on every crop, box from the labels."""
    model.eval()
    samples: list[Any] = []
    for first in range(0, len(crops), batch_size):
        batch = pseudo_collate([crops[0, i] for i in range(first, min(first + batch_size, len(crops)))])
        with torch.inference_mode():
            samples += model.test_step(batch)
    annotations = [crops.labels.get_data_info(i)["raw_ann_info"] for i in range(len(crops))]
    joints = np.array([a["keypoints"] for a in annotations], np.float64).reshape(len(crops), -1, 3)
    return Poses(
        predicted=np.concatenate([s.pred_instances.keypoints for s in samples]).astype(np.float64),
        score=np.concatenate([s.pred_instances.keypoint_scores for s in samples]).astype(np.float64),
        labelled=joints[:, :, :2],
        visibility=joints[:, :, 2].astype(np.int64),
        box=np.array([a["bbox"] for a in annotations], np.float64),
        image_id=np.array([a["image_id"] for a in annotations], np.int64),
    )


def as_coco_results(poses: Poses) -> list[dict[str, Any]]:
    """COCO keypoint results; a person's score is the mean of its joints' scores."""
    triples = np.concatenate([poses.predicted, poses.score[:, :, None]], axis=2).reshape(len(poses.score), -1)
    return [
        {"image_id": int(image), "category_id": 1, "keypoints": triple.tolist(), "score": float(score)}
        for image, triple, score in zip(poses.image_id, triples, poses.score.mean(axis=1), strict=True)
    ]


def figures(poses: Poses, labels: Path, joint_names: list[str]) -> dict[str, Any]:
    """All figures of one modality: shares rounded to four digits."""
    seen = poses.visibility > 0
    area = poses.box[:, 2] * poses.box[:, 3]
    similarity = object_keypoint_similarity(poses.predicted, poses.labelled, seen, area)
    correct = correct_keypoints(poses.predicted, poses.labelled, poses.box[:, 3])
    found = {"mean_oks": float(np.nanmean(similarity)), "pck": float(correct[seen].mean())}
    found |= average_precision(labels, as_coco_results(poses))
    per_joint = (correct & seen).sum(axis=0) / seen.sum(axis=0)
    return {
        **{name: round(value, 4) for name, value in found.items()},
        "pck_by_joint": {name: round(float(v), 4) for name, v in zip(joint_names, per_joint, strict=True)},
    }


def evaluate(config: Config, weights: Path, batch_size: int = 32) -> dict[str, Any]:
    """Figures of a weights file on the config's held-out labels, visible and simulated infrared."""
    model = build_model(config, seed=0)
    metadata = load_weights(model, weights)
    dataset = config.val_dataloader.dataset
    crops = LabelledCrops(dataset, seed=0)
    labels = Path(dataset.data_root, dataset.ann_file)
    images = [crops.labels.coco.loadImgs(crops.labels.get_data_info(i)["img_id"])[0] for i in range(len(crops))]
    names = [crops.labels.metainfo["keypoint_id2name"][i] for i in range(crops.labels.metainfo["num_keypoints"])]
    report: dict[str, Any] = {
        "weights": weights.name,
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "training": metadata,
        "parameters": sum(p.numel() for p in model.parameters()),
        "labels_sha256": hashlib.sha256(labels.read_bytes()).hexdigest(),
        "crops": len(crops),
        "pck_threshold": "0.1 of the box height",
    }
    for modality in MODALITIES:
        if modality == "simulated_infrared":
            crops.images = simulate_infrared_crops(crops.images, [image["tracklet"] for image in images])
        report[modality] = figures(estimate_poses(model, crops, batch_size), labels, names)
    return report


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the figures as JSON, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n")
    partial.replace(path)

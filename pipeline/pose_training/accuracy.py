"""Figures of a pose network on labelled crops: OKS, OKS-based average precision and PCK, as pure functions."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

# Standard deviations of human labels relative to the person's scale, in COCO joint order (cocoeval, Lin et al. 2014).
COCO_SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000


def object_keypoint_similarity(
    predicted: NDArray[np.float64], labelled: NDArray[np.float64], seen: NDArray[np.bool_], area: NDArray[np.float64]
) -> NDArray[np.float64]:
    """OKS of each person: the mean over labelled joints of exp(-d^2 / (2 area (2 sigma)^2)).

    predicted, labelled: (person, joint, xy) pixels; seen: (person, joint), joints with a label; area: (person,)
    square pixels. Returns (person,) in [0, 1], NaN for a person without a labelled joint.
    Source: https://cocodataset.org/#keypoints-eval
    """
    squared = ((predicted - labelled) ** 2).sum(axis=2)
    similarity = np.exp(-squared / (2 * area[:, None] * (2 * COCO_SIGMAS) ** 2))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(seen, similarity, 0).sum(axis=1) / seen.sum(axis=1))


def correct_keypoints(
    predicted: NDArray[np.float64],
    labelled: NDArray[np.float64],
    height: NDArray[np.float64],
    share: float = 0.1,
) -> NDArray[np.bool_]:
    """Joints within `share` of the person box's height from their label; the mean over labelled joints is the PCK.

    predicted, labelled: (person, joint, xy) pixels; height: (person,) pixels. Returns (person, joint) bool.
    """
    return np.asarray(np.linalg.norm(predicted - labelled, axis=2) <= share * height[:, None])


def average_precision(labels: Path, results: list[dict[str, Any]]) -> dict[str, float]:
    """COCO keypoint figures by xtcocotools, with the `area` of the label file.

    labels: COCO keypoint labels; results: COCO keypoint results. Returns AP, AP50, AP75 and AR in [0, 1].
    """
    if not results:
        raise ValueError("results: expected at least one person, got none")
    with contextlib.redirect_stdout(io.StringIO()):  # xtcocotools reports by print
        truth = COCO(str(labels))
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints", COCO_SIGMAS, use_area=True)
        evaluation.params.imgIds = sorted({result["image_id"] for result in results})
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats = evaluation.stats
    return {"AP": float(stats[0]), "AP50": float(stats[1]), "AP75": float(stats[2]), "AR": float(stats[5])}

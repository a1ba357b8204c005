"""Augmentation as MMPose transforms: appearance, occlusion and crop edges; geometry is left to MMPose's own.

Importing this module registers the transforms under the names the training pipeline of configs/pose uses. They run on
the crop as it lies on the disk, before the affine warp, because it has a quarter of the network's pixels.
Random numbers come from numpy's global state, like those of MMPose's transforms: whoever builds a sample seeds it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from numpy.typing import NDArray

from pipeline.pose_training.infrared import draw_wide_parameters, simulate_infrared

Results = dict[str, Any]


def generator_from_global() -> np.random.Generator:
    """A generator seeded by one draw from numpy's global state (so that seeding the global state fixes all)."""
    return np.random.default_rng(np.random.randint(0, 2**31 - 1))


@TRANSFORMS.register_module()
class WeighOccludedJoints(BaseTransform):  # type: ignore[misc]  # mmcv is untyped
    """Give joints labelled v=1 (teachers disagree, or the joint is hidden) a smaller weight in the loss.

    Keys: reads raw_ann_info, replaces keypoints_visible: (1, joint) float32 in {0, weight, 1}. Must come before a
    flip, which moves keypoints_visible but not raw_ann_info. MMPose draws no heatmap for a weight below 0.5.
    """

    def __init__(self, weight: float) -> None:
        if not 0.5 <= weight <= 1:
            raise ValueError(f"weight: expected 0.5 to 1, got {weight}")
        self.weight = weight

    def transform(self, results: Results) -> Results:
        """Replace keypoints_visible of one sample."""
        visibility = np.asarray(results["raw_ann_info"]["keypoints"], np.float32)[2::3]
        results["keypoints_visible"] = np.array([0, self.weight, 1], np.float32)[visibility.astype(int)][None]
        return results


@TRANSFORMS.register_module()
class TrimCrop(BaseTransform):  # type: ignore[misc]  # mmcv is untyped
    """Blacken what lies outside the person box enlarged by a random factor.

    HITSZ-VCM frames and the embedded sample end close to the person, and the affine warp fills with black beyond; the
    training crops show more around the person.
    """

    def __init__(self, prob: float, margin: tuple[float, float]) -> None:
        if not 0 <= prob <= 1 or not 1 <= margin[0] <= margin[1]:
            raise ValueError(f"prob, margin: expected 0..1 and 1 <= low <= high, got {prob}, {margin}")
        self.prob, self.margin = prob, margin

    def transform(self, results: Results) -> Results:
        """Replace img: (y, x, bgr) uint8 of one sample."""
        rng = generator_from_global()
        if rng.random() < self.prob:
            factors = rng.uniform(*self.margin, size=4)
            results["img"] = trim(results["img"], results["bbox"][0], factors)
        return results


def trim(image: NDArray[np.uint8], box: NDArray[np.float32], factors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Black outside of a box whose (left, top, right, bottom) sides are moved out to `factors` times their distance
    from its centre.

    image: (y, x, bgr); box: (x1, y1, x2, y2) pixels; factors: (4,), 1 keeps the box.
    """
    centre = np.array([box[0] + box[2], box[1] + box[3]] * 2) / 2
    left, top, right, bottom = centre + (box - centre) * factors
    x1, y1 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    x2, y2 = int(np.ceil(right)) + 1, int(np.ceil(bottom)) + 1
    kept = np.zeros_like(image)
    kept[y1:y2, x1:x2] = image[y1:y2, x1:x2]
    return kept


@TRANSFORMS.register_module()
class JitterAppearance(BaseTransform):  # type: ignore[misc]  # mmcv is untyped
    """Turn a share of the crops into simulated infrared, jitter the colours of a share of the others.

    infrared: probability of infrared; jitter: probability of colour jitter where the crop stays visible.
    """

    def __init__(self, infrared: float, jitter: float) -> None:
        if not (0 <= infrared <= 1 and 0 <= jitter <= 1):
            raise ValueError(f"infrared, jitter: expected probabilities, got {infrared}, {jitter}")
        self.infrared, self.jitter = infrared, jitter

    def transform(self, results: Results) -> Results:
        """Replace img: (y, x, bgr) uint8 of one sample; joints are not touched."""
        rng = generator_from_global()
        image = results["img"]
        if rng.random() < self.infrared:
            normal = rng.standard_normal(image.shape[:2], dtype=np.float32)
            results["img"] = simulate_infrared(image, draw_wide_parameters(rng), normal)
        elif rng.random() < self.jitter:
            gains = rng.uniform(0.8, 1.2, size=3) * rng.uniform(0.7, 1.3)
            gamma = float(np.exp(rng.uniform(-0.4, 0.4)))
            noise = rng.uniform(0, 6) * rng.standard_normal(image.shape, dtype=np.float32)
            results["img"] = jitter_colour(image, gains, rng.uniform(0.2, 1.6), gamma, noise)
        return results


def jitter_colour(
    image: NDArray[np.uint8],
    gains: NDArray[np.float64],
    saturation: float,
    gamma: float,
    noise: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Saturation about the pixel's mean, then a gain per channel, then gamma, then added noise.

    image: (y, x, bgr) uint8; gains: (bgr,); noise: (y, x, bgr) float32 in grey levels. Returns (y, x, bgr) uint8.
    """
    value = image.astype(np.float32) / 255
    mean = value.mean(axis=2, keepdims=True)
    value = (mean + (value - mean) * np.float32(saturation)) * gains.astype(np.float32)
    value = np.clip(value, 0, 1) ** np.float32(gamma) * 255 + noise
    return np.asarray(np.rint(np.clip(value, 0, 255)), np.uint8)


@TRANSFORMS.register_module()
class EraseRectangle(BaseTransform):  # type: ignore[misc]  # mmcv is untyped
    """Cover a random rectangle of the person box with one colour (cut-out, DeVries and Taylor 2017).

    size: range of the rectangle's sides as a share of the box's sides; labels stay, so that the network infers hidden
    joints from the visible ones.
    """

    def __init__(self, prob: float, size: tuple[float, float]) -> None:
        if not 0 <= prob <= 1 or not 0 < size[0] <= size[1] <= 1:
            raise ValueError(f"prob, size: expected 0..1 and 0 < low <= high <= 1, got {prob}, {size}")
        self.prob, self.size = prob, size

    def transform(self, results: Results) -> Results:
        """Replace img: (y, x, bgr) uint8 of one sample."""
        rng = generator_from_global()
        if rng.random() >= self.prob:
            return results
        x1, y1, x2, y2 = results["bbox"][0]
        width, height = rng.uniform(*self.size, size=2) * (x2 - x1, y2 - y1)
        left, top = rng.uniform((x1, y1), (x2 - width, y2 - height))
        colour = rng.integers(0, 256, size=3) if np.ptp(results["img"], axis=2).any() else rng.integers(0, 256)
        image = results["img"].copy()
        image[round(top) : round(top + height), round(left) : round(left + width)] = colour
        results["img"] = image
        return results

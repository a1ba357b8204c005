"""An estimator without a network, for measuring what is around the network; nothing in the product can select it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A standing person in the order of the skeleton's joints: x over the crop's width, y over its height.
STANDING_X = 0.5, 0.53, 0.47, 0.57, 0.43, 0.64, 0.36, 0.68, 0.32, 0.68, 0.32, 0.59, 0.41, 0.59, 0.41, 0.59, 0.41
STANDING_Y = 0.1, 0.08, 0.08, 0.09, 0.09, 0.2, 0.2, 0.35, 0.35, 0.48, 0.48, 0.5, 0.5, 0.72, 0.72, 0.93, 0.93
STANDING = np.array([STANDING_X, STANDING_Y]).T


@dataclass(frozen=True)
class StubSource:
    """Describes the stub to the workers, as a pose model describes a network."""

    seed: int = 0

    def recipe(self) -> dict[str, Any]:
        """What stands in the files, so that nobody takes them for keypoints."""
        return {"name": "benchmark stub, not a pose", "seed": self.seed}

    def build(self, threads: int | None = None) -> StubEstimator:
        """The stub; it needs no threads."""
        return StubEstimator(self.seed)


@dataclass(frozen=True)
class StubEstimator:
    """A standing person with noise of 2 % of the crop's height.

    The noise follows from the first image and the number of images, so runs repeat; it is not rounded to a grid
    as a network's heatmap positions are, so files compress no better than real ones.
    """

    seed: int

    def estimate(self, images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Keypoints (frame, joint, xy) float32 in pixels and score (frame, joint) float32 of n images."""
        random = np.random.default_rng([self.seed, len(images), zlib.crc32(images[0].tobytes())])
        size = np.array([image.shape[1::-1] for image in images], np.float64)
        noise = random.normal(0, 0.02, (len(images), *STANDING.shape)) * size[:, None, 1:]
        keypoints = STANDING * size[:, None, :] + noise
        score = random.beta(5, 2, keypoints.shape[:2])
        return keypoints.astype(np.float32), score.astype(np.float32)

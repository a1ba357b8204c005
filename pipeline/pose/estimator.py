"""What the chunk workers need of a pose estimator, whatever network stands behind it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Estimator(Protocol):
    """A network in memory, built once a process."""

    def estimate(self, images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Estimate the joints of n frames, each frame being one person's box.

        images: n arrays (height, width, bgr) uint8, of any size.
        Returns keypoints (frame, joint, xy) float32 in pixels of the original frames and
        score (frame, joint) float32 in 0…1; both finite.
        """
        ...


class EstimatorSource(Hashable, Protocol):
    """A small picklable description from which any process builds the same estimator."""

    def recipe(self) -> dict[str, Any]:
        """Everything that determines the estimator's output, as plain JSON values."""
        ...

    def build(self, threads: int | None = None) -> Estimator:
        """The estimator, with `threads` CPU threads (None: all cores); ``ValueError`` when files do not fit."""
        ...

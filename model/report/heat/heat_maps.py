"""Heat maps by Grad-CAM: where in its frames a clip shows what a score of the network hangs on.

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017,
equations 1 and 2, for every frame by itself; the score here is of the whole clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def heat_maps(cells: NDArray[np.float32], slopes: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """The heat of every pixel of a clip's frames: (T, height, width) float32, 0…1.

    cells:  (T, C, H, W), the backbone's map F
    slopes: (T, C, H, W), the gradient of the score by F
    A channel's weight is the mean of its slopes over a frame's cells; heat is the weighted sum of the channels where
    above 0, brought to the frame's size bilinearly (half-pixel centres) and divided by the clip's largest, so that
    frames can be compared. It is 0 everywhere where nothing speaks for the score.
    Raises ValueError for arrays of different shapes.
    """
    import cv2

    if cells.ndim != 4 or cells.shape != slopes.shape:
        raise ValueError(f"cells, slopes: expected both (T, C, H, W), got {cells.shape} and {slopes.shape}")
    weights = slopes.mean(axis=(2, 3), dtype=np.float64)
    heat = np.maximum(np.einsum("tc,tchw->thw", weights, cells), 0)
    large = np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in heat])
    largest = large.max()
    scaled: NDArray[np.float32] = (large / largest if largest > 0 else large).astype(np.float32)
    return scaled

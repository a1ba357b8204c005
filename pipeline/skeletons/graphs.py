"""The skeleton graph of a frame: nodes, which joints are seen, and limbs (STAR, equation 8).

Equation 9 needs no array: a clip's temporal edges follow from its frames (`data_cache.contract.schema` has the rule).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.skeleton import limb_indices

# Part of the recipe of a graphs file: raise it when a change of this code changes its results.
GRAPHS_CODE = 1


def graph_nodes(
    keypoints: NDArray[np.float32],
    score: NDArray[np.float32],
    seen: NDArray[np.bool_],
    height: NDArray[np.int32],
) -> NDArray[np.float32]:
    """The nodes of every frame: x and y over the crop's height, and the score; all three 0 where unseen.

    keypoints: (frame, joint, xy), pixels. score: (frame, joint), 0...1. seen: (frame, joint) bool.
    height: (frame,) pixels of the crop; not looked at where no joint is seen.
    Returns (frame, joint, [x, y, score]) float32.
    Raises ValueError for shapes that do not fit, a seen joint whose position or score is not finite, and a
    seen joint in a crop without height.
    """
    frames_joints = keypoints.shape[:2]
    if keypoints.shape != (*frames_joints, 2) or not (score.shape == seen.shape == frames_joints):
        raise ValueError(
            "keypoints, score, seen: expected shapes (frame, joint, 2), (frame, joint) and (frame, joint), "
            f"got {keypoints.shape}, {score.shape} and {seen.shape}"
        )
    if height.shape != frames_joints[:1]:
        raise ValueError(f"height: expected shape {frames_joints[:1]}, got {height.shape}")
    flat = seen.any(axis=1) & (height <= 0)
    if flat.any():
        row = flat.argmax()
        raise ValueError(f"height: expected more than 0 where a joint is seen, got {height[row]} in row {row}")
    over_height = keypoints / np.maximum(height, 1).astype(np.float32)[:, None, None]
    nodes = np.concatenate([over_height, score[:, :, None]], axis=2, dtype=np.float32)
    nodes[~seen] = 0
    wrong = ~np.isfinite(nodes).all(axis=(1, 2))
    if wrong.any():
        raise ValueError(f"keypoints, score: expected finite values of seen joints, got others in row {wrong.argmax()}")
    return nodes


def spatial_edges() -> NDArray[np.int32]:
    """Equation 8 within one frame: the 19 limbs in both directions, (2, 38) int32, rows from-joint and to-joint.

    They hold in every frame; a clip repeats them T times.
    """
    limbs = limb_indices().T
    return np.ascontiguousarray(np.concatenate([limbs, limbs[::-1]], axis=1), dtype=np.int32)

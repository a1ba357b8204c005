"""Edge features of a skeleton: distance and angle of every pair of joints (STAR, equations 1 and 2)."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.pair_measures import pair_measures
from pipeline.settings import Angle, Normalize

# Part of the recipe of an edges file: raise it when a change of this code changes its results.
EDGES_CODE = 1


def pairwise_edges(
    keypoints: NDArray[np.float32],
    seen: NDArray[np.bool_],
    height: NDArray[np.int32],
    angle: Angle = "arctan",
    normalize: Normalize = "height",
) -> NDArray[np.float32]:
    """Distance and angle from joint i to joint j, for all pairs of every frame.

    keypoints: (frame, joint, xy), pixels, y downwards; unseen joints may hold anything, also NaN.
    seen: (frame, joint) bool.
    height: (frame,) pixels of the crop; not looked at where no joint is seen.
    angle: `arctan` is equation 2, in [-pi/2, pi/2]: dx = 0 gives pi/2 with the sign of dy, so it is symmetric
        in i and j but for vertical pairs; `sincos` gives the same numbers; `atan2` is the full angle, in (-pi, pi].
    normalize: `height` divides distances by the crop's height (no unit), `none` leaves pixels.

    Returns (frame, joint_i, joint_j, [distance, angle]) float32, angles in radians. Both values are 0 on the
    diagonal, for joints in one place, and for pairs with an unseen joint.
    Raises ValueError for an unknown setting, shapes that do not fit, a seen joint without finite coordinates,
    and a seen joint in a crop without height.
    """
    _check(keypoints, seen, height, angle, normalize)
    # float64, though the result is float32: differences of float32 coordinates are exact in it, so dx = 0 means
    # equal coordinates and nothing else; and the last bits in which CPUs and numpy builds compute arctan and
    # sqrt differently are rounded away, so that a file has the same bytes on another machine.
    xy = np.where(seen[:, :, None], keypoints, 0.0).astype(np.float64)
    delta = xy[:, None, :, :] - xy[:, :, None, :]
    distance, theta = pair_measures(delta[..., 0], delta[..., 1], angle)
    if normalize == "height":
        distance /= np.maximum(height, 1).astype(np.float64)[:, None, None]
    edges = np.zeros((*distance.shape, 2), np.float32)
    pair = seen[:, :, None] & seen[:, None, :]
    np.copyto(edges[..., 0], distance, where=pair, casting="same_kind")
    np.copyto(edges[..., 1], theta, where=pair, casting="same_kind")
    return edges


def _check(
    keypoints: NDArray[np.float32],
    seen: NDArray[np.bool_],
    height: NDArray[np.int32],
    angle: str,
    normalize: str,
) -> None:
    for name, value, known in (("angle", angle, Angle), ("normalize", normalize, Normalize)):
        if value not in get_args(known):
            raise ValueError(f"{name}: expected one of {', '.join(get_args(known))}, got {value!r}")
    expected = (*keypoints.shape[:2], 2)
    if keypoints.ndim != 3 or keypoints.shape != expected:
        raise ValueError(f"keypoints: expected shape (frame, joint, 2), got {keypoints.shape}")
    if seen.shape != expected[:2] or seen.dtype != np.bool_:
        raise ValueError(f"seen: expected bool of shape {expected[:2]}, got {seen.dtype} of shape {seen.shape}")
    if height.shape != expected[:1]:
        raise ValueError(f"height: expected shape {expected[:1]}, got {height.shape}")
    wrong = (seen & ~np.isfinite(keypoints).all(axis=2)).any(axis=1)
    if wrong.any():
        raise ValueError(f"keypoints: expected finite coordinates of seen joints, got others in row {wrong.argmax()}")
    flat = seen.any(axis=1) & (height <= 0)
    if normalize == "height" and flat.any():
        row = flat.argmax()
        raise ValueError(f"height: expected more than 0 where a joint is seen, got {height[row]} in row {row}")

"""A skeleton drawn over a frame: limbs in the colours of their side, joints under the threshold faded and hollow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.skeleton import JOINTS, LIMBS, joint_index

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# Orange and blue are told apart with every common colour blindness, on grey and on coloured frames.
SIDE_COLOURS = {"left": "#ff7f0e", "right": "#2f9bff", "middle": "#ffffff"}
OUTLINE = "#10151c"
FADED = 0.45


def joint_side(joint: str) -> str:
    """Return `left`, `right` (the person's own) or `middle` for a joint's name."""
    side = joint.partition("_")[0]
    return side if side in ("left", "right") else "middle"


def limb_side(limb: tuple[str, str]) -> str:
    """Return the side a limb lies on; a limb from one side to the other is in the middle, the nose takes sides."""
    sides = {joint_side(joint) for joint in limb} - {"middle"}
    return sides.pop() if len(sides) == 1 else "middle"


def draw_skeleton(
    axes: Axes,
    keypoints: NDArray[np.float32],
    score: NDArray[np.float32],
    min_score: float,
    width: float = 2.0,
) -> None:
    """Draw one person in data coordinates of `axes`.

    keypoints: (joint, xy) float32 in pixels; joints that are not finite are left out
    score:     (joint,) float32; joints under `min_score` are hollow, limbs with such an end faint and dashed
    width:     of a limb, in points
    """
    finite = np.isfinite(keypoints).all(axis=1)
    sure = finite & (score >= np.float32(min_score))
    for limb in LIMBS:
        ends = [joint_index(joint) for joint in limb]
        if finite[ends].all():
            _draw_limb(axes, keypoints[ends], SIDE_COLOURS[limb_side(limb)], bool(sure[ends].all()), width)
    for number, joint in enumerate(JOINTS):
        if finite[number]:
            _draw_joint(axes, keypoints[number], SIDE_COLOURS[joint_side(joint)], bool(sure[number]), width)


def _draw_limb(axes: Axes, ends: NDArray[np.float32], colour: str, sure: bool, width: float) -> None:
    style = "-" if sure else (0, (1.6, 1.2))
    strength = 1.0 if sure else FADED
    axes.plot(
        *ends.T, color=OUTLINE, linewidth=width * 1.9, alpha=0.55 * strength, solid_capstyle="round", zorder=3
    )
    axes.plot(
        *ends.T, color=colour, linewidth=width, alpha=strength, linestyle=style, solid_capstyle="round", zorder=4
    )


def _draw_joint(axes: Axes, place: NDArray[np.float32], colour: str, sure: bool, width: float) -> None:
    axes.plot(
        *place,
        marker="o",
        markersize=width * (2.0 if sure else 1.8),
        markerfacecolor=colour if sure else "none",
        markeredgecolor=OUTLINE if sure else colour,
        markeredgewidth=width * (0.3 if sure else 0.45),
        alpha=1.0 if sure else FADED + 0.25,
        zorder=5,
    )

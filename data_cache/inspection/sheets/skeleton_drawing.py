"""A skeleton drawn over a frame: limbs in the colours of their side, joints under the threshold faded and hollow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.skeleton import JOINTS, LIMBS, limb_indices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

Colour = tuple[float, float, float, float]

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
    _draw_limbs(axes, keypoints, finite, sure, width)
    _draw_joints(axes, keypoints, finite, sure, width)


def _draw_limbs(
    axes: Axes, keypoints: NDArray[np.float32], finite: NDArray[np.bool_], sure: NDArray[np.bool_], width: float
) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    # One collection for all limbs: a sheet has some hundreds, and an artist each would take seconds.
    drawn = [number for number, limb in enumerate(limb_indices()) if finite[limb].all()]
    lines = [keypoints[limb] for limb in limb_indices()[drawn]]
    certain = [bool(sure[limb].all()) for limb in limb_indices()[drawn]]
    strength = [1.0 if one else FADED for one in certain]
    dark = [to_rgba(OUTLINE, 0.55 * alpha) for alpha in strength]
    sides = [SIDE_COLOURS[limb_side(LIMBS[number])] for number in drawn]
    bright = [to_rgba(colour, alpha) for colour, alpha in zip(sides, strength, strict=True)]
    styles: list[Any] = ["-" if one else (0, (1.6, 1.2)) for one in certain]
    axes.add_collection(LineCollection(lines, colors=dark, linewidths=1.9 * width, capstyle="round", zorder=3))
    axes.add_collection(
        LineCollection(lines, colors=bright, linewidths=width, linestyles=styles, capstyle="round", zorder=4)
    )


def _draw_joints(
    axes: Axes, keypoints: NDArray[np.float32], finite: NDArray[np.bool_], sure: NDArray[np.bool_], width: float
) -> None:
    from matplotlib.colors import to_rgba

    colours = [to_rgba(SIDE_COLOURS[joint_side(joint)]) for joint in JOINTS]
    solid, hollow = sure, finite & ~sure
    dot: dict[str, Any] = {"s": (2.1 * width) ** 2, "marker": "o", "zorder": 5}
    axes.scatter(
        *keypoints[solid].T, facecolors=_chosen(colours, solid), edgecolors=OUTLINE, linewidths=0.3 * width, **dot
    )
    axes.scatter(
        *keypoints[hollow].T,
        facecolors="none",
        edgecolors=_chosen(colours, hollow),
        linewidths=0.45 * width,
        alpha=FADED + 0.25,
        **dot,
    )


def _chosen(colours: Sequence[Colour], which: NDArray[np.bool_]) -> list[Colour]:
    return [colour for colour, one in zip(colours, which, strict=True) if one]

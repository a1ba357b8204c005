"""What the network reads of a skeleton, and its mirror image for a flipped clip.

Everything here comes from the cache's edges and graphs files; nothing is estimated anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.pair_measures import ANGLES
from data_cache.contract.skeleton import JOINTS, mirror_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray

PAIRS = np.triu_indices(len(JOINTS), 1)
EDGE_VALUES = 2 * len(PAIRS[0])  # 272, with `arctan` and `atan2`
_MIRROR = mirror_indices()
_UPRIGHT = np.float32(np.pi / 2)
_STRAIGHT = np.float32(np.pi)


def edge_value_count(angle: object) -> int:
    """E, how many values a frame the network reads of edges with this `angle`: 272, or 408 with `sincos`.

    angle: `recipe["angle"]` of an edges file. Raises ValueError for an unknown one.
    """
    if angle not in ANGLES:
        raise ValueError(f"angle of the edges: expected one of {', '.join(ANGLES)}, got {angle!r}")
    return (3 if angle == "sincos" else 2) * len(PAIRS[0])


def edge_values(
    edges: NDArray[np.float32], angle: str = "arctan", seen: NDArray[Any] | None = None
) -> NDArray[np.float32]:
    """The E values a frame that the network reads, of the pairs i < j, rows first.

    edges: (…, joint, other_joint, [distance, angle]) float32, as in the cache
    angle: the setting they were computed with. `sincos` reads distance, sin 2θ, cos 2θ of each pair: the double angle
        of a line is the same both ways round, so nothing jumps where θ does, at ±π/2; others distance and angle
    seen:  (…, joint), bool or how far each is to be believed; None where all are seen
    Returns (…, E) float32, zeros for a pair with an unseen joint (cos 2θ too, though cos 0 is 1).
    Raises ValueError for an unknown `angle`.
    """
    count = edge_value_count(angle)
    values = edges[..., PAIRS[0], PAIRS[1], :]
    if angle == "sincos":
        twice = 2 * values[..., 1].astype(np.float64)  # rounded once, to the same bits on every machine
        values = np.stack([values[..., 0], np.sin(twice), np.cos(twice)], axis=-1).astype(np.float32)
    if seen is not None:
        both = (seen[..., PAIRS[0]] > 0) & (seen[..., PAIRS[1]] > 0)
        values = np.where(both[..., None], values, np.float32(0))
    return np.ascontiguousarray(values).reshape(*edges.shape[:-3], count)


def flip_edges(edges: NDArray[np.float32], angle: str) -> NDArray[np.float32]:
    """Edges of the mirrored skeleton: left and right joints swapped, dx negated, distances as they are.

    edges: (…, joint, other_joint, [distance, angle]) float32; angle: the setting they were computed with
        (`recipe["angle"]` of the edges file).
    With `arctan` and `sincos` the angle changes its sign, except that of a vertical pair: dx = 0 stays 0, so ±π/2 stays
    too. With `atan2` θ becomes π − θ, or −π − θ below 0; a pair in one place keeps its 0. Raises ValueError for another
    `angle`.
    """
    flipped = edges[..., _MIRROR[:, None], _MIRROR[None, :], :]  # a copy, since indices are arrays
    distance, theta = flipped[..., 0], flipped[..., 1]
    if angle in ("arctan", "sincos"):
        mirrored = np.where(np.abs(theta) == _UPRIGHT, theta, -theta)
    elif angle == "atan2":
        # float32's own pi, so that the largest angle becomes 0 and 0 the largest.
        mirrored = np.where(distance > 0, np.where(theta < 0, -_STRAIGHT, _STRAIGHT) - theta, theta)
    else:
        raise ValueError(f"angle of the edges: expected one of {', '.join(ANGLES)}, got {angle!r}")
    flipped[..., 1] = mirrored + np.float32(0)  # -0.0 becomes 0.0
    return flipped


def flip_nodes(
    nodes: NDArray[np.float32], seen: NDArray[Any], aspect: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Nodes of the mirrored skeleton and which of them are seen: x mirrored, left and right joints swapped.

    nodes:  (frame, joint, [x, y, score]) float32, x and y over the crop's height, zeros where unseen
    seen:   (frame, joint), bool or how far each is to be believed; 0 for unseen
    aspect: (frame,) float64, (width − 1) / height of each crop: pixel x becomes pixel width − 1 − x
    """
    flipped, visible = nodes[:, _MIRROR], seen[:, _MIRROR]
    x = aspect[:, None] - flipped[..., 0].astype(np.float64)
    flipped[..., 0] = np.where(visible > 0, x, 0.0)
    return flipped, visible


def move_nodes(nodes: NDArray[np.float32], seen: NDArray[np.floating[Any]], moved: NDArray[np.float64]) -> None:
    """Move the seen joints of nodes (frame, joint, [x, y, score]) in place, by `moved` (frame, xy) in their unit."""
    nodes[..., :2] = np.where(seen[..., None] > 0, nodes[..., :2] + moved[:, None, :], 0.0)


def joint_places(
    nodes: NDArray[np.float32], seen: NDArray[np.floating[Any]], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where joints lie in their image, 0…1 of its width and height, 0 where unseen: (frame, joint, [column, row]).

    nodes: (frame, joint, [x, y, score]), pixels over the crop's height; size: (frame, [height, width]) pixels of crops
    Pixel centres are whole numbers, so pixel x of a crop `width` wide lies at (x + 0.5) / width.
    """
    height, width = size[:, :1], size[:, 1:]
    pixels = nodes[..., :2].astype(np.float64) * height[:, None]
    places: NDArray[np.float64] = (pixels + 0.5) / np.concatenate([width, height], axis=1)[:, None]
    return np.where(seen[..., None] > 0, places, 0.0)

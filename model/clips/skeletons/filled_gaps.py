"""Joints that a frame does not show, interpolated between the frames of its track that do.

Done while clips are read, not in stage one: a track's nodes are read with the clip at little cost
(`python -m benchmarks.filled_gaps`), every setting trains from one cache, and the cache still says what was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.pair_measures import pair_measures

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_LIFE = 4.0  # frames after which what was seen is believed half: a third of a step of the generated walkers


def fill_gaps(
    nodes: NDArray[np.float32], seen: NDArray[np.bool_], at: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Nodes of some frames of a track, with what they do not show filled in, and how far each joint is to be believed.

    nodes: (frame, joint, [x, y, score]) float32 of the whole track, over the crop's height; seen: (frame, joint) bool
    at:    (T,) int64, the frames wanted, counted within the track
    Returns (T, joint, 3) float32 and weights (T, joint) float32: 1 where seen, 2^(−gap / 4) where the nearest frame
    that shows the joint is `gap` frames away, 0 (and nodes 0) where no frame of the track does. Between two such frames
    all three values are interpolated linearly; before the first and after the last they are that frame's.
    """
    frames, joints = seen.shape
    number = np.arange(frames)[:, None]
    before = np.maximum.accumulate(np.where(seen, number, -1), axis=0)[at]
    after = np.minimum.accumulate(np.where(seen, number, frames)[::-1], axis=0)[::-1][at]
    earlier = np.where(before < 0, after, before)  # outside of what was seen both are the one frame there is
    later = np.where(after >= frames, before, after)
    known = earlier < frames
    earlier, later = np.where(known, earlier, 0), np.where(known, later, 0)
    step = at[:, None] - earlier
    share = np.clip(step / np.maximum(later - earlier, 1), 0.0, 1.0)[..., None]
    joint = np.arange(joints)
    filled = (1 - share) * nodes[earlier, joint] + share * nodes[later, joint]
    gap = np.minimum(np.abs(step), np.abs(later - at[:, None]))
    weight = np.where(known, 0.5 ** (gap / HALF_LIFE), 0.0)
    exact = seen[at]
    filled = np.where(exact[..., None], nodes[at], np.where(known[..., None], filled, 0.0))
    return filled.astype(np.float32), weight.astype(np.float32)


def fill_edges(
    edges: NDArray[np.float32],
    nodes: NDArray[np.float32],
    weight: NDArray[np.float32],
    angle: str,
    unit: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Edges with the pairs that `fill_gaps` gives both joints of; those that are there stay, to the bit.

    edges: (T, joint, other_joint, [distance, angle]) float32, 0, 0 for a pair that is not seen
    nodes, weight: of `fill_gaps`; angle: the edges' (`data_cache.contract.pair_measures`)
    unit:  (T,) float64, what distances over the crop's height are multiplied by: 1, or the height, for pixels
    """
    xy = nodes[..., :2].astype(np.float64)
    delta = xy[:, None, :, :] - xy[:, :, None, :]
    distance, theta = pair_measures(delta[..., 0], delta[..., 1], angle)
    computed = np.stack([distance * unit[:, None, None], theta], axis=-1)
    lost = ((weight > 0) & (weight < 1))[:, :, None] | ((weight > 0) & (weight < 1))[:, None, :]
    known = (weight > 0)[:, :, None] & (weight > 0)[:, None, :]
    return np.where((lost & known)[..., None], computed, edges).astype(np.float32)

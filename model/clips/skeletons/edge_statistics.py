"""Mean and deviation of every edge value over the training tracks: what standardised edges are standardised by."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import mirror_indices
from model.clips.skeletons.skeleton_inputs import PAIRS, edge_values, flip_edges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from model.clips.clip_files import ClipFiles
    from model.clips.clips import ClipTracks

logger = logging.getLogger(__name__)

ROWS = 1024  # frames at a time: some 10 MB
SMALLEST = 1e-6  # deviation of a value that varies; below lie float32's own roundings of one that does not


class EdgeStatistics(NamedTuple):
    """mean, deviation: (E,) float32, in the order of `skeleton_inputs.edge_values`; a deviation of 0 stands for a value
    that never varies, or of a pair that is never seen.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


def edge_statistics(files: ClipFiles, tracks: ClipTracks) -> EdgeStatistics:
    """Mean and deviation of each value over the seen pairs of all good frames of `tracks`, and of their mirror images.

    With the mirror images, a pair and the one it becomes have statistics that mirror each other, so that standardising
    a flipped clip is flipping a standardised one. Streamed: memory does not grow with the number of frames.
    Raises ValueError where no pair is seen; values that do not vary are logged.
    """
    wanted = np.zeros(len(tracks.ok), np.bool_)
    for start, stop in zip(tracks.tracks.start, tracks.tracks.stop, strict=True):
        wanted[start:stop] = True
    sums = np.zeros((3, 0))
    for values, seen in _seen_values(files, wanted & tracks.ok):
        weighted = np.where(seen, values.astype(np.float64), 0.0)
        part = np.stack([seen.sum(axis=0), weighted.sum(axis=0), (weighted**2).sum(axis=0)])
        sums = part if not sums.size else sums + part
    if not sums.size or not sums[0].any():
        raise ValueError(
            f"{files.edges}: expected joints that are seen together in the training tracks, got none in"
            f" {int((wanted & tracks.ok).sum())} frames: there is nothing to learn from; look with star inspect, lower"
            " min_score, or train without skeletons (model.frame_guidance and model.sequence_guidance false)"
        )
    count = np.maximum(sums[0], 1)
    mean = sums[1] / count
    deviation = np.sqrt(np.maximum(sums[2] / count - mean**2, 0.0))
    deviation[deviation < SMALLEST] = 0
    if still := int((deviation == 0).sum()):
        logger.warning(
            "%s: %d of %d edge values never vary in the training tracks, or are never seen; they are read as 0",
            files.edges,
            still,
            len(deviation),
        )
    return EdgeStatistics(mean.astype(np.float32), deviation.astype(np.float32))


def _seen_values(
    files: ClipFiles, wanted: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Values (frame, E) and which of them are of seen pairs, likewise; of some frames, then of their mirror images."""
    with open_cache(files.edges, "edges") as edges, open_cache(files.graphs, "graphs") as graphs:
        angle = str(edges.recipe.get("angle"))
        for rows in edges.rows(ROWS):
            chosen = wanted[rows]
            if not chosen.any():
                continue
            found = edges.read("edges", rows.start, rows.stop)[chosen]
            seen = graphs.read("seen", rows.start, rows.stop)[chosen].astype(np.bool_)
            for side, joints in ((found, seen), (flip_edges(found, angle), seen[:, mirror_indices()])):
                values = edge_values(side, angle, joints)
                pairs = joints[:, PAIRS[0]] & joints[:, PAIRS[1]]
                yield values, np.repeat(pairs, values.shape[1] // pairs.shape[1], axis=1)

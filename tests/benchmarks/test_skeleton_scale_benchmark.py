"""Deviations of edges and nodes, by plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.skeleton_scale import edge_deviations, node_deviations
from tests.model.clips.clip_trees import person_tracks, track_table

FRAMES = 26


def test_deviations_are_those_of_what_is_seen() -> None:
    random = np.random.default_rng(0)
    seen = random.random((FRAMES, 17)) < 0.7
    edges, nodes = random.normal(size=(FRAMES, 17, 17, 2)), random.normal(size=(FRAMES, 17, 3))
    pairs = [(i, j) for i in range(17) for j in range(i + 1, 17)]
    got = edge_deviations(edges.astype(np.float32), seen)
    for measure in (0, 1):
        variances = [
            np.var([edges[t, i, j, measure] for t in range(FRAMES) if seen[t, i] and seen[t, j]]) for i, j in pairs
        ]
        assert got[measure] == pytest.approx(np.sqrt(np.mean(variances)), rel=1e-6)
    apart = []
    for rows in (range(13), range(13, 26)):  # each of two tracks about its own centre
        places = [nodes[t, j, :2] for t in rows for j in range(17) if seen[t, j]]
        apart += [place - np.mean(places, axis=0) for place in places]
    tracks = track_table(person_tracks(1, 1, 1))
    assert node_deviations(nodes.astype(np.float32), seen, tracks) == pytest.approx(np.std(apart, axis=0), rel=1e-6)

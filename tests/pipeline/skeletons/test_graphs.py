"""Equations 8 and 9: nodes, seen joints and limbs against loops and against the lists written in the paper's spec."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_cache.contract.records import Status
from data_cache.contract.skeleton import mirror_indices
from pipeline.skeletons.graphs import graph_nodes, spatial_edges
from pipeline.skeletons.seen_keypoints import seen_joints

FRAMES, JOINTS = 7, 17
LIMBS = "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6"


def random_frames(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    keypoints = random.uniform(-5, 200, (FRAMES, JOINTS, 2)).astype(np.float32)
    score = random.random((FRAMES, JOINTS), np.float32)
    return keypoints, score, score >= 0.3, random.integers(50, 300, FRAMES).astype(np.int32)


@settings(max_examples=100, deadline=None)
@given(
    score=arrays(np.float32, (5, 3), elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1, float("nan")])),
    status=arrays(np.uint8, 5, elements=st.sampled_from([int(status) for status in Status])),
    min_score=st.sampled_from([0.0, 0.25, 0.6, 1.0]),
)
def test_seen_is_an_ok_frame_and_enough_score(score: np.ndarray, status: np.ndarray, min_score: float) -> None:
    seen = seen_joints(score, status, min_score)
    assert seen.dtype == np.bool_ and seen.shape == (5, 3)
    for frame in range(5):
        for joint in range(3):
            value = score[frame, joint]
            assert seen[frame, joint] == (status[frame] == 0 and not np.isnan(value) and value >= min_score)


def test_a_score_written_as_float32_counts_as_the_number_it_was() -> None:
    # float32(0.7) is less than 0.7: compared in double precision, a joint at the limit would be lost.
    assert float(np.float32(0.7)) < 0.7
    assert seen_joints(np.full((1, 2), 0.7, np.float32), np.zeros(1, np.uint8), 0.7).all()


def test_nodes_equal_a_loop() -> None:
    keypoints, score, seen, height = random_frames(3)
    keypoints[~seen] = np.nan
    keypoints[0, ~seen[0]] = 50.0
    nodes = graph_nodes(keypoints, score, seen, height)
    assert nodes.dtype == np.float32 and nodes.shape == (FRAMES, JOINTS, 3)
    assert 0 < seen.sum() < seen.size
    for frame in range(FRAMES):
        for joint in range(JOINTS):
            x, y = (float(value) / int(height[frame]) for value in keypoints[frame, joint])
            expected = (x, y, score[frame, joint]) if seen[frame, joint] else (0, 0, 0)
            np.testing.assert_allclose(nodes[frame, joint], expected, rtol=2e-7)


def test_frames_without_an_image_are_all_zero() -> None:
    keypoints, score, seen, height = random_frames(5)
    status = np.zeros(FRAMES, np.uint8)
    status[[2, 5]] = Status.UNREADABLE, Status.MISSING
    keypoints[[2, 5]], score[[2, 5]], height[[2, 5]] = np.nan, np.nan, 0
    seen = seen_joints(score, status, 0.0)
    nodes = graph_nodes(keypoints, score, seen, height)
    assert seen[[0, 1, 3, 4, 6]].all()
    assert nodes[[2, 5]].tobytes() == bytes(2 * JOINTS * 3 * 4)


def test_spatial_edges_are_the_nineteen_limbs_in_both_directions() -> None:
    edges = spatial_edges()
    assert edges.shape == (2, 38) and edges.dtype == np.int32 and edges.flags.c_contiguous
    limbs = [tuple(map(int, limb.split("-"))) for limb in LIMBS.split()]
    assert list(map(tuple, edges.T)) == limbs + [(b, a) for a, b in limbs]
    adjacency = np.zeros((JOINTS, JOINTS), int)
    np.add.at(adjacency, tuple(edges), 1)
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert adjacency.max() == 1 and not adjacency.diagonal().any()
    reached = np.linalg.matrix_power(adjacency + np.eye(JOINTS, dtype=int), JOINTS) > 0
    assert reached.all()  # one body: no joint stands apart
    mirror = mirror_indices()
    np.testing.assert_array_equal(adjacency, adjacency[mirror][:, mirror])


def test_refuses_what_does_not_fit() -> None:
    keypoints, score, seen, height = random_frames(7)
    with pytest.raises(ValueError, match=r"expected shapes \(frame, joint\) and \(frame,\), got \(7, 17\) and \(6,\)"):
        seen_joints(score, np.zeros(6, np.uint8), 0.3)
    with pytest.raises(ValueError, match=r"got \(7, 17, 2\), \(17, 7\) and \(7, 17\)"):
        graph_nodes(keypoints, score.T, seen, height)
    with pytest.raises(ValueError, match=r"got \(7, 17, 1\)"):
        graph_nodes(keypoints[..., :1], score, seen, height)
    with pytest.raises(ValueError, match=r"height: expected shape \(7,\), got \(5,\)"):
        graph_nodes(keypoints, score, seen, height[:5])
    for values in (keypoints, score):
        broken = values.copy()
        broken[5, seen[5].argmax()] = np.inf
        arrays_with_it = (broken, score) if values is keypoints else (keypoints, broken)
        with pytest.raises(ValueError, match="finite values of seen joints, got others in row 5"):
            graph_nodes(*arrays_with_it, seen, height)
    height[2] = 0
    with pytest.raises(ValueError, match=r"height: expected more than 0 .* got 0 in row 2"):
        graph_nodes(keypoints, score, seen, height)

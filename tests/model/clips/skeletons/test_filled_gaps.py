"""Joints filled in from other frames of their track: against a plain loop, alone and through the reader."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.skeleton import JOINTS
from model.clips.augment import NO_AUGMENTATION, ImageSettings
from model.clips.clip_reader import ClipArrays, ClipReader, ClipShape
from model.clips.skeletons.filled_gaps import fill_gaps
from model.clips.skeletons.skeleton_inputs import edge_values
from pipeline.skeletons.edges import pairwise_edges
from tests.model.clips.clip_trees import ClipTree, person_tracks, write_clip_tree

IMAGES = ImageSettings(height=31, width=17, pad=0, flip=0.0, random_erasing=0.0)
J = len(JOINTS)


def filled_by_loop(nodes: np.ndarray, seen: np.ndarray, t: int, j: int) -> tuple[np.ndarray, float]:
    """The joint as the frames next to t that show it say, and how far it is to be believed."""
    shown = [n for n in range(len(seen)) if seen[n, j]]
    before, after = [n for n in shown if n <= t], [n for n in shown if n >= t]
    if not shown:
        return np.zeros(3), 0.0
    gap = min(abs(n - t) for n in shown)
    if not before or not after:
        return nodes[(before[-1] if before else after[0]), j], 2.0 ** (-gap / 4)
    a, b = before[-1], after[0]
    share = 0.0 if a == b else (t - a) / (b - a)
    return (1 - share) * nodes[a, j] + share * nodes[b, j], 2.0 ** (-gap / 4)


def test_a_joint_is_interpolated_between_the_frames_that_show_it() -> None:
    random = np.random.default_rng(0)
    seen = random.random((13, J)) < 0.3
    seen[:, 5], seen[:, 7], seen[[0, 12], 11] = False, True, False
    nodes = (random.random((13, J, 3)) * seen[..., None]).astype(np.float32)
    at = np.array([0, 3, 4, 9, 12])
    filled, weight = fill_gaps(nodes, seen, at)
    assert filled.dtype == weight.dtype == np.float32
    for place, j in itertools.product(range(5), range(J)):
        expected, believed = filled_by_loop(nodes, seen, int(at[place]), j)
        np.testing.assert_allclose(filled[place, j], expected, rtol=1e-6)
        assert weight[place, j] == pytest.approx(believed)
        if seen[at[place], j]:  # what is seen stays, to the bit
            np.testing.assert_array_equal(filled[place, j], nodes[at[place], j])
    assert weight[:, 5].tolist() == [0.0] * 5
    assert weight[:, 7].tolist() == [1.0] * 5


def read(tree: ClipTree, frames: np.ndarray, fill: bool) -> ClipArrays:
    reader = ClipReader(replace(tree.files, fill_gaps=fill), IMAGES)
    shape = ClipShape(1, len(frames), IMAGES.height, IMAGES.width, reader.edge_values)
    clip = ClipArrays(*(array[0] for array in shape.lay_out(np.zeros(shape.bytes, np.uint8))))
    reader.read(frames, NO_AUGMENTATION, clip)
    return clip


@pytest.mark.parametrize("angle", ["arctan", "atan2", "sincos"])
def test_a_clip_is_filled_from_its_own_track_alone(tmp_path: Path, angle: str) -> None:
    """Edges of filled joints are those of equations 1 and 2 over the filled places; seen pairs stay, to the bit."""
    tree = write_clip_tree(tmp_path, person_tracks(1, 2, 2), angle=angle)
    frames = np.array([14, 17, 19, 22, 25])  # of the second track, 13…25
    plain, filled = read(tree, frames, False), read(tree, frames, True)
    seen, height = tree.seen[13:26], tree.size[13:26, 0]
    nodes = np.concatenate([tree.keypoints[13:26] / height[:, None, None], tree.score[13:26, :, None]], 2)
    expected = [[filled_by_loop(nodes, seen, frame - 13, j) for j in range(J)] for frame in frames]
    place = np.array([[node for node, _ in row] for row in expected])
    weight = np.array([[w for _, w in row] for row in expected])
    np.testing.assert_allclose(filled.nodes, place, rtol=0, atol=1e-6)
    np.testing.assert_allclose(filled.seen, weight, rtol=1e-6)
    assert ((weight > 0) & (weight < 1)).any()
    edges = pairwise_edges(place[..., :2].astype(np.float32), weight > 0, np.ones(5, np.int32), angle)  # type: ignore[arg-type]
    both = tree.seen[frames][:, :, None] & tree.seen[frames][:, None, :]
    kept = edge_values(np.repeat(both[..., None], 2, -1).astype(np.float32))[:, ::2] > 0  # (frame, pair)
    found, expected_values, before = (
        values.reshape(5, kept.shape[1], -1)
        for values in (filled.edges, edge_values(edges, angle, weight), plain.edges)
    )
    np.testing.assert_array_equal(found[kept], before[kept])
    np.testing.assert_allclose(found[..., 0], expected_values[..., 0], rtol=0, atol=1e-6)
    clear = found[..., 0] > 0.01
    if angle == "sincos":
        np.testing.assert_allclose(found[clear], expected_values[clear], rtol=0, atol=2e-3)
        assert not before[~kept].any(), "an unseen pair has no cos 0 either"
    else:
        turned = np.exp(2j * (found[..., 1] - expected_values[..., 1]))
        np.testing.assert_allclose(turned[clear], 1, rtol=0, atol=2e-3)  # a half turn is the same line
    np.testing.assert_array_equal(filled.images, plain.images)

"""Mean and deviation of the edges: against a plain list of every seen pair, and what is said where there is none."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.records import Status
from data_cache.contract.skeleton import mirror_indices
from model.clips.clips import ClipSettings, ClipTracks, clip_tracks
from model.clips.skeletons import edge_statistics as module
from model.clips.skeletons.edge_statistics import edge_statistics
from model.clips.skeletons.skeleton_inputs import edge_values, flip_edges
from pipeline.skeletons.edges import pairwise_edges
from tests.model.clips.clip_trees import ClipTree, Track, person_tracks, write_caches, write_clip_tree

PAIRS = [(i, j) for i in range(17) for j in range(i + 1, 17)]


def tracks_of(tree: ClipTree) -> ClipTracks:
    return clip_tracks(tree.index.tracks, tree.status, ClipSettings(5, 7))


def every_seen_value(tree: ClipTree, rows: list[int], angle: str) -> list[list[float]]:
    """For each of the E values, all that is seen of it in the frames `rows` and in their mirror images."""
    per = 3 if angle == "sincos" else 2
    found: list[list[float]] = [[] for _ in range(per * len(PAIRS))]
    for row in rows:
        height, other = tree.size[row : row + 1, 0], mirror_indices()
        flipped = tree.keypoints[row][other].copy()
        flipped[:, 0] = tree.size[row, 1] - 1 - flipped[:, 0]
        for joints, seen in ((tree.keypoints[row], tree.seen[row]), (flipped, tree.seen[row][other])):
            edges = pairwise_edges(joints[None], seen[None], height, angle)[0]  # type: ignore[arg-type]
            for n, (i, j) in enumerate(PAIRS):
                if seen[i] and seen[j]:
                    distance, theta = (float(value) for value in edges[i, j])
                    turned = [np.sin(2 * theta), np.cos(2 * theta)] if angle == "sincos" else [theta]
                    for value, of in zip([distance, *turned], found[per * n : per * (n + 1)], strict=True):
                        of.append(value)
    return found


@pytest.mark.parametrize("angle", ["arctan", "atan2", "sincos"])
def test_statistics_are_those_of_all_seen_pairs_and_their_mirror_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, angle: str
) -> None:
    """Of the training tracks alone: not of short ones, other persons', or unreadable frames; in pieces of 7."""
    monkeypatch.setattr(module, "ROWS", 7)
    tracks = [*person_tracks(1, 1, 2), Track(2, person_tracks(2, 1, 0)[0].modality, 2, 5), *person_tracks(3, 1, 1)]
    status = np.zeros(sum(track.frames for track in tracks), np.uint8)
    status[[3, 20]] = Status.UNREADABLE
    tree = write_clip_tree(tmp_path, tracks, status=status, angle=angle)
    chosen = tracks_of(tree).select(np.array([True, False, True, True, False]))
    starts = np.cumsum([0, *(track.frames for track in tracks)])
    rows = [r for t in (0, 2, 4) for r in range(starts[t], starts[t + 1]) if status[r] == Status.OK]
    found = edge_statistics(tree.files, chosen)
    values = every_seen_value(tree, rows, angle)
    assert all(len(value) > 2 for value in values)
    np.testing.assert_allclose(found.mean, [np.mean(value) for value in values], rtol=0, atol=2e-6)
    np.testing.assert_allclose(found.deviation, [np.std(value) for value in values], rtol=2e-5)


def test_a_flipped_clip_is_standardised_as_the_flip_of_a_standardised_one(tmp_path: Path) -> None:
    """With arctan a mirrored angle is the same but for its sign, so both orders give the same numbers."""
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    mean, deviation = edge_statistics(tree.files, tracks_of(tree))
    edges = pairwise_edges(tree.keypoints, np.ones_like(tree.seen), tree.size[:, 0])
    upright = np.isclose(np.abs(edges[..., 1]), np.pi / 2).any((1, 2))
    edges = edges[~upright]
    standard = (edge_values(edges) - mean) / deviation
    of_flipped = (edge_values(flip_edges(edges, "arctan")) - mean) / deviation
    whole = np.zeros_like(edges)
    for n, (i, j) in enumerate(PAIRS):
        whole[:, i, j] = whole[:, j, i] = standard[:, 2 * n : 2 * n + 2]
    np.testing.assert_allclose(of_flipped, edge_values(flip_edges(whole, "arctan")), rtol=0, atol=2e-5)


def test_what_never_varies_or_is_never_seen_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    tree.score[:, 9] = 0.0  # a wrist that no frame shows
    tree.keypoints[:, 3] = tree.keypoints[:, 4] = 5.0  # both ears in one place
    write_caches(tree, {"min_score": 0.3, "keypoints": {"seed": 0}})
    with caplog.at_level(logging.WARNING):
        mean, deviation = edge_statistics(tree.files, tracks_of(tree))
    # The other wrist's pairs become the unseen one's in the mirror; only the pair of both is never seen.
    assert {PAIRS[n // 2] for n in np.flatnonzero(deviation == 0)} == {(3, 4), (9, 10)}
    assert np.isfinite(mean).all()
    assert "4 of 272 edge values never vary" in caplog.text


def test_edges_that_are_all_unseen_are_a_sentence(tmp_path: Path) -> None:
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    tree.score[:] = 0.1
    write_caches(tree, {"min_score": 0.3, "keypoints": {"seed": 0}})
    with pytest.raises(ValueError, match=r"expected joints that are seen together .* got none in 26 frames"):
        edge_statistics(tree.files, tracks_of(tree))

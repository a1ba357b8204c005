"""Caches and images that do not fit each other are a sentence before the first step."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.records import Modality, Status
from data_cache.contract.writer import CacheWriter
from model.clips.clip_files import check_images, open_split
from model.clips.clips import ClipSettings, clip_tracks
from tests.model.clips.clip_trees import MIN_SCORE, ClipTree, Track, person_tracks, write_caches, write_clip_tree


@pytest.fixture
def tree(tmp_path: Path) -> ClipTree:
    return write_clip_tree(tmp_path / "tree", person_tracks(1, 1, 1))


def test_another_data_set_or_split_is_refused(tree: ClipTree) -> None:
    with pytest.raises(ValueError, match="dataset: expected 'hitsz-vcm', got 'sample'"):
        open_split(tree.files, "hitsz-vcm", "train")
    with pytest.raises(ValueError, match="split: expected 'test', got 'train'"):
        open_split(tree.files, "sample", "test")


def test_missing_files_are_named_with_the_remedy(tree: ClipTree, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.h5: no such cache file of the train split; .* dvc repro"):
        open_split(replace(tree.files, graphs=tmp_path / "none.h5"), "sample", "train")
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder; set root"):
        open_split(replace(tree.files, root=tmp_path / "nowhere"), "sample", "train")
    with pytest.raises(ValueError, match=r"edges"):
        open_split(replace(tree.files, edges=tree.files.graphs), "sample", "train")


def test_caches_of_different_frames_are_refused(tree: ClipTree, tmp_path: Path) -> None:
    longer = write_clip_tree(tmp_path / "longer", person_tracks(1, 1, 1, frames=17))
    with pytest.raises(ValueError, match="expected as many frames in both, got 26 and 34"):
        open_split(replace(tree.files, graphs=longer.files.graphs), "sample", "train")
    other = write_clip_tree(tmp_path / "other", person_tracks(2, 1, 1))
    with pytest.raises(ValueError, match="expected the same frames and tracks in both"):
        open_split(replace(tree.files, graphs=other.files.graphs), "sample", "train")


def test_caches_of_different_keypoints_are_refused(tree: ClipTree) -> None:
    edges = tree.files.edges.with_name("kept.h5")
    shutil.copy(tree.files.edges, edges)
    write_caches(tree, {"min_score": MIN_SCORE, "keypoints": {"seed": 5}})
    with pytest.raises(
        ValueError, match=r"recipe: keypoints: expected the same in both, got \{.seed.: 0\} and \{.seed.: 5\}"
    ):
        open_split(replace(tree.files, edges=edges), "sample", "train")
    write_caches(tree, {"min_score": 0.5, "keypoints": {"seed": 0}})
    with pytest.raises(ValueError, match=r"recipe: min_score: expected the same in both, got 0\.3 and 0\.5"):
        open_split(replace(tree.files, edges=edges), "sample", "train")


def test_caches_of_other_tracks_or_other_states_are_refused(tree: ClipTree, tmp_path: Path) -> None:
    parts = [Track(1, Modality.INFRARED, 2, 13), Track(1, Modality.VISIBLE, 1, 6), Track(1, Modality.VISIBLE, 1, 7)]
    split = write_clip_tree(tmp_path / "split", parts)
    with pytest.raises(ValueError, match="expected as many tracks in both, got 2 and 3"):
        open_split(replace(tree.files, graphs=split.files.graphs), "sample", "train")
    status = np.zeros(26, np.uint8)
    status[3] = Status.MISSING
    gaps = write_clip_tree(tmp_path / "gaps", person_tracks(1, 1, 1), status=status)
    with pytest.raises(ValueError, match="expected the same frames and tracks in both, got others"):
        open_split(replace(tree.files, graphs=gaps.files.graphs), "sample", "train")


def test_edges_of_an_unknown_angle_cannot_be_flipped(tmp_path: Path) -> None:
    tree = write_clip_tree(tmp_path, person_tracks(1, 1, 1))
    recipe = {"min_score": MIN_SCORE, "keypoints": {"seed": 0}, "angle": "sine"}
    with CacheWriter(tree.files.edges, "edges", tree.index, recipe, status=tree.status) as writer:
        writer.append({"edges": np.zeros((26, 17, 17, 2), np.float32)})
    with pytest.raises(
        ValueError, match="recipe: angle: expected one of arctan, atan2, sincos, got 'sine'; without it"
    ):
        open_split(tree.files, "sample", "train")


def test_images_of_another_data_set_are_refused(tree: ClipTree) -> None:
    found = open_split(tree.files, "sample", "train")
    tracks = clip_tracks(found.tracks, found.status, ClipSettings(6, 12))
    check_images(found, tracks)
    (tree.files.root / found.paths[25]).unlink()
    with pytest.raises(ValueError, match=r"but 1 of 4 looked for .* the first Train/0001/rgb/D1/1-12\.jpg"):
        check_images(found, tracks)

"""`dvc repro` on a copy of the project: what runs again after a change, a kill or a new data set, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_cache.contract.reader import open_cache
from tests.pipeline.datasets.trees import VISIBLE, Row, build_tree
from tests.project.dvc_project import CHUNK_FRAMES, SETTINGS, TEST, TRAIN, DvcProject, copy_project, unchanged

STAGES = {f"{stage}@{split}" for stage in ("keypoints", "edges", "graphs") for split in ("train", "test")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> DvcProject:
    """A copy in which everything was made once, with the shipped HRNet."""
    project = copy_project(tmp_path_factory.mktemp("undisturbed") / "project")
    assert project.repro() == STAGES
    assert len(project.contents()) == 6
    return project


@pytest.fixture
def project(undisturbed: DvcProject, tmp_path: Path) -> DvcProject:
    """A copy of that copy, to be changed."""
    shutil.copytree(undisturbed.folder, tmp_path / "project")
    return DvcProject(tmp_path / "project")


def test_a_second_run_does_nothing(undisturbed: DvcProject) -> None:
    with unchanged(undisturbed, *undisturbed.contents(), "dvc.lock"):
        assert undisturbed.repro() == set()


def test_a_changed_edge_setting_makes_the_edges_only(project: DvcProject) -> None:
    before = project.contents()
    others = [name for name in before if "/edges/" not in name]
    (project.folder / "configs" / "tiny.yaml").write_text(SETTINGS.replace("edges: {}", "edges: {angle: atan2}"))
    with unchanged(project, *others):
        assert project.repro() == {"edges@train", "edges@test"}
    after = project.contents()
    assert {name for name in before if before[name] != after[name]} == before.keys() - set(others)
    with open_cache(project.artifact("edges", "train")) as cache:
        assert cache.recipe["angle"] == "atan2"


def test_a_killed_run_goes_on_and_makes_the_same_files(project: DvcProject) -> None:
    undisturbed = project.contents()
    project.forget_results()
    project.kill_in_the_middle("keypoints@train")
    finished = project.chunks("train")
    assert len(finished) == 2
    assert project.contents() == {}
    assert project.repro() == STAGES
    assert finished.items() < project.chunks("train").items()
    assert project.contents() == undisturbed


def test_one_more_person_costs_its_own_chunks_only(project: DvcProject, tmp_path: Path) -> None:
    before = project.chunks("train")
    with open_cache(project.artifact("keypoints", "train")) as cache:
        keypoints = cache.read("/frames/keypoints", 0, cache.frames)
    # After both persons, so that their frames, which depend on the row, stay what they are.
    build_tree(tmp_path / "grown", train=(*TRAIN, Row(VISIBLE, 3, 5, 2 * CHUNK_FRAMES)), test=TEST)
    shutil.copytree(tmp_path / "grown", project.folder / "tree", dirs_exist_ok=True)
    assert project.repro("keypoints@train") == {"keypoints@train"}
    after = project.chunks("train")
    assert before.items() < after.items()
    assert len(after) == len(before) + 2
    with open_cache(project.artifact("keypoints", "train")) as cache:
        assert cache.frames == len(keypoints) + 2 * CHUNK_FRAMES
        assert (cache.read("/frames/keypoints", 0, len(keypoints)) == keypoints).all()


def test_another_data_set_is_one_setting_and_a_path(project: DvcProject, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another disk" / "hitsz"
    build_tree(elsewhere, frames="flat", info="root", train=TRAIN, test=(Row(VISIBLE, 11, 5, 3),))
    (project.folder / "configs" / "other.yaml").write_text(SETTINGS)
    (project.folder / "params.yaml").write_text(
        f"dataset: other\nroot: {elsewhere}\nruns: [short]\nclip_lengths: 1,2\n"
    )
    with unchanged(project, *project.contents()):
        assert project.repro("graphs@test") == {"keypoints@test", "graphs@test"}
    with open_cache(project.folder / "artifacts" / "other" / "graphs" / "test.h5", "graphs") as cache:
        assert (cache.dataset, cache.frames) == ("other", 3)
        assert cache.paths[0] == "0011/rgb/D5/1.jpg"

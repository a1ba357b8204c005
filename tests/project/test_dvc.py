"""`dvc repro` on a copy of the project: what runs again after a change, a kill or a new data set, and what does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from tests.pipeline.datasets.trees import VISIBLE, Row, build_tree
from tests.project.dvc_project import CHUNK_FRAMES, SETTINGS, TEST, TRAIN, DvcProject, copy_project, unchanged

STAGES = {f"{stage}@{split}" for stage in ("frames", "keypoints", "edges", "graphs") for split in ("train", "test")}
FRAMES = {"frames@train", "frames@test"}  # run always, and write where something changed
JUNK = (".DS_Store", "Thumbs.db", "desktop.ini", "._1.jpg", "__MACOSX/._1.jpg")


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
    listings = [f"artifacts/tiny/frames/{split}.json" for split in ("train", "test")]
    lock = undisturbed.folder / "dvc.lock"  # DVC writes it anew after every stage that ran, with the same content
    before = lock.read_bytes()
    with unchanged(undisturbed, *undisturbed.contents(), *listings):
        assert undisturbed.repro() == FRAMES
    assert lock.read_bytes() == before


def test_a_changed_edge_setting_makes_the_edges_only(project: DvcProject) -> None:
    before = project.contents()
    others = [name for name in before if "/edges/" not in name]
    (project.folder / "configs" / "tiny.yaml").write_text(SETTINGS.replace("edges: {}", "edges: {angle: atan2}"))
    with unchanged(project, *others):
        assert project.repro() == FRAMES | {"edges@train", "edges@test"}
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
    assert project.repro("keypoints@train") == {"frames@train", "keypoints@train"}
    after = project.chunks("train")
    assert before.items() < after.items()
    assert len(after) == len(before) + 2
    with open_cache(project.artifact("keypoints", "train")) as cache:
        assert cache.frames == len(keypoints) + 2 * CHUNK_FRAMES
        assert (cache.read("/frames/keypoints", 0, len(keypoints)) == keypoints).all()


def test_a_replaced_frame_costs_its_own_chunk(project: DvcProject) -> None:
    before, chunks = project.contents(), project.chunks("train")
    frame = project.folder / "tree" / "Train" / "0001" / "rgb" / "D3" / "5.jpg"
    times = frame.stat()
    frame.write_bytes((frame.parent / "1.jpg").read_bytes())
    os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))
    with unchanged(project, *(name for name in before if "/train." not in name), "artifacts/tiny/frames/test.json"):
        assert project.repro() == {*FRAMES, "keypoints@train", "edges@train", "graphs@train"}
    after = project.chunks("train")
    assert chunks.items() < after.items()
    assert len(after) == len(chunks) + 1
    with open_cache(project.artifact("keypoints", "train")) as cache:
        same, other = cache.read("/frames/keypoints", 0, 1), cache.read("/frames/keypoints", 4, 5)
        np.testing.assert_array_equal(same, other)


def test_a_missing_frame_is_noticed_too(project: DvcProject) -> None:
    (project.folder / "configs" / "tiny.yaml").write_text(
        SETTINGS.replace("preset: sample", "preset: sample\n  max_bad: 1")
    )
    assert project.repro("keypoints@test") == {"frames@test", "keypoints@test"}
    (project.folder / "tree" / "Test" / "0007" / "ir" / "D2" / "2.jpg").unlink()
    assert project.repro("keypoints@test") == {"frames@test", "keypoints@test"}
    with open_cache(project.artifact("keypoints", "test")) as cache:
        assert cache.status.tolist() == [Status.OK, Status.MISSING]


def test_what_systems_leave_in_folders_runs_nothing(project: DvcProject) -> None:
    tree = project.folder / "tree"
    for folder in [tree, *(path for path in tree.rglob("*") if path.is_dir())]:
        for name in JUNK:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"junk")
    (tree / os.fsdecode(b"gr\xf6sse.txt")).write_bytes(b"a name that is not UTF-8 stops nothing")
    with unchanged(project, *project.contents()):
        assert project.repro() == FRAMES


def test_another_root_with_the_same_frames_runs_nothing(project: DvcProject, tmp_path: Path) -> None:
    shutil.copytree(project.folder / "tree", tmp_path / "moved")
    params = (project.folder / "params.yaml").read_text()
    (project.folder / "params.yaml").write_text(params.replace("root: tree", f"root: {tmp_path / 'moved'}"))
    with unchanged(project, *project.contents()):
        assert project.repro() == FRAMES


def test_status_lists_only_the_frames(undisturbed: DvcProject) -> None:
    command = [sys.executable, "-m", "dvc", "status", "--json", *(name for name in STAGES)]
    said = subprocess.run(
        command, cwd=undisturbed.folder, env=undisturbed.environment(), text=True, capture_output=True, check=True
    )
    assert json.loads(said.stdout) == {stage: ["always changed"] for stage in FRAMES}


def test_another_data_set_is_one_setting_and_a_path(project: DvcProject, tmp_path: Path) -> None:
    elsewhere = tmp_path / 'another $HOME "disk" of `mine`' / "hitsz"  # which a shell would take apart
    build_tree(elsewhere, frames="flat", info="root", train=TRAIN, test=(Row(VISIBLE, 11, 5, 3),))
    (project.folder / "configs" / "other.yaml").write_text(SETTINGS)
    (project.folder / "params.yaml").write_text(
        f"dataset: other\nroot: {json.dumps(str(elsewhere))}\nruns: [short]\nclip_lengths: 1,2\n"
    )
    with unchanged(project, *project.contents()):
        assert project.repro("graphs@test") == {"frames@test", "keypoints@test", "graphs@test"}
    with open_cache(project.folder / "artifacts" / "other" / "graphs" / "test.h5", "graphs") as cache:
        assert (cache.dataset, cache.frames) == ("other", 3)
        assert cache.paths[0] == "0011/rgb/D5/1.jpg"


def test_an_edit_of_stage_one_s_code_takes_over_every_chunk(project: DvcProject) -> None:
    chunks = project.chunks("train")
    code = project.folder / "pipeline" / "keypoints" / "bad_frames.py"
    code.write_text(code.read_text(encoding="utf-8") + "\n# another thought\n", encoding="utf-8")
    with unchanged(project, *[name for name in project.contents() if "/keypoints/" not in name]):
        assert project.repro() == FRAMES | {"keypoints@train", "keypoints@test"}
    assert project.chunks("train") == chunks  # not one is written anew


def test_an_edit_of_what_no_stage_runs_runs_nothing(project: DvcProject) -> None:
    for room in ("data_cache/viewer", "data_cache/exchange/exports", "star", "pipeline/checks"):
        (project.folder / room / "new_code.py").write_text("NEW = 1\n")
    assert project.repro() == FRAMES

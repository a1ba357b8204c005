"""The stages of a run under DVC: a train stage that is killed goes on, and evaluation follows it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.split_file import FrameListing, write_frame_listing
from model.evaluation.clip_lengths import read_clip_lengths
from model.training.checkpoints.checkpoint_file import read_checkpoint
from tests.model.training.training_runs import CHECKPOINTS, EPOCHS, RUN, STEPS, write_config, write_dataset
from tests.project.dvc_project import DvcProject, copy_project

HOME = CHECKPOINTS.parent
LAST = CHECKPOINTS / f"step-{EPOCHS * STEPS:08d}.safetensors"
# Only these stages: the caches are there already, so nothing before them has to run.
ONLY = ("--single-item", "train@short", "evaluate@short", "clip-lengths@short")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DvcProject:
    """A copy of the project with a data set and caches to train from."""
    made = copy_project(tmp_path_factory.mktemp("training") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        shutil.rmtree("tree")
        author = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
        subprocess.run(["git", *author, "commit", "--quiet", "--allow-empty", "-m", "begin"], check=True)
        write_dataset(RUN, seed=0)
        for split in ("train", "test"):
            list_frames(split)
        Path("configs/runs/tiny").mkdir(parents=True)
        write_config(RUN, Path("configs/runs/tiny/short.yaml"))
        Path("params.yaml").write_text("dataset: tiny\nroot: data/tiny\nruns: [short]\nclip_lengths: 1,2\n")
    return made


def dvc(project: DvcProject, *arguments: str) -> str:
    """What a DVC command prints."""
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment(), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_killed_train_stage_goes_on_and_is_evaluated(project: DvcProject) -> None:
    project.kill_in_the_middle("--single-item", "train@short", pause_at="checkpoints/step-")
    assert [path.stem for path in sorted((project.folder / CHECKPOINTS).glob("*.safetensors"))] == [
        "step-00000002",
        "step-00000004",
    ]
    said = dvc(project, "repro", *ONLY)
    assert f"going on from {CHECKPOINTS}/step-00000004" in said
    assert read_checkpoint(project.folder / LAST).facts["position"]["epoch"] == EPOCHS
    for folder in (HOME, HOME / "protocols" / "split-train"):
        metrics = json.loads((project.folder / folder / "metrics.json").read_text())
        assert set(metrics) == {"infrared_to_visible", "visible_to_infrared", "provenance"}
    lengths = read_clip_lengths(project.folder / HOME / "clip_lengths.json")
    assert [length.frames for length in lengths.lengths] == [1, 2]
    assert "Running stage" not in dvc(project, "repro", *ONLY)
    shown = json.loads(dvc(project, "metrics", "show", "--json"))[""]["data"]
    assert 0 <= shown[f"{HOME}/metrics.json"]["data"]["infrared_to_visible"]["rank-1"] <= 1
    assert shown[f"{HOME}/live/metrics.json"]["data"]["step"] == EPOCHS - 1
    assert "loss" in dvc(project, "plots", "show", "--json")


def list_frames(split: str, lost: int = 0, folder: Path = Path()) -> None:
    """Write a list of the frames of a split, as if the first `lost` of them were not there."""
    with open_cache(folder / f"artifacts/tiny/edges/{split}.h5") as cache:
        index = cache.index()
    sizes = tuple(None if row < lost else 3 for row in range(len(index.paths)))
    digests = tuple(None if size is None else "1" * 64 for size in sizes)
    write_frame_listing(folder / f"artifacts/tiny/frames/{split}.json", FrameListing(index, sizes, digests))


def trained_weights(project: DvcProject) -> tuple[int, str]:
    """Steps done by the newest checkpoint, and a digest of its weights."""
    newest = sorted((project.folder / CHECKPOINTS).glob("*.safetensors"))[-1]
    checkpoint = read_checkpoint(newest)
    digest = hashlib.sha256()
    for name, array in sorted(checkpoint.part("network").items()):
        digest.update(name.encode() + array.tobytes())
    return checkpoint.facts["position"]["total_steps"], digest.hexdigest()


def test_what_a_finished_run_was_made_of_changes_and_it_is_trained_anew(project: DvcProject) -> None:
    train = ("--single-item", "train@short")
    dvc(project, "repro", *train)
    steps, weights = trained_weights(project)
    losses = project.folder / "model" / "network" / "losses.py"
    code = losses.read_text(encoding="utf-8")
    losses.write_text(code.replace("self.triplet(clip, person)", "self.triplet(clip, person) * 0.0"), encoding="utf-8")
    said = dvc(project, "repro", *train)
    assert "origin.code.model/network: " in said and "Beginning anew" in said
    assert trained_weights(project)[0] == steps and trained_weights(project)[1] != weights
    losses.write_text(code, encoding="utf-8")
    list_frames("train", lost=1, folder=project.folder)  # another list of frames
    assert "origin.frames: " in dvc(project, "repro", *train)
    assert trained_weights(project) == (steps, weights)  # to the bit what this code makes of these frames
    config = project.folder / "configs" / "runs" / "tiny" / "short.yaml"
    config.write_text(config.read_text().replace(f"epochs: {EPOCHS}", f"epochs: {EPOCHS - 1}"))
    assert "Beginning anew" in dvc(project, "repro", *train)
    assert trained_weights(project)[0] == (EPOCHS - 1) * STEPS

"""What is wrong with settings, caches or data is one line before the first step, and no step is lost to a bad one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_cache.contract.records import Modality
from model.__main__ import main
from model.run.run_folder import cache_files
from model.training.checkpoints.checkpoint_folder import checkpoint_files
from model.training.training_step import TrainingStep
from tests.model.clips.clip_trees import Track, person_tracks, write_clip_tree
from tests.model.training.training_runs import CHECKPOINTS, RUN, TRAIN, write_training_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_training_run()
    return folder


@pytest.fixture
def inside(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data set with its caches and config, and no run."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The one line of a training that must not start."""

    def step(*_: object) -> None:
        raise AssertionError("a step was made")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingStep, "__call__", step)
        assert main([*TRAIN, *options]) == 1
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in error
    assert checkpoint_files(CHECKPOINTS) == []
    return lines[0]


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("model.frame=3", ("short.yaml: model", "unknown key 'frame'", "frame_guidance", "frames")),
        ("traim.seed=3", ("short.yaml", "unknown key 'traim'", "known keys are name, dataset, root")),
        ("train.epochs=many", ("short.yaml: train.epochs: expected a whole number of 1 or more, got 'many'",)),
        ("model.frames=25", ("short.yaml: model.frames: expected a whole number in 1…24, got 25",)),
        ("model.heads=3", ("heads", "3", "128")),
        ("model.pretrained=weights.pth", ("weights.pth", "no such file")),
        ("dataset=other", ("artifacts/other/edges/train.h5", "dvc repro")),
        ("root=elsewhere", ("elsewhere", "no such folder")),
        ("data.persons=6", ("expected at least 6", "got 5", "data.persons")),
        ("data.min_frames=14", ("expected tracks of 14 frames or more", "the longest has 13 frames")),
        ("data.validation_persons=0.99", ("validation_persons", "5 persons")),
    ],
)
def test_settings_that_do_not_fit(
    inside: Path, capsys: pytest.CaptureFixture[str], override: str, named: tuple[str, ...]
) -> None:
    error = refused(capsys, "--set", override)
    assert [words for words in named if words not in error] == [], error


def test_a_missing_config_names_the_file(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("short.yaml").unlink()
    assert "short.yaml: no such settings file" in refused(capsys)


def test_a_cache_of_the_other_split(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = cache_files(RUN, "train")
    shutil.copy(cache_files(RUN, "test").edges, files.edges)
    assert "split: expected 'train', got 'test'" in refused(capsys)


def test_images_of_another_data_set(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("data/tiny/Train/0007")
    error = refused(capsys)
    assert "8 of 40 looked for are not there, the first Train/0007/" in error


@pytest.mark.parametrize(
    ("tracks", "named"),
    [
        (
            [*person_tracks(2, 2, 2), *person_tracks(3, 2, 2), *person_tracks(5, 0, 3), *person_tracks(7, 2, 1)],
            ("no infrared track of 1 of 4 persons (5)", "min_frames 12"),
        ),
        (
            [Track(person, kind, 1 + int(kind), 11) for person in (2, 3, 5) for kind in Modality],
            ("expected tracks of 12 frames or more", "of 6 tracks the longest has 11 frames"),
        ),
    ],
)
def test_tracks_that_cannot_be_trained_on(
    inside: Path, capsys: pytest.CaptureFixture[str], tracks: list[Track], named: tuple[str, ...]
) -> None:
    tree = write_clip_tree(Path("data/few"), tracks, dataset="tiny")
    files = cache_files(RUN, "train")
    shutil.move(tree.files.edges, files.edges)
    shutil.move(tree.files.graphs, files.graphs)
    error = refused(capsys, "--set", "root=data/few")
    assert [words for words in named if words not in error] == [], error


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A rate that no weight survives, from the third epoch on: the checkpoints of the first two are good.
    options = ("--set", "train.warmup_epochs=0", "--set", "train.checkpoint_steps=5")
    assert main([*TRAIN, *options, "--set", "train.epochs=2"]) == 0
    good = checkpoint_files(CHECKPOINTS)[-1]
    before = good.read_bytes()
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.training.trainer.learning_rate", lambda *_: 1e30)
        assert main([*TRAIN, *options, "--resume", "--set", "train.epochs=3"]) == 1
    error = capsys.readouterr().err
    assert "loss: expected finite terms and gradients, got otherwise at step 1 of epoch 2" in error
    assert "total is nan" in error
    assert f"the last good checkpoint is {good}" in error
    assert "Traceback" not in error
    assert good.read_bytes() == before
    assert checkpoint_files(CHECKPOINTS)[-1] == good

"""What cannot be evaluated is one line with the remedy before a network is built, and older results stay."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_cache.contract.records import Modality
from model.__main__ import main
from model.run.run_folder import cache_files
from model.training import trained_network
from model.training.checkpoints.checkpoint_file import Checkpoint, read_checkpoint, write_checkpoint
from tests.model.clips.clip_trees import Track, person_tracks, write_clip_tree
from tests.model.evaluation.evaluation_runs import RUN, write_config, write_run

HOME = Path("artifacts/tiny/runs/full")
CHECKPOINT = HOME / "checkpoints/step-00000123.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        write_run()
    return path


@pytest.fixture(autouse=True)
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run to spoil; building a network is a failure."""
    shutil.copytree(made, tmp_path / "run")
    monkeypatch.chdir(tmp_path / "run")
    (HOME / "metrics.json").write_text("older")

    def build(checkpoint: Checkpoint) -> None:
        pytest.fail("a network is built for what cannot be evaluated")

    monkeypatch.setattr(trained_network, "load_network", build)
    return tmp_path / "run"


def refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run an evaluation that must fail with one line; return the line."""
    assert main(["evaluate", "--config", "full.yaml", *options]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(("INFO", "WARNING"))]
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert (HOME / "metrics.json").read_text() == "older"
    return lines[0]


def rewrite_test_split(tracks: list[Track]) -> None:
    tree = write_clip_tree(Path("other"), tracks, split="test", dataset="tiny")
    files = cache_files(RUN, "test")
    shutil.copy(tree.files.edges, files.edges)
    shutil.copy(tree.files.graphs, files.graphs)


INFRARED = [Track(3, Modality.INFRARED, 2, 13), Track(5, Modality.INFRARED, 2, 13)]
VISIBLE = [Track(7, Modality.VISIBLE, 1, 13)]
ONE_CAMERA = [Track(7, Modality.INFRARED, 1, 13)]

SPOILED: dict[str, tuple[Callable[[], object], tuple[str, ...], str]] = {
    "no checkpoint": (
        lambda: shutil.rmtree(HOME / "checkpoints"),
        (),
        "checkpoints: no intact checkpoint of this run; train it first with star train, or name",
    ),
    "no such file": (lambda: None, ("--checkpoint", "none.safetensors"), "none.safetensors: no such checkpoint"),
    "a folder without one": (
        lambda: Path("none").mkdir(),
        ("--checkpoint", "none"),
        "none: no intact checkpoint of this run; train it first with star train, or name",
    ),
    "damaged checkpoint": (
        lambda: CHECKPOINT.write_bytes(CHECKPOINT.read_bytes()[:-7]),
        ("--checkpoint", str(CHECKPOINT)),
        "step-00000123.safetensors: damaged",
    ),
    "frames": (lambda: None, ("--frames", "25"), "--frames: frames: expected a whole number in 1…24, got 25"),
    "no frames": (lambda: None, ("--frames", "0"), "--frames: frames: expected a whole number in 1…24, got 0"),
    "batch": (lambda: None, ("--batch", "0"), "--batch: expected 0 or more and 1 or more, got 0 and 0"),
    "nobody held out": (
        lambda: None,
        ("--split", "validation", "--set", "data.validation_persons=0.0"),
        "validation_persons: expected a share above 0 for --split validation, got 0: no person was held out",
    ),
    "others held out": (
        lambda: None,
        ("--split", "validation", "--set", "data.validation_persons=0.6"),
        "data.validation_persons: expected 0.4, with which",
    ),
    "others long enough": (
        lambda: None,
        ("--split", "train", "--set", "data.min_frames=5"),
        "data.min_frames: expected 12, with which",
    ),
    "no cache": (lambda: cache_files(RUN, "test").edges.unlink(), (), "edges/test.h5: no such cache file of the test"),
    "no images": (lambda: shutil.rmtree("data/tiny/Test/0013"), (), "but 10 of 26 looked for are not there, the first"),
    "no folder": (lambda: shutil.rmtree("data"), (), "data/tiny: no such folder; set root"),
    "no visible": (lambda: rewrite_test_split(INFRARED), (), "expected both modalities in the test split of tiny"),
    "no infrared": (lambda: rewrite_test_split(VISIBLE), (), "got 0 infrared and 1 visible"),
    "no common person": (
        lambda: rewrite_test_split(INFRARED + VISIBLE),
        (),
        "got none: 2 infrared and 1 visible tracks of 3 persons; no query would have a match",
    ),
    "one camera": (lambda: rewrite_test_split(ONE_CAMERA + VISIBLE), (), "got none: 1 infrared and 1 visible tracks"),
    "all short": (
        lambda: rewrite_test_split(person_tracks(3, 1, 1, frames=7)),
        (),
        "min_frames: expected tracks of 12 frames or more",
    ),
    "a file for a folder": (lambda: Path("taken").touch(), ("--out", "taken/here"), "cannot make its folder"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_is_wrong_is_one_line_before_a_network_is_built(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, options, expected = SPOILED[case]
    spoil()
    assert re.search(re.escape(expected), refused(capsys, *options))


def test_a_checkpoint_of_another_network_is_refused_with_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    write_config(replace(RUN, model=replace(RUN.model, frame_guidance=False, backbone="resnet18")), Path("full.yaml"))
    line = refused(capsys)
    assert "backbone: config resnet18, checkpoint narrow; frame_guidance: config False, checkpoint True;" in line
    assert "lstm_hidden" not in line


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"config": {"name": "full", "surprise": 1}}, "config: unknown key 'surprise'"),
        ({"config": None}, "config: expected a mapping of settings, got None"),
        ({"config": {"name": "../elsewhere"}}, "config: name: expected a plain folder name"),
        ({"persons": "many"}, "persons: expected a whole number of 1 or more, got 'many'"),
        ({"recipes": None}, "recipes: expected a mapping of the caches' recipes, by kind, got None"),
        (
            {"recipes": {"edges": {"angle": "sincos"}}},
            "recipe: angle: expected 'sincos', as of the edges that artifacts",
        ),
        (
            {"recipes": {"edges": {"angle": "sincos"}}},
            "got 'arctan'; make them again with edges.angle: sincos, or train",
        ),
        ({"recipes": {"edges": {"normalize": "none"}}}, "recipe: normalize: expected 'none', as of the edges"),
        ({"persons": 5}, "clip_neck.classifier.weight: expected a row for each of 5 persons, got (3, 128)"),
    ],
)
def test_a_checkpoint_that_says_something_else_is_refused(
    facts: dict[str, Any], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_checkpoint(CHECKPOINT)
    write_checkpoint(CHECKPOINT, Checkpoint(found.tensors, {**found.facts, **facts}))
    assert expected in refused(capsys, "--split", "validation")


def test_the_newest_intact_checkpoint_is_taken(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (HOME / "checkpoints/step-00000200.safetensors").write_bytes(CHECKPOINT.read_bytes()[:-7])
    asked: list[int] = []

    def load(checkpoint: Checkpoint) -> None:
        asked.append(checkpoint.facts["position"]["total_steps"])
        raise ValueError("far enough")

    monkeypatch.setattr(trained_network, "load_network", load)
    assert main(["evaluate", "--config", "full.yaml"]) == 1
    assert asked == [123]
    assert "step-00000200.safetensors: damaged" in caplog.text


def test_other_training_settings_are_named(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, "--set", "train.seed=7", "--set", "loss.kl=0.5", "--frames", "5", "--out", str(CHECKPOINT / "in"))
    assert "trained with train.seed 0, where the config says 7" in caplog.text
    assert "trained with loss.kl 1.0, where the config says 0.5" in caplog.text
    assert "frames" not in "".join(r.message for r in caplog.records if "trained with" in r.message)

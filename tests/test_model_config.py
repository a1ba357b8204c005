"""The run's settings: the file over the defaults, overrides over the file, and every mistake named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from model.config import DataConfig, LossConfig, ModelConfig, RunConfig, TrainConfig, load_run

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_papers_configuration(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, ""))
    assert run == RunConfig()
    assert (run.model.backbone, run.model.frames, run.model.lstm_hidden) == ("resnet50", 6, 1024)
    assert (run.model.image_height, run.model.image_width, run.model.variant) == (288, 144, "full")
    assert run.model.exponents == (0.7, 1.0, 3.0, 5.0, 7.0)
    assert (run.data.persons, run.data.tracks_per_modality, run.data.min_frames) == (8, 2, 12)
    assert (run.train.learning_rate, run.train.weight_decay, run.train.milestones) == (0.1, 5e-4, (60, 100))
    assert (run.loss.margin, run.loss.kl, run.loss.sad) == (0.3, 1.0, 1.0)


def test_the_file_lists_what_differs_and_overrides_come_last(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nmodel: {frames: 7, exponents: [1, 3]}\ntrain: {milestones: [2, 5]}\n")
    run = load_run(path, ["model.frames=11", "train.steps_per_epoch=3", "loss.kl=0.5", "model.pool_over=time"])
    assert run.model == ModelConfig(frames=11, exponents=(1.0, 3.0), pool_over="time")
    assert run.train == TrainConfig(milestones=(2, 5), steps_per_epoch=3)
    assert (run.loss, run.data, run.name) == (LossConfig(kl=0.5), DataConfig(), "a")
    assert load_run(path, ["train.steps_per_epoch=null", "train.milestones=[]"]).train == TrainConfig(milestones=())
    assert load_run(path, ["model.exponents=[2]"]).model.exponents == (2.0,)


@pytest.mark.parametrize(
    ("frame", "sequence", "name"),
    [(False, False, "baseline"), (True, False, "frame"), (False, True, "sequence"), (True, True, "full")],
)
def test_two_booleans_name_the_variant(frame: bool, sequence: bool, name: str) -> None:
    assert ModelConfig(frame_guidance=frame, sequence_guidance=sequence).variant == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model: {frame: 6}", ["run.yaml: model", "unknown key 'frame'", "frames"]),
        ("model: {backbone: vgg}", ["model: backbone", "'resnet50'", "'vgg'"]),
        ("model: {frames: 25}", ["frames", "1…24", "25"]),
        ("model: {frames: true}", ["model: frames", "expected int", "True"]),
        ("model: {image_width: 8}", ["image_width", "at least 16 pixels", "8"]),
        ("model: {heads: 0}", ["heads", "more than 0", "0"]),
        ("model: {dropout: 1.0}", ["dropout", "less than 1", "1.0"]),
        ("model: {dropout: .nan}", ["dropout", "nan"]),
        ("model: {exponents: []}", ["exponents", "at least one", "()"]),
        ("model: {exponents: [1, 0]}", ["exponents", "above 0", "0.0"]),
        ("model: {exponents: [1, x]}", ["model: exponents[1]", "expected float", "'x'"]),
        ("model: {exponents: 3}", ["model: exponents", "expected a list", "3"]),
        ("model: {pool_over: frames}", ["pool_over", "'cells'", "'frames'"]),
        ("model: {edge_source: first}", ["edge_source", "'last'", "'first'"]),
        ("loss: {kl: -1}", ["loss: kl", "0 or more", "-1.0"]),
        ("loss: {margin: .inf}", ["margin", "inf"]),
        ("data: {persons: 1}", ["persons", "2 or more", "1"]),
        ("data: {flip: 1.5}", ["flip", "0…1", "1.5"]),
        ("data: {pad: -1}", ["pad", "pixels", "-1"]),
        ("data: {validation_persons: 1.0}", ["validation_persons", "1.0"]),
        ("train: {milestones: [60, 60]}", ["milestones", "rising", "(60, 60)"]),
        ("train: {steps_per_epoch: 0}", ["steps_per_epoch", "more than 0", "0"]),
        ("train: {momentum: 0}", ["nesterov", "momentum is 0"]),
        ("train: {seed: -1}", ["seed", "-1"]),
        ("train: {amp: O9}", ["amp", "'O2'", "'O9'"]),
        ("name: ../other", ["name", "plain folder name", "../other"]),
        ("dataset: ''", ["dataset", "plain folder name"]),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, expected: list[str]) -> None:
    with pytest.raises(ValueError, match=r"run\.yaml") as caught:
        load_run(write(tmp_path, text))
    message = str(caught.value)
    assert all(part in message for part in expected), message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.frames", ["key=value", "'model.frames'"]),
        ("=3", ["key=value"]),
        ("model..frames=3", ["key=value"]),
        ("name.first=3", ["name", "mapping"]),
        ("model.frames=[", ["YAML value", "'['"]),
        ("model.frame=3", ["unknown key 'frame'"]),
        ("models.frames=3", ["unknown key 'models'"]),
    ],
)
def test_wrong_overrides_are_named(tmp_path: Path, override: str, expected: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        load_run(write(tmp_path, "name: a"), [override])
    message = str(caught.value)
    assert all(part in message for part in expected), message
    assert "\n" not in message

"""The run's settings: the file over the defaults, overrides over the file, and every mistake named."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import pytest

from model.run.config import DataConfig, LossConfig, ModelConfig, RunConfig, TrainConfig, load_run

if TYPE_CHECKING:
    from pathlib import Path

GROUPS: dict[str, Any] = {"model": ModelConfig, "loss": LossConfig, "data": DataConfig, "train": TrainConfig}
# What the paper, or the decision where it is silent, says of every setting (docs/paper.md).
DECIDED: dict[str, dict[str, Any]] = {
    "model": {
        "backbone": "resnet50",
        "pretrained": None,
        "frame_guidance": True,
        "sequence_guidance": True,
        "frames": 6,
        "image_height": 288,
        "image_width": 144,
        "standardize_edges": True,
        "standardize_nodes": True,
        "seen_flags": False,
        "fill_gaps": "none",
        "edge_hidden": 512,
        "lstm_hidden": 1024,
        "bidirectional": False,
        "heads": 4,
        "se_ratio": 16,
        "dropout": 0.1,
        "graph_hidden": 32,
        "graph_heads": 4,
        "graph_width": 128,
        "exponents": (0.7, 1.0, 3.0, 5.0, 7.0),
        "learn_exponents": False,
        "pool_over": "cells",
        "pool_parts": False,
        "part_width": 1.0,
        "kl_width": 512,
        "edge_source": "all",
        "kl_trains": "both",
    },
    "loss": {
        "id_frame": 1.0,
        "id_clip": 1.0,
        "triplet": 1.0,
        "kl": 1.0,
        "sad": 1.0,
        "margin": 0.3,
        "label_smoothing": 0.0,
    },
    "data": {
        "persons": 8,
        "tracks_per_modality": 2,
        "min_frames": 12,
        "pad": 10,
        "flip": 0.5,
        "random_erasing": 0.0,
        "grey": 0.0,
        "validation_persons": 0.0,
        "exclude": None,
    },
    "train": {
        "seed": 0,
        "epochs": 200,
        "steps_per_epoch": None,
        "learning_rate": 0.1,
        "backbone_lr_ratio": 0.1,
        "optimizer": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
        "clip_norm": 0.0,
        "ema": 0.0,
        "warmup_epochs": 10,
        "schedule": "steps",
        "milestones": (60, 100),
        "keep_checkpoints": 2,
        "checkpoint_steps": 100,
        "amp": "O0",
    },
}
# For every number a value just beyond each end of its range, and what the error says of the range.
BEYOND: dict[str, tuple[str, list[str]]] = {
    "model.frames": ("a whole number in 1…24", ["0", "25"]),
    "model.image_height": ("a whole number of 16 or more", ["15"]),
    "model.image_width": ("a whole number of 16 or more", ["15"]),
    "model.edge_hidden": ("a whole number of 1 or more", ["0"]),
    "model.lstm_hidden": ("a whole number of 1 or more", ["0"]),
    "model.heads": ("a whole number of 1 or more", ["0"]),
    "model.se_ratio": ("a whole number of 1 or more", ["0"]),
    "model.dropout": ("a number of 0 or more and less than 1", ["-0.1", "1.0", ".nan"]),
    "model.graph_hidden": ("a whole number of 1 or more", ["0"]),
    "model.graph_heads": ("a whole number of 1 or more", ["0"]),
    "model.graph_width": ("a whole number of 1 or more", ["0"]),
    "model.exponents": ("a list of 1 or more, each a number of more than 0 and up to 64", ["[]"]),
    "model.kl_width": ("a whole number of 1 or more", ["0"]),
    "model.part_width": ("a number of more than 0 and up to 64", ["0", "65", ".nan"]),
    "loss.id_frame": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "loss.id_clip": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "loss.triplet": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "loss.kl": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "loss.sad": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "loss.margin": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "loss.label_smoothing": ("a number of 0 or more and less than 1", ["-0.1", "1.0", ".nan"]),
    "data.persons": ("a whole number of 2 or more", ["1"]),
    "data.tracks_per_modality": ("a whole number of 1 or more", ["0"]),
    "data.min_frames": ("a whole number of 1 or more", ["0"]),
    "data.pad": ("a whole number of 0 or more", ["-1"]),
    "data.flip": ("a number in 0…1", ["-0.1", "1.1", ".nan"]),
    "data.random_erasing": ("a number in 0…1", ["-0.1", "1.1", ".nan"]),
    "data.grey": ("a number in 0…1", ["-0.1", "1.1", ".nan"]),
    "data.validation_persons": ("a number of 0 or more and less than 1", ["-0.1", "1.0", ".nan"]),
    "train.seed": ("a whole number in 0…2147483647", ["-1", "2147483648"]),
    "train.epochs": ("a whole number of 1 or more", ["0"]),
    "train.steps_per_epoch": ("a whole number of 1 or more", ["0"]),
    "train.learning_rate": ("a finite number of more than 0", ["0", ".inf", ".nan"]),
    "train.backbone_lr_ratio": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "train.momentum": ("a number of 0 or more and less than 1", ["-0.1", "1.0", ".nan"]),
    "train.weight_decay": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "train.clip_norm": ("a finite number of 0 or more", ["-0.1", ".inf", ".nan"]),
    "train.ema": ("a number of 0 or more and less than 1", ["-0.1", "1.0", ".nan"]),
    "train.warmup_epochs": ("a whole number of 0 or more", ["-1"]),
    "train.milestones": ("a list of rising epochs, each 1 or more", ["[5, 5]", "[7, 5]"]),
    "train.keep_checkpoints": ("a whole number of 1 or more", ["0"]),
    "train.checkpoint_steps": ("a whole number of 1 or more", ["0"]),
}


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_papers_configuration(tmp_path: Path) -> None:
    run = load_run(write(tmp_path, ""))
    assert run == RunConfig()
    assert {group: asdict(getattr(run, group)) for group in GROUPS} == DECIDED
    assert run.model.variant == "full"


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
        ("model: {frame: 6}", ["run.yaml: model: unknown key 'frame', nearest is 'frames'; known keys are backbone"]),
        ("model: {backbone: vgg}", ["model.backbone: expected one of 'resnet50', 'resnet18', 'narrow', got 'vgg'"]),
        ("model: {frames: true}", ["model.frames: expected a whole number in 1…24, got True"]),
        (
            "model: {exponents: [1, x]}",
            ["run.yaml: model.exponents[1]: expected a number of more than 0 and up to 64, got 'x'"],
        ),
        ("model: {exponents: [1, 0]}", ["run.yaml: model.exponents[1]: expected a number of more", "up to 64, got 0"]),
        ("model: {exponents: [65]}", ["run.yaml: model.exponents[0]: expected a number of more", "up to 64, got 65"]),
        ("model: {exponents: [.nan]}", ["run.yaml: model.exponents[0]: expected a number of more", "64, got nan"]),
        ("train: {milestones: [0, 5]}", ["run.yaml: train.milestones[0]: expected a whole number of 1 or more, got 0"]),
        ("model: {exponents: 3}", ["model.exponents: expected a list of 1 or more, each a number", "got 3"]),
        ("model: {pool_over: frames}", ["pool_over", "'cells'", "'frames'"]),
        ("model: {edge_source: first}", ["edge_source", "'last'", "'first'"]),
        ("train: {momentum: 0}", ["run.yaml: train.nesterov: expected false where momentum is 0, got True"]),
        ("train: {optimizer: adam}", ["train.optimizer", "'adamw'", "'adam'"]),
        ("train: {schedule: linear}", ["train.schedule", "'cosine'", "'linear'"]),
        ("model: {kl_trains: edges}", ["model.kl_trains", "'graph'", "'edges'"]),
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


def test_every_number_has_a_range_here() -> None:
    numbers = {
        f"{group}.{name}"
        for group, decided in DECIDED.items()
        for name, value in decided.items()
        if isinstance(value, int | float | tuple) and not isinstance(value, bool)
    }
    assert set(BEYOND) == numbers | {"train.steps_per_epoch"}


@pytest.mark.parametrize(
    ("key", "expected", "value"),
    [(key, expected, value) for key, (expected, values) in BEYOND.items() for value in values],
)
def test_a_number_out_of_range_is_named_with_the_range(tmp_path: Path, key: str, expected: str, value: str) -> None:
    group, _, name = key.partition(".")
    with pytest.raises(ValueError, match=rf"run\.yaml: {group}\.{name}: expected {expected}.*, got ") as caught:
        load_run(write(tmp_path, f"{group}: {{{name}: {value}}}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("group", GROUPS)
def test_wrong_types_and_unknown_keys_are_named(tmp_path: Path, group: str) -> None:
    known = [field.name for field in fields(GROUPS[group])]
    for name in known:
        with pytest.raises(ValueError, match=rf"run\.yaml: {group}\.{name}: expected .*, got \{{'a': 1\}}"):
            load_run(write(tmp_path, f"{group}: {{{name}: {{a: 1}}}}"))
    with pytest.raises(
        ValueError, match=rf"run\.yaml: {group}: unknown key 'seeds'.*; known keys are {', '.join(known)}$"
    ):
        load_run(write(tmp_path, f"{group}: {{seeds: 1}}"))
    with pytest.raises(ValueError, match=rf"run\.yaml: {group}: expected a mapping of settings, got 3"):
        load_run(write(tmp_path, f"{group}: 3"))


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

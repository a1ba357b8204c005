"""Schemas for editors: what they refuse the program refuses, every shipped file names its own and fits it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from command_line.settings_file import build_settings, read_mapping
from command_line.yaml_data import parse_yaml
from docs.settings_schema import FOLDER, SCHEMAS, schema_text

CONFIGS = FOLDER.parent
FILES = sorted([CONFIGS.parent / "params.yaml", *CONFIGS.glob("*.yaml"), *(CONFIGS / "runs").rglob("*.yaml")])
MARK = "# yaml-language-server: $schema="


def validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_file_is_what_the_classes_say(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == schema_text(SCHEMAS[name]), (
        f"configs/schema/{name}.json is not what the dataclasses say; write it anew: python -m docs.settings_schema"
    )
    Draft7Validator.check_schema(validator(name).schema)


def test_there_is_a_file_for_each_schema_and_no_other() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {f"{name}.json" for name in SCHEMAS}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_every_shipped_file_names_its_schema_and_fits_it(file: Path) -> None:
    first = file.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(MARK)
    name = {CONFIGS.parent: "params", CONFIGS: "stage-one"}.get(file.parent, "run")
    assert (file.parent / first.removeprefix(MARK)).resolve() == FOLDER / f"{name}.json"
    validator(name).validate(read_mapping(file))


def settings_of(node: dict[str, Any], group: str = "") -> dict[str, dict[str, Any]]:
    found = {}
    for name, part in node["properties"].items():
        found |= settings_of(part, f"{group}{name}.") if "properties" in part else {f"{group}{name}": part}
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_setting_has_its_default_and_a_description(name: str) -> None:
    schema = json.loads(schema_text(SCHEMAS[name]))
    for key, part in settings_of(schema).items():
        assert "default" in part or key in schema["required"], key
        assert part["description"], key


GOOD = [
    ("params", "dataset: a\nroot: b\nruns: [c]"),
    ("run", "model: {exponents: [1, 0.5], frames: 7}\ntrain: {weight_decay: 5e-4, steps_per_epoch: null}"),
    ("run", "data:\nloss:\nname: '5'"),
    ("stage-one", "pose: {preset: hrnet-w32, max_bad: 0, weights: a.pth}\nedges:\nmin_score: 1"),
]
BAD = [
    ("params", "dataset: a"),
    ("params", "dataset: a\nroot: b\nrun: c"),
    ("params", "dataset: a\nroot: b\nruns: c"),
    ("run", "model: {frames: 25}"),
    ("run", "model: {frames: 7.5}"),
    ("run", "model: {frames: '7'}"),
    ("run", "model: {frame: 7}"),
    ("run", "model: {exponents: []}"),
    ("run", "model: {exponents: [1, 65]}"),
    ("run", "model: {bidirectional: yes}"),
    ("run", "model: {backbone: vgg}"),
    ("run", "model: {dropout: 1}"),
    ("run", "train: {learning_rate: 0}"),
    ("run", "train: {milestones: [0]}"),
    ("run", "train: {steps_per_epoch: 0}"),
    ("run", "loss: {kl: '5e-4'}"),
    ("run", "loss: {kl: null}"),
    ("run", "name: a/b"),
    ("run", "name: ..."),
    ("run", "name: ''"),
    ("run", "name: 7"),
    ("run", "mode: {}"),
    ("run", "model: 3"),
    ("run", "- model"),
    ("stage-one", "pose: {preset: hrnet}"),
    ("stage-one", "pose: {batch: 4097}"),
    ("stage-one", "edges: {angle: sin}"),
    ("stage-one", "min_score: -0.1"),
]
# What spans several settings, and what JSON cannot tell apart, only the program refuses.
ONLY_THE_PROGRAM = [
    ("run", "train: {momentum: 0}"),
    ("run", "train: {milestones: [7, 5]}"),
    ("run", "model: {frames: 7.0}"),
    ("stage-one", "pose: {preset: custom}"),
    ("stage-one", "pose: {config: a.py}"),
]


@pytest.mark.parametrize(("name", "text"), [*GOOD, *BAD, *ONLY_THE_PROGRAM])
def test_schema_and_program_agree(name: str, text: str) -> None:
    content = parse_yaml(text)
    assert validator(name).is_valid(content) == ((name, text) not in BAD)
    if (name, text) in GOOD:
        build_settings(content, SCHEMAS[name], "x.yaml")
    else:
        with pytest.raises(ValueError, match=r"^x\.yaml: ") as refused:
            build_settings(content, SCHEMAS[name], "x.yaml")
        assert "\n" not in str(refused.value)

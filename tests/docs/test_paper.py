"""Every setting has its row in docs/paper.md, and every setting, cell and test that the page names is there."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from pathlib import Path

import pytest

from model.run.config import DataConfig, LossConfig, ModelConfig, TrainConfig

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`]+)`", TEXT))
GROUPS = {"model": ModelConfig, "loss": LossConfig, "data": DataConfig, "train": TrainConfig}
DEFECTS = TEXT.split("## Known defects")[1]
TESTS = re.findall(r"`(test_\w+\.py)::(\w+)`", DEFECTS)


@pytest.mark.parametrize("group", GROUPS)
def test_every_setting_is_in_the_table(group: str) -> None:
    named = {name.split(":")[0] for name in NAMED}
    for field in fields(GROUPS[group]):
        assert {field.name, f"{group}.{field.name}"} & named, f"{group}.{field.name}"


def test_every_setting_that_is_named_exists() -> None:
    for name in NAMED:
        group, dot, rest = name.partition(".")
        if dot and group in GROUPS and re.match(r"\w+(:|$)", rest) and not rest.startswith("py"):
            assert rest.split(":")[0] in {field.name for field in fields(GROUPS[group])}, name


def test_every_module_and_cell_that_is_named_exists() -> None:
    found = [re.fullmatch(r"(pipeline\.)?([a-z_]+)((?:\.[A-Za-z_]+)*)", name) for name in NAMED]
    modules = {path.stem for path in (ROOT / "model").glob("*.py")}
    seen = 0
    for match in found:
        if match and (match[1] or (match[2] in modules and match[2] != "config")):
            value: object = importlib.import_module(f"{(match[1] or 'model.').rstrip('.')}.{match[2]}")
            for part in filter(None, match[3].split(".")):
                value = getattr(value, part)
            seen += 1
    assert seen >= 20


def test_every_defect_of_the_public_code_has_a_test() -> None:
    rows = [line for line in DEFECTS.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 9
    assert all("::" in row for row in rows)
    assert len(TESTS) == DEFECTS.count("::")


@pytest.mark.parametrize(("file", "name"), sorted(set(TESTS)))
def test_the_tests_that_are_named_exist(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)

"""Every setting has its row in docs/paper.md, and every setting, cell and test that the page names is there."""

from __future__ import annotations

import pkgutil
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
    """`pipeline.room.module.name`, or a module of the model by its own name: `module.Cell.method`."""
    stages = {
        path.stem: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "model").rglob("*.py")
    }
    seen = 0
    for name in NAMED:
        first, _, rest = name.partition(".")
        if not re.fullmatch(r"[A-Za-z_.]+", name) or first not in {*stages, "pipeline"} - {"config"}:
            continue
        pkgutil.resolve_name(name if first == "pipeline" else f"{stages[first]}:{rest}" if rest else stages[first])
        seen += 1
    assert seen >= 20


def test_every_defect_of_the_public_code_has_a_test() -> None:
    rows = [line for line in DEFECTS.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 9
    assert all("::" in row for row in rows)
    assert len(TESTS) == DEFECTS.count("::")


@pytest.mark.parametrize(("file", "name"), sorted(set(TESTS)))
def test_the_tests_that_are_named_exist(file: str, name: str) -> None:
    (test_file,) = (ROOT / "tests").rglob(file)
    assert re.search(rf"^def {name}\(", test_file.read_text(encoding="utf-8"), re.MULTILINE)

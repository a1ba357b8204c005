"""What runs before a commit and on a public forge is what `make lint` and .ci/run run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOOKS: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
# YAML 1.1 reads the key `on` as true.
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
(JOB,) = WORKFLOW["jobs"].values()


def test_every_commit_is_held_to_what_make_lint_asks() -> None:
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    linted = [line.removeprefix("\t@$(BIN)/") for line in recipe.splitlines()]
    (local,) = HOOKS["repos"]
    assert local["repo"] == "local"
    hooked = [hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]]
    assert len(linted) >= 3 and hooked == linted
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in local["hooks"])


def test_no_version_of_a_linter_is_written_a_second_time() -> None:
    assert re.search(r"^ruff==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert not re.search(r"\brev:|\d+\.\d+", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))


def test_the_forge_runs_what_everybody_runs() -> None:
    assert [step["run"] for step in JOB["steps"] if "run" in step] == ["bash .ci/run"]
    assert WORKFLOW[True].keys() == {"push", "pull_request"}
    (version,) = [step["with"]["python-version"] for step in JOB["steps"] if "python-version" in step.get("with", {})]
    assert f"command -v python{version}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_forge_s_run_may_read_only_and_ends() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"} and "permissions" not in JOB
    assert JOB["timeout-minutes"] <= 90


@pytest.mark.parametrize("step", [step for step in JOB["steps"] if "uses" in step], ids=lambda step: step["uses"])
def test_actions_are_pinned_to_a_commit(step: dict[str, Any]) -> None:
    assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])

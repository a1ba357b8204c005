"""The benchmark of DVC runs the project's own stages over its own tree, and says what ran."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks import dvc_full_size

ROOT = Path(__file__).resolve().parents[2]


def test_every_step_is_measured_and_runs_what_it_should(tmp_path: Path) -> None:
    figures = dvc_full_size.rehearse(tmp_path / "project", frames=300, old_way=True)
    steps = {step["name"]: step for step in figures["steps"]}
    assert all(step["seconds"] > 0 for step in steps.values())
    assert all(step["peak"] > 1e7 for name, step in steps.items() if "dvc" in name)
    ran = {name: set(step["stages"]) for name, step in steps.items() if "dvc" in name}
    frames = {"frames@train", "frames@test"}
    assert ran["dvc repro, no change"] == frames
    assert ran["dvc status, no change"] == ran["dvc repro, no stages"] == set()
    others = {name.partition("@")[0] for name in ran["dvc repro, first"] - frames}
    assert others == set(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]) - {"frames"}
    replaced = ran["dvc repro, a frame replaced"]
    assert frames < replaced and "keypoints@train" in replaced and "keypoints@test" not in replaced
    assert ran["tree as dependency: dvc repro, first"] == {"a", "b"}
    assert ran["tree as dependency: dvc repro, no change"] == set()
    files = [file for file in (tmp_path / "project" / "data" / "tree").rglob("*") if file.is_file()]
    assert figures["files"] == len(files) > 250
    table = dvc_full_size.describe(figures)
    assert table[0] == f"{figures['files']:,} files"
    over = steps["dvc repro, no change"]["seconds"] - steps["dvc repro, no stages"]["seconds"]
    assert f"{over:.2f}" in next(line for line in table if line.startswith("dvc repro, no change"))


def test_a_command_that_fails_stops_it(tmp_path: Path) -> None:
    rehearsal = dvc_full_size.Rehearsal(tmp_path / "project", 300)
    with pytest.raises(OSError, match="no such stage"):
        rehearsal.measure("x", dvc_full_size.PYTHON, "-c", "raise SystemExit('no such stage')")
    assert rehearsal.steps == []

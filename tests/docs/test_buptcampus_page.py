"""docs/buptcampus.md: its commands run on a generated tree, its numbers are those that `check` compares with."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest
import yaml

from model.run.config import load_run
from pipeline.datasets.buptcampus.layout import DATA_PATHS, FRAMES, LISTS
from pipeline.datasets.buptcampus.paths import GENERATED, MODALITIES, MOST_BYTES, DataPaths
from pipeline.datasets.buptcampus.published import GALLERY, GALLERY_FRAMES, PUBLISHED, QUERIES, QUERY_FRAMES
from pipeline.settings import load_settings
from star.__main__ import main
from tests.pipeline.datasets.buptcampus_trees import build_buptcampus

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "buptcampus.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build_buptcampus(tmp_path / "data" / "buptcampus")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STAR_WORKERS", "0")
    commands = [shlex.split(line) for block in blocks("console") for line in block.splitlines()]
    assert [command[:2] for command in commands] == [["star", "check"], ["star", "index"]]
    for command in commands:
        assert main(command[1:]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    with Path("tracks.csv").open(newline="") as file:
        assert [row["role"] for row in csv.DictReader(file)].count("gallery") == 7


def test_what_params_yaml_is_to_say_is_there() -> None:
    (block,) = blocks("yaml")
    said = yaml.safe_load(block)
    known = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert said.keys() <= known.keys()
    load_settings(ROOT / "configs" / f"{said['dataset']}.yaml")
    for name in said["runs"]:
        run = load_run(ROOT / "configs" / "runs" / said["dataset"] / f"{name}.yaml")
        assert run.root == said["root"]
        assert f"`frames: {run.model.frames}`" in PAGE
        assert f"`image_height: {run.model.image_height}`" in PAGE
        assert f"`image_width: {run.model.image_width}` and `min_frames: {run.data.min_frames}`" in PAGE


def test_its_table_is_what_check_compares_with() -> None:
    def row(name: str, split: str, tracks: str, frames: str) -> str:
        known = PUBLISHED[split]
        sides = [f"{known[tracks, group]:,} ({known[frames, group]:,})" for group in ("infrared", "visible")]
        return f"| `{name}` | {known['persons', 'together']:,} | {sides[0]} | {sides[1]} |"

    assert row("train.txt", "train", "tracks", "frames in tracks") in PAGE
    assert row("query.txt", "test", QUERIES, QUERY_FRAMES) in PAGE
    assert row("gallery.txt", "test", GALLERY, GALLERY_FRAMES) in PAGE
    for split in PUBLISHED.values():
        for (quantity, group), count in split.items():
            if group == "together" and (quantity, "infrared") in split:
                assert count == int(split[quantity, "infrared"]) + int(split[quantity, "visible"])


def test_names_and_camera_numbers_are_those_of_the_reader() -> None:
    (tree,) = blocks("text")
    for name in (f"{FRAMES}/", DATA_PATHS, *LISTS["train"], *LISTS["test"], GENERATED, *MODALITIES):
        assert name in tree
    assert f"At most {MOST_BYTES >> 20} MiB" in PAGE
    cameras: dict[str, dict[str, list[str]]] = {name: {} for name in ("LS3", "G25", "CQ1", "W4", "TSG1", "TSG2")}
    numbers = DataPaths(Path(DATA_PATHS), {"1": {"IR": cameras}}).cameras
    said = {name: int(number) for number, name in re.findall(r"([1-6]) `([A-Z0-9]+)`", PAGE)}
    assert said == numbers

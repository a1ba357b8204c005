"""The commands `check` and `index`: exit status, text, JSON, CSV."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line.run_command import run
from pipeline.checks import check_command
from pipeline.datasets import index_command
from pipeline.datasets.frame_pool import default_workers
from tests.pipeline.datasets.trees import Tree, build_tree

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path / "tree")


def call(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    check_command.configure(subparsers)
    index_command.configure(subparsers)
    return run(parser, [str(argument) for argument in arguments])


def test_status_follows_the_findings(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "--root", tree.root, "--workers", "0") == 0
    assert capsys.readouterr().out.endswith("0 errors, 0 warnings\n")
    tree.frame("train", 0).unlink()
    assert call("check", "--root", tree.root, "--workers", "0") == 0
    assert "warning: train: 1 of 79 named frames have no file: Train/0001/rgb/D3/1.jpg" in capsys.readouterr().out
    tree.replace_line(tree.name_file("test"), 2, "nonsense")
    assert call("check", "--root", tree.root, "--workers", "0") == 1
    output = capsys.readouterr()
    assert f"error: {tree.name_file('test')}:2: expected a name" in output.out
    assert output.err == ""


def test_no_tree_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "--root", tmp_path / "nowhere") == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (f"error: {tmp_path}/nowhere: expected the data set's folder, found nothing; check the path\n")


@pytest.mark.parametrize("wrong", [("--workers", "-1"), ("--workers", "two"), ("--bogus",)])
def test_wrong_usage(tree: Tree, wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        call("check", "--root", tree.root, *wrong)
    assert stop.value.code == 2


def test_workers_come_from_the_environment(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAR_WORKERS", "two")
    assert call("check", "--root", tree.root) == 1
    assert capsys.readouterr().err == "error: STAR_WORKERS: expected a whole number of 0 or more, got 'two'\n"
    monkeypatch.setenv("STAR_WORKERS", "0")
    assert call("check", "--root", tree.root) == 0
    monkeypatch.delenv("STAR_WORKERS")
    assert default_workers() == len(os.sched_getaffinity(0))


def test_json(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("check", "--root", tree.root, "--json", "--quick", "--workers", "0") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["root"], report["probe"], report["errors"]) == (str(tree.root), "quick", 0)


def test_over_processes_from_a_shell(tree: Tree) -> None:
    tree.frame("train", 0).write_bytes(b"")
    command = [sys.executable, "-m", "pipeline", "check", "--root", str(tree.root), "--workers", "2"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert "train: 1 of 79 frames do not decode: Train/0001/rgb/D3/1.jpg (empty)" in result.stdout


def test_index_as_text(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("index", "--root", tree.root, "--split", "train") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["row", "person", "camera", "modality", "role", "start", "stop", "frames", "first_path"]
    assert lines[3].split() == ["2", "1", "2", "infrared", "both", "20", "31", "11", "Train/0001/ir/D2/1.jpg"]
    assert lines[-1] == "79 names, 0 without a track"


def test_index_as_json(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("index", "--root", tree.root, "--split", "test", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["summary"]["counts"]["infrared"]["frames"] == 21
    assert (data["summary"]["dataset"], data["summary"]["split"], data["summary"]["frames"]) == ("tree", "test", 47)
    assert data["tracks"][3] == {
        "row": 3,
        "person": 11,
        "camera": 1,
        "modality": "visible",
        "role": "both",
        "start": 31,
        "stop": 44,
        "frames": 13,
        "first_path": "Test/0011/rgb/D1/1.jpg",
    }


def test_index_as_csv(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tracks.csv"
    assert call("index", "--root", tree.root, "--split", "test", "--out", out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "47 names, 0 without a track"
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frames"]) for row in rows] == [13, 7, 11, 13, 3]
    assert rows[4]["first_path"] == "Test/0011/ir/D2/1.jpg"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("tracks")] == ["tracks.csv"]


def test_index_keeps_what_was_there_when_writing_fails(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tracks.csv"
    out.write_text("older")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", str(out))

    monkeypatch.setattr(Path, "replace", fail)
    assert call("index", "--root", tree.root, "--split", "test", "--out", out) == 1
    assert capsys.readouterr().err == f"error: {out}: No space left on device\n"
    assert out.read_text() == "older"
    assert not out.with_name("tracks.csv.partial").exists()


def test_index_of_a_broken_split_writes_nothing(tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree.replace_line(tree.track_file("train"), 4, "nonsense")
    assert call("index", "--root", tree.root, "--split", "train", "--out", tmp_path / "tracks.csv") == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"error: {tree.track_file('train')}:4: expected five integers")
    assert not (tmp_path / "tracks.csv").exists()

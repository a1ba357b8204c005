"""Persons 0 and −1, as Market-1501 and MARS have them: gallery only, or left out; never trained on, never an error."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract.records import Role, is_distractor
from pipeline.__main__ import main
from pipeline.checks.tree_check import check_dataset
from pipeline.datasets.split_index import read_split
from pipeline.datasets.track_table import summarize_tracks
from tests.pipeline.datasets.buptcampus_trees import GALLERY, TRACKS, build_buptcampus, described
from tests.pipeline.datasets.buptcampus_trees import TRAIN as BUPT_TRAIN
from tests.pipeline.datasets.trees import INFRARED, TEST, TRAIN, VISIBLE, Row, Tree, build_tree

JUNK, DISTRACTOR = -1, 0
MIXED = {
    "train": (Row(VISIBLE, JUNK, 1, 3), *TRAIN[:4], Row(INFRARED, DISTRACTOR, 4, 5), *TRAIN[4:]),
    "test": (
        Row(INFRARED, DISTRACTOR, 1, 5),
        *TEST[:2],
        Row(VISIBLE, JUNK, 3, 3),
        Row(VISIBLE, DISTRACTOR, 1, 7),
        *TEST[2:],
        Row(INFRARED, JUNK, 2, 2),
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = build_tree(tmp_path / "tree", train=MIXED["train"], test=MIXED["test"])
    tree.add_lines(tree.name_file("test"), "0011M1D2T9F4.jpg")  # of no track
    return tree


def made(tree: Tree, split: str) -> list[tuple[Row, list[str]]]:
    """The rows that the tree was made from, each with its frames."""
    found, start = [], 0
    for row in MIXED[split]:
        found.append((row, tree.paths[split][start : start + row.frames]))
        start += row.frames
    return found


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_is_left_is_what_the_tree_has_without_them(tree: Tree, split: str) -> None:
    index = read_split(tree.root, "x", split)
    wanted = [(row, paths) for row, paths in made(tree, split) if row.person > (0 if split == "train" else -1)]
    tracks = index.tracks
    columns = zip(tracks.modality.tolist(), tracks.person.tolist(), tracks.camera.tolist(), strict=True)
    assert list(columns) == [(row.modality, row.person, row.camera) for row, _ in wanted]
    roles = [Role.GALLERY if row.person == DISTRACTOR else Role.BOTH for row, _ in wanted]
    assert tracks.role.tolist() == roles
    for number, (_, paths) in enumerate(wanted):
        assert list(index.paths[tracks.start[number] : tracks.stop[number]]) == paths
    orphans = ["Test/0011/ir/D2/4.jpg"] if split == "test" else []
    assert list(index.paths) == [path for _, paths in wanted for path in paths] + orphans
    assert index.track.tolist() == [number for number, (row, _) in enumerate(wanted) for _ in range(row.frames)] + [
        -1 for _ in orphans
    ]


def test_they_are_said_once_with_their_number(tree: Tree, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_split(tree.root, "x", "test")
        read_split(tree.root, "x", "train")
    assert [record.getMessage() for record in caplog.records] == [
        "test: 2 tracks of person -1 (junk): left out",
        "test: 2 tracks of person 0 (distractors): gallery only",
        "train: 1 track of person -1 (junk): left out",
        "train: 1 track of person 0 (distractors): not trained on",
    ]


def test_a_tree_without_them_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        index = read_split(build_tree(tmp_path / "tree").root, "x", "test")
    assert not caplog.records and (index.tracks.role == Role.BOTH).all()


def test_distractors_are_tracks_and_no_person(tree: Tree) -> None:
    summary = summarize_tracks(read_split(tree.root, "x", "test"))
    assert (summary.counts["together"].persons, summary.counts["together"].tracks) == (2, len(TEST) + 2)
    assert summary.roles == {"both": len(TEST), "query": 0, "gallery": 2}


def test_a_split_of_nobody_is_refused(tmp_path: Path) -> None:
    nobody = (Row(VISIBLE, JUNK, 1, 3), Row(INFRARED, DISTRACTOR, 1, 3))
    tree = build_tree(tmp_path / "tree", train=nobody)
    with pytest.raises(ValueError, match=r"train: expected tracks of persons, got 2 of .* number the persons"):
        read_split(tree.root, "x", "train")


def test_the_check_names_them_once_and_finds_no_error(tree: Tree) -> None:
    report = check_dataset(tree.root)
    assert [str(finding) for finding in report.findings if finding.severity == "error"] == []
    said = [str(finding) for finding in report.findings if finding.code in ("junk", "distractors")]
    train, test = tree.track_file("train"), tree.track_file("test")
    assert said == [
        f"warning: {train}: 1 tracks of person -1 (junk, left out), lines: 1",
        f"warning: {train}: 1 tracks of person 0 (distractors, not trained on), lines: 6",
        f"warning: {test}: 2 tracks of person -1 (junk, left out), lines: 4, 9",
        f"warning: {test}: 2 tracks of person 0 (distractors, gallery only), lines: 1, 5",
    ]
    assert not any("0000" in str(finding) for finding in report.findings), "neither lonely nor in both splits"
    counts = {(count.quantity, count.group): count.here for count in report.splits[1].counts or ()}
    assert (counts["persons", "together"], counts["tracks", "together"]) == (2, len(TEST) + 2)


@pytest.mark.parametrize("line", [1, 9])
def test_they_are_no_queries(tree: Tree, line: int) -> None:
    tree.query_file.write_text(tree.query_file.read_text() + f" {line}")
    (error,) = [found for found in check_dataset(tree.root).findings if found.severity == "error"]
    assert f"1 (rows {line}) visible, junk or distractors; correct the list" in str(error)


def test_the_command_shows_their_role(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "--root", str(tree.root), "--split", "test", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["role"] for row in found["tracks"] if row["person"] == 0] == ["gallery", "gallery"]
    assert len(found["tracks"]) == len(TEST) + 2


def test_junk_in_lists_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    junk: dict[Any, int] = {("-1", "IR", "W4", "1"): 3, ("-1", "RGB", "W4", "1"): 2, ("0", "IR", "LS3", "1"): 5}
    gallery = (GALLERY[0], "-1 RGB/IR W4 1", "0 IR LS3 1", *GALLERY[1:])
    train = ("-1 RGB/IR W4 1", *BUPT_TRAIN)
    tree = build_buptcampus(tmp_path / "tree", {**TRACKS, **junk}, train=train, gallery=gallery)
    clean = build_buptcampus(
        tmp_path / "clean", {**TRACKS, ("0", "IR", "LS3", "1"): 5}, gallery=(GALLERY[0], "0 IR LS3 1", *GALLERY[1:])
    )
    with caplog.at_level(logging.INFO):
        for split in ("train", "test"):
            index = read_split(tree.root, "x", split)
            assert described(index) == described(read_split(clean.root, "x", split))
    assert "test: 2 tracks of person -1 (junk): left out" in caplog.messages
    distractor = is_distractor(index.tracks.person, index.tracks.role)
    assert distractor.sum() == 1 and index.tracks.role[distractor] == Role.GALLERY
    report = check_dataset(tree.root)
    assert [str(finding) for finding in report.findings if finding.severity == "error"] == []
    said = [str(finding) for finding in report.findings if finding.code == "junk"]
    assert said == [
        f"warning: {split}: 2 tracks of person -1 (junk, left out): -1 IR W4 1, -1 RGB W4 1"
        for split in ("train", "test")
    ]
    assert np.all(index.tracks.person >= 0)

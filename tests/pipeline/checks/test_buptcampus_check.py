"""`check` on a BUPTCampus tree: counts by split, modality and role beside the published ones, noise, frames."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.checks import buptcampus_check
from pipeline.checks.frame_check import ProbeOptions
from pipeline.checks.report import DatasetReport, write_text
from pipeline.checks.tree_check import check_dataset
from tests.pipeline.datasets.buptcampus_trees import GALLERY, QUERY, TRACKS, TRAIN, BuptcampusTree, build_buptcampus


@pytest.fixture
def tree(tmp_path: Path) -> BuptcampusTree:
    return build_buptcampus(tmp_path / "campus")


def numbers(report: DatasetReport, split: int) -> dict[tuple[str, str], int | str]:
    return {(count.quantity, count.group): count.here for count in report.splits[split].counts or ()}


def keys(rows: tuple[str, ...], modality: str) -> set[tuple[str, ...]]:
    """The tracks of one modality that the rows of a list name."""
    named = [(row.split()[0], row.split()[2], row.split()[3]) for row in rows if modality in row.split()[1].split("/")]
    return {(person, modality, camera, track) for person, camera, track in named}


def test_a_faultless_tree_has_no_findings(tree: BuptcampusTree) -> None:
    report = check_dataset(tree.root)
    assert report.findings == ()
    assert (report.errors, report.warnings, report.kind, report.genuine) == (0, 0, "buptcampus", False)
    train, test = report.splits
    assert (train.names, train.missing, train.unreadable, train.by_name) == (43, 0, 0, {"infrared": 22, "visible": 21})
    assert (test.names, test.missing, test.unreadable, test.by_name) == (83, 0, 0, {"infrared": 50, "visible": 33})


def test_counts_are_those_of_the_lists(tree: BuptcampusTree) -> None:
    train, test = numbers(check_dataset(tree.root), 0), numbers(check_dataset(tree.root), 1)
    assert ("queries", "together") not in train
    for group, modality in (("infrared", "IR"), ("visible", "RGB")):
        parts = (
            (train, "tracks", "frames in tracks", keys(TRAIN, modality)),
            (test, "tracks", "frames in tracks", keys(QUERY, modality) | keys(GALLERY, modality)),
            (test, "queries", "frames of queries", keys(QUERY, modality)),
            (test, "tracks in gallery", "frames in gallery", keys(GALLERY, modality)),
        )
        for found, quantity, frames, expected in parts:
            assert found[quantity, group] == len(expected)
            assert found[frames, group] == sum(TRACKS[key] for key in expected)  # type: ignore[index]
    assert (test["queries", "together"], test["tracks in gallery", "together"]) == (4, 8)
    assert (train["persons", "together"], test["persons", "visible"], train["cameras", "visible"]) == (3, 3, "1, 4-5")


def test_text_and_json_show_cameras_and_published_numbers(
    tree: BuptcampusTree, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--root", str(tree.root), "--workers", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        f"{tree.root}: frames in DATA/, data_paths.json and lists in the root; cameras by number:"
        " 1 CQ1, 2 G25, 3 LS3, 4 TSG2, 5 W4"
    )
    assert "another data set than BUPTCampus; 'published' are the published numbers of BUPTCampus" in lines[2]
    tables = [line.split() for line in lines]
    assert ["queries", "2", "536", "2", "540", "4", "1,076"] in tables
    assert ["tracks", "in", "gallery", "5", "2,422", "3", "2,422", "8", "4,844"] in tables
    assert ["test", "83", "50", "33", "0", "0"] in tables
    assert ["published", "-", "-", "-", "-", "-"] in tables
    assert lines[-1] == "0 errors, 0 warnings"
    assert main(["check", "--root", str(tree.root), "--workers", "0", "--json", "--quick"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["kind"], report["probe"], report["published"]["title"]) == ("buptcampus", "quick", "BUPTCampus")


@pytest.mark.parametrize("quick", [False, True])
def test_missing_and_unreadable_frames_are_warnings(tree: BuptcampusTree, quick: bool) -> None:
    lost, empty, cut = "7/IR/CQ1/7_IR_CQ1_2_10000.jpg", "7/RGB/W4/7_RGB_W4_1_9998.jpg", "5/IR/LS3/5_IR_LS3_1_9998.jpg"
    (tree.root / "DATA" / lost).unlink()
    (tree.root / "DATA" / empty).write_bytes(b"")
    (tree.root / "DATA" / cut).write_bytes((tree.root / "DATA" / cut).read_bytes()[:-9])
    report = check_dataset(tree.root, ProbeOptions(quick=quick))
    assert [finding.message for finding in report.findings] == [
        "train: 1 of 43 frames do not decode",
        "test: 1 of 83 named frames have no file",
        "test: 1 of 83 frames do not decode",
    ]
    assert [finding.examples[0] for finding in report.findings] == [
        f"DATA/{cut} (truncated)",
        f"DATA/{lost}",
        f"DATA/{empty} (empty)",
    ]
    assert [(split.missing, split.unreadable) for split in report.splits] == [(0, 1), (1, 1)]


def test_a_split_without_frames_and_a_link_out_of_the_root_are_errors(tree: BuptcampusTree) -> None:
    for person in ("1746", "5", "101"):
        (tree.root / "DATA" / person).rename(tree.root.parent / person)
    report = check_dataset(tree.root)
    (finding,) = report.findings
    assert f"{tree.root}/DATA/: expected the frames that train.txt names, found none of 43" in finding.message
    (tree.root / "DATA" / "5").symlink_to(tree.root.parent / "5")
    assert "outside-root" in [finding.code for finding in check_dataset(tree.root).findings]


def test_noise_is_told(tree: BuptcampusTree) -> None:
    tree.write_list("train.txt", *TRAIN[1:], "1746 IR TSG2 1")  # no visible track of this person
    tree.write_list("query.txt", *QUERY, "7 RGB W4 1")  # its person's infrared track of camera W4 is in the gallery
    tree.data["5"]["IR"]["LS3"]["1"][2] = "5/IR/LS9/elsewhere.jpg"
    tree.write_data()
    (tree.root / "DATA" / "5" / "IR" / "LS9").mkdir()
    (tree.root / "DATA" / "5" / "IR" / "LS3" / "5_IR_LS3_1_10000.jpg").rename(
        tree.root / "DATA" / "5" / "IR" / "LS9" / "elsewhere.jpg"
    )
    (tree.root / "DATA" / "7" / "IR" / "W4" / "other.jpg").write_bytes(b"")
    findings = {finding.code: finding for finding in check_dataset(tree.root).findings}
    assert {code: finding.examples for code, finding in findings.items()} == {
        "one-modality": ("1746 (infrared)",),
        "folder-mismatch": ("DATA/5/IR/LS9/elsewhere.jpg (5 IR LS3)",),
        "same-camera": ("track 4 (person 7, camera 5)",),
        "orphan-files": ("DATA/7/IR/W4/other.jpg",),
    }
    assert all(finding.severity == "warning" for finding in findings.values())
    assert "the authors' code counts" in findings["same-camera"].message
    assert findings["orphan-files"].message.endswith("1 JPEG files are not in data_paths.json")


def test_errors_of_the_lists_leave_the_rest_to_be_checked(
    tree: BuptcampusTree, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tree.write_list("query.txt", *QUERY, "nonsense")
    (tree.root / "DATA" / "5" / "IR" / "LS3" / "5_IR_LS3_1_10000.jpg").unlink()
    assert main(["check", "--root", str(tree.root), "--workers", "0"]) == 1
    shown = capsys.readouterr().out
    assert f"error: {file}:5: expected a row 'person modality camera track'" in shown
    assert "train: 1 of 43 named frames have no file" in shown
    assert "test: not counted, because of the errors below" in shown


@pytest.mark.parametrize("content", [b"nonsense", b"[]"])
def test_a_broken_data_paths_is_a_report(tree: BuptcampusTree, content: bytes) -> None:
    tree.data_paths.write_bytes(content)
    report = check_dataset(tree.root)
    assert [finding.code for finding in report.findings] == ["bad-json"]
    assert [split.counts for split in report.splits] == [None, None]
    assert write_text(report).endswith("1 errors, 0 warnings")


def test_the_real_data_set_is_recognised_and_its_differences_are_warned_of(
    tree: BuptcampusTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = {
        "train": {("tracks", "together"): 13, ("persons", "together"): 3},
        "test": {("tracks in gallery", "together"): 8, ("queries", "infrared"): 5},
    }
    monkeypatch.setattr(buptcampus_check, "PUBLISHED", published)
    report = check_dataset(tree.root)
    assert report.genuine
    assert [(finding.message, finding.examples) for finding in report.findings] == [
        ("train: 1 numbers differ from BUPTCampus's", ("tracks together 7, published 13",)),
        ("test: 1 numbers differ from BUPTCampus's", ("queries infrared 2, published 5",)),
    ]
    assert "This is BUPTCampus by its numbers" in write_text(report)

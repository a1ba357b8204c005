"""Frames whose ending is another one than .jpg, on disk or in the names too: read, or one finding with the way out."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from pipeline.checks.tree_check import check_dataset
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.trees import Tree, build_tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path / "tree")


def rename_frames(tree: Tree, split: str, ending: str, rows: range) -> None:
    for row in rows:
        tree.frame(split, row).rename(tree.frame(split, row).with_suffix(ending))


def test_frames_with_another_ending_on_disk_are_one_finding_with_the_way_out(tree: Tree) -> None:
    rename_frames(tree, "train", ".JPG", range(5, 12))
    rename_frames(tree, "train", ".png", range(12, 14))
    tree.frame("train", 20).unlink()
    (tree.frame("train", 20).parent / "notes.txt").touch()
    rename_frames(tree, "test", ".JPEG", range(47))
    report = check_dataset(tree.root)
    paths, tests = tree.paths["train"], tree.paths["test"]
    assert report.errors == 1
    assert report.findings[0].message == (
        f"{tree.root}/Test/: expected the frames that test_name.txt names, found none of 47; 47 have another ending on"
        f" disk, such as {tests[0][:-4]}.JPEG for {tests[0]}: rename these files as they are named; what is no JPEG has"
        " to be converted"
    )
    found = {finding.code: (finding.count, finding.examples) for finding in report.findings}
    assert found.keys() == {"no-frames", "missing-frames", "other-endings"}
    assert found["missing-frames"] == (1, (paths[20],))
    assert found["other-endings"] == (9, tuple(f"{path} ({path[:-4]}.JPG)" for path in paths[5:10]))
    assert (report.splits[0].missing, report.splits[1].missing) == (10, 47)
    for file in [*tree.root.rglob("*.JPG"), *tree.root.rglob("*.JPEG")]:
        file.rename(file.with_suffix(".jpg"))
    for file in tree.root.rglob("*.png"):
        assert cv2.imwrite(str(file.with_suffix(".jpg")), cv2.imread(str(file)))
        file.unlink()
    assert [finding.code for finding in check_dataset(tree.root).findings] == ["missing-frames"]


@pytest.mark.parametrize("ending", [".JPG", ".jpeg", ".JPEG"])
def test_jpeg_frames_are_read_whatever_their_ending_is_where_the_names_have_it_too(tree: Tree, ending: str) -> None:
    for split, frames in (("train", 79), ("test", 47)):
        rename_frames(tree, split, ending, range(frames))
        names = tree.name_file(split).read_text().replace(".jpg", ending)
        tree.name_file(split).write_text(names)
    assert check_dataset(tree.root).findings == ()
    index = read_split(tree.root, "tiny", "train")
    assert index.paths[7] == tree.paths["train"][7][:-4] + ending
    assert all((tree.root / path).is_file() for path in index.paths)

"""Which frames are on disk, agreeing with what reading them finds, and links out of the root."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.findings import Findings
from pipeline.datasets.frame_scan import scan_frames, walk_frames
from pipeline.datasets.frames import read_frame_bytes
from pipeline.datasets.split_index import read_split
from tests.pipeline.datasets.trees import Tree, build_tree


@pytest.mark.parametrize("frames", ["split", "flat"])
def test_scan_agrees_with_reading_every_frame(tmp_path: Path, frames: str) -> None:
    tree = build_tree(tmp_path / "tree", frames)
    index = read_split(tree.root, "x", "train")
    assert scan_frames(tree.root, index).missing.tolist() == []
    folder = tree.frame("train", 0).parent
    tree.frame("train", 2).unlink()
    tree.frame("train", 3).unlink()
    tree.frame("train", 3).mkdir()
    tree.frame("train", 4).unlink()
    tree.frame("train", 4).symlink_to("nowhere.jpg")
    tree.frame("train", 5).unlink()
    tree.frame("train", 5).symlink_to(folder / "1.jpg")
    tree.frame("train", 6).unlink()
    tree.frame("train", 6).symlink_to(tree.frame("train", 6).name)
    for row in range(20, 31):
        tree.frame("train", row).unlink()
    tree.frame("train", 20).parent.rmdir()
    (tree.root / tree.paths["train"][78]).unlink()
    scan = scan_frames(tree.root, index)
    assert scan.frames == 79
    assert scan.missing.dtype.kind == "i"
    assert scan.missing.tolist() == [2, 4, 6, *range(20, 31), 78]
    unread = [row for row, path in enumerate(index.paths) if read_frame_bytes(tree.root, path) is None]
    assert scan.missing.tolist() == unread


@pytest.mark.parametrize("link", ["Train/0002/ir/D4/5.jpg", "Train/0002/ir/D4", "Train/0002/ir", "Train/0002", "Train"])
def test_scan_refuses_links_out_of_the_root(tmp_path: Path, link: str) -> None:
    tree = build_tree(tmp_path / "tree")
    index = read_split(tree.root, "x", "train")
    (tree.root / link).rename(tmp_path / "out")
    (tree.root / link).symlink_to(tmp_path / "out")
    with pytest.raises(ValueError) as caught:
        scan_frames(tree.root, index)
    message = str(caught.value)
    assert message.startswith(f"{tree.root}/Train")
    assert "got a symbolic link that leaves it" in message
    assert str(tmp_path / "out") in message
    assert "\n" not in message


def test_scan_refuses_a_link_out_that_leads_nowhere(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    tree.frame("train", 0).unlink()
    tree.frame("train", 0).symlink_to("../../../../../nowhere.jpg")
    with pytest.raises(ValueError, match="leaves it"):
        scan_frames(tree.root, read_split(tree.root, "x", "train"))


def walk(tree: Tree) -> tuple[dict[str, frozenset[str]], Findings]:
    findings = Findings()
    return walk_frames(tree.root, ["Train"], findings), findings


def test_walk_lists_every_folder(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    listed, findings = walk(tree)
    assert findings.errors == 0
    files = {f"{folder}/{name}" for folder, names in listed.items() for name in names if name.endswith(".jpg")}
    assert files == set(tree.paths["train"])


def test_walk_ends_where_links_go_in_circles(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    (tree.root / "Train" / "0001" / "again").symlink_to("..")
    (tree.root / "Train" / "0001" / "self").symlink_to("self")
    listed, findings = walk(tree)
    assert findings.errors == 0
    assert "Train/0001/rgb/D3" in listed
    assert not any(folder.count("again") > 1 for folder in listed)


def test_walk_collects_links_out_of_the_root(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    (tmp_path / "out").mkdir()
    (tree.root / "Train" / "0001" / "x").symlink_to(tmp_path / "out")
    (tree.root / "Train" / "0002" / "rgb" / "D5" / "99.jpg").symlink_to("/etc/hostname")
    listed, findings = walk(tree)
    assert findings.errors == 2
    messages = [finding.message for finding in findings.collected()]
    assert all("leaves it" in message for message in messages)
    assert "99.jpg" not in listed["Train/0002/rgb/D5"]

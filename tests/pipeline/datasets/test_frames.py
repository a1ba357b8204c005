"""Bytes of frames, and the fence around the root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.datasets.frames import read_frame_bytes
from tests.pipeline.datasets.trees import build_tree, encode_jpeg

PICTURE = encode_jpeg(1)


def test_bytes_of_a_frame(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    for row in (0, 7, 78):
        assert read_frame_bytes(tree.root, tree.paths["train"][row]) == tree.frame("train", row).read_bytes()
    (tmp_path / "link").symlink_to(tree.root)
    assert read_frame_bytes(tmp_path / "link", tree.paths["test"][0]) == tree.frame("test", 0).read_bytes()


def test_no_file_is_missing_and_no_regular_file_is_unreadable(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    folder = tree.frame("train", 0).parent
    os.mkfifo(folder / "801.jpg")
    (folder / "802.jpg").mkdir()
    (folder / "803.jpg").symlink_to("803.jpg")
    (folder / "804.jpg").symlink_to("nowhere.jpg")
    (folder / "805.jpg").write_bytes(b"")
    base = "Train/0001/rgb/D3"
    assert [read_frame_bytes(tree.root, f"{base}/80{n}.jpg") for n in range(1, 6)] == [b"", b"", None, None, b""]
    assert read_frame_bytes(tree.root, f"{base}/7/1.jpg") is None
    assert read_frame_bytes(tree.root, f"{base}/1.jpg/1.jpg") is None


@pytest.mark.parametrize("path", ["../out.jpg", "Train/../../out.jpg", "/etc/hostname", "Train/\0.jpg"])
def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path, path: str) -> None:
    tree = build_tree(tmp_path / "tree")
    (tmp_path / "out.jpg").write_bytes(PICTURE)
    with pytest.raises(ValueError, match="below it"):
        read_frame_bytes(tree.root, path)


@pytest.mark.parametrize("link", ["Train/0001/rgb/D3/1.jpg", "Train/0001/rgb/D3", "Train/0001", "Train"])
def test_a_link_that_leaves_the_root_is_refused(tmp_path: Path, link: str) -> None:
    tree = build_tree(tmp_path / "tree")
    (tree.root / link).rename(tmp_path / "out")
    (tree.root / link).symlink_to(tmp_path / "out")
    with pytest.raises(ValueError, match="symbolic link that leaves it"):
        read_frame_bytes(tree.root, "Train/0001/rgb/D3/1.jpg")


def test_a_root_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    tree, other = build_tree(tmp_path / "tree"), build_tree(tmp_path / "tree2")
    tree.frame("train", 0).unlink()
    tree.frame("train", 0).symlink_to(other.frame("train", 0))
    with pytest.raises(ValueError, match="leaves it"):
        read_frame_bytes(tree.root, tree.paths["train"][0])


def test_a_link_within_the_root_is_read(tmp_path: Path) -> None:
    tree = build_tree(tmp_path / "tree")
    tree.frame("train", 0).unlink()
    tree.frame("train", 0).symlink_to(tree.frame("train", 1))
    assert read_frame_bytes(tree.root, tree.paths["train"][0]) == tree.frame("train", 1).read_bytes()


def test_an_error_that_is_not_the_frame_s_own_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = build_tree(tmp_path / "tree")

    def fail(number: int):
        def open_(*_: object) -> int:
            raise OSError(number, os.strerror(number))

        return open_

    monkeypatch.setattr(os, "open", fail(24))  # too many open files
    with pytest.raises(OSError, match="Too many open files"):
        read_frame_bytes(tree.root, tree.paths["train"][0])
    monkeypatch.setattr(os, "open", fail(13))  # permission denied
    assert read_frame_bytes(tree.root, tree.paths["train"][0]) == b""

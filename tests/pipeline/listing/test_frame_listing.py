"""A listing has every frame's size and digest, and reads again what has changed, and nothing else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets import frame_pool
from pipeline.datasets.frames import read_frame_bytes
from pipeline.listing import frame_digests, frame_listing
from tests.pipeline.datasets.trees import Tree, build_tree
from tests.pipeline.listing.listed_trees import expected_frames, list_tree

NOTHING = (0, hashlib.sha256(b"").hexdigest())


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree whose frames, though just written, count as settled."""
    monkeypatch.setattr(frame_listing, "SETTLED_NS", -(10**15))
    return build_tree(tmp_path / "tree")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_listing_is_what_a_plain_loop_finds(tree: Tree, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_pool, "BATCH", 11)
    monkeypatch.setattr(frame_digests, "BATCH", 11)
    tree.frame("train", 13).unlink()
    listed = list_tree(tree.root, workers=workers)
    assert listed.frames == expected_frames(tree.root)
    assert (listed.frames[13], listed.listing.missing, listed.read) == (None, 1, 79)
    assert listed.listing.index.paths == tuple(tree.paths["train"])


def test_a_file_larger_than_a_block_is_read_block_by_block(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_digests, "BLOCK", 7)
    assert list_tree(tree.root).frames == expected_frames(tree.root)


def test_what_has_not_changed_is_not_read_again(tree: Tree) -> None:
    first = list_tree(tree.root)
    again = list_tree(tree.root, first.remembered)
    assert (first.read, again.read) == (79, 0)
    assert again.frames == first.frames
    assert again.remembered.paths == first.remembered.paths
    np.testing.assert_array_equal(again.remembered.sha256, first.remembered.sha256)


@pytest.mark.parametrize("how", ["in place", "renamed over", "gone", "back again", "a folder", "times only"])
def test_one_changed_frame_is_read_again_and_no_other(tree: Tree, how: str) -> None:
    frame = tree.frame("train", 29)
    old, times = frame.read_bytes(), frame.stat()
    if how == "back again":
        frame.unlink()
    first = list_tree(tree.root)
    other = bytes(len(old))
    if how == "renamed over":
        (tree.root / "new.jpg").write_bytes(other)
        os.utime(tree.root / "new.jpg", ns=(times.st_atime_ns, times.st_mtime_ns))
        (tree.root / "new.jpg").rename(frame)
    elif how in ("gone", "a folder"):
        frame.unlink()
    elif how != "times only":
        frame.write_bytes(other)
    if how == "a folder":
        frame.mkdir()
    elif how != "gone":
        # The time of the content says what it said; that of the file cannot be set.
        os.utime(frame, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = list_tree(tree.root, first.remembered)
    assert again.read == 1
    changed = {"gone": None, "a folder": NOTHING, "times only": first.frames[29]}
    expected = changed.get(how, (len(other), hashlib.sha256(other).hexdigest()))
    assert again.frames == [*first.frames[:29], expected, *first.frames[30:]]


def test_a_frame_that_has_just_changed_is_not_remembered(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    now = tree.frame("train", 0).stat().st_ctime_ns
    monkeypatch.setattr(frame_listing.time, "time_ns", lambda: now + frame_listing.SETTLED_NS)
    recent = [path for path in tree.paths["train"] if (tree.root / path).stat().st_ctime_ns >= now]
    assert len(recent) >= 1
    listed = list_tree(tree.root)
    assert set(listed.remembered.paths) == set(tree.paths["train"]) - set(recent)
    assert list_tree(tree.root, listed.remembered).read == len(recent)
    ahead = now + 10**12
    os.utime(tree.frame("train", 5), ns=(ahead, ahead))
    monkeypatch.setattr(frame_listing.time, "time_ns", lambda: now + 10**11)
    assert set(tree.paths["train"]) - set(list_tree(tree.root).remembered.paths) == {tree.paths["train"][5]}


def test_more_and_fewer_frames_keep_what_is_known_of_the_others(tree: Tree) -> None:
    whole = list_tree(tree.root)
    names, tracks = tree.names["train"], tree.tracks["train"]
    # The first person's 31 frames and 3 tracks go: every other frame has another row.
    tree.name_file("train").write_text("".join(f"{name}\n" for name in names[31:]))
    fields = [track.split() for track in tracks[3:]]
    rows = [f"{m} {int(a) - 31} {int(b) - 31} {p} {c}\n" for m, a, b, p, c in fields]
    tree.track_file("train").write_text("".join(rows))
    fewer = list_tree(tree.root, whole.remembered)
    assert (fewer.read, fewer.frames) == (0, whole.frames[31:])
    tree.name_file("train").write_text("".join(f"{name}\n" for name in names))
    tree.track_file("train").write_text("".join(f"{track}\n" for track in tracks))
    more = list_tree(tree.root, fewer.remembered)
    assert (more.read, more.frames) == (31, whole.frames)


def test_what_cannot_be_read_is_what_the_extraction_finds(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    for row in range(2, 8):
        tree.frame("train", row).unlink()
    os.mkfifo(tree.frame("train", 2))
    tree.frame("train", 3).mkdir()
    tree.frame("train", 4).symlink_to("nowhere.jpg")
    tree.frame("train", 5).symlink_to(tree.frame("train", 5).name)
    tree.frame("train", 6).symlink_to(tree.frame("train", 40))
    tree.frame("train", 7).write_bytes(b"")
    forbidden = str(tree.frame("train", 8))
    opened = os.open

    def refuse(path: str, *options: int) -> int:
        if str(path) == forbidden:
            raise PermissionError(13, "Permission denied")
        return opened(path, *options)

    monkeypatch.setattr(os, "open", refuse)
    listed = list_tree(tree.root)
    assert listed.frames[2:9] == [NOTHING, NOTHING, None, None, listed.frames[40], NOTHING, NOTHING]
    for path, size, digest in zip(tree.paths["train"], listed.listing.sizes, listed.listing.sha256, strict=True):
        data = read_frame_bytes(tree.root, path)
        assert (size, digest) == ((None, None) if data is None else (len(data), hashlib.sha256(data).hexdigest()))
    # A link and an empty file are known by size and times, what could not be read never is.
    assert list_tree(tree.root, listed.remembered).read == 5


@pytest.mark.parametrize("link", ["Train/0002/ir/D4/5.jpg", "Train/0002/ir/D4", "Train/0002", "Train"])
def test_a_link_out_of_the_root_is_refused(tree: Tree, tmp_path: Path, link: str) -> None:
    (tree.root / link).rename(tmp_path / "out")
    (tree.root / link).symlink_to(tmp_path / "out")
    with pytest.raises(ValueError, match="got a symbolic link that leaves it"):
        list_tree(tree.root)


def test_a_link_that_leads_to_another_frame_is_read_again(tree: Tree) -> None:
    link = tree.frame("train", 6)
    link.unlink()
    link.symlink_to(tree.frame("train", 40))
    first = list_tree(tree.root)
    link.unlink()
    link.symlink_to(tree.frame("train", 41))
    again = list_tree(tree.root, first.remembered)
    assert (again.read, again.frames[6]) == (1, first.frames[41])


def test_a_frame_written_while_it_is_read_is_not_remembered(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = tree.frame("train", 17)
    size = frame.stat().st_size
    read = os.read

    def grow(descriptor: int, length: int) -> bytes:
        if os.fstat(descriptor).st_ino == frame.stat().st_ino and frame.stat().st_size == size:
            with frame.open("ab") as file:
                file.write(b"more")
        return read(descriptor, length)

    monkeypatch.setattr(os, "read", grow)
    listed = list_tree(tree.root)
    assert set(tree.paths["train"]) - set(listed.remembered.paths) == {tree.paths["train"][17]}
    assert listed.frames == expected_frames(tree.root)

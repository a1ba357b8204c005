"""`python -m pipeline frames`: what it writes, when it writes, and what changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_cache.contract.split_file import read_frame_listing, read_frames
from pipeline.__main__ import main
from pipeline.checks.frame_check import ProbeOptions
from pipeline.checks.tree_check import check_dataset
from pipeline.datasets.frame_scan import scan_frames
from pipeline.datasets.split_index import read_split
from pipeline.listing import frame_digests, frame_listing
from pipeline.listing.remembered_frames import read_remembered
from tests.pipeline.datasets.buptcampus_trees import build_buptcampus
from tests.pipeline.datasets.trees import Tree, build_tree
from tests.pipeline.listing.listed_trees import expected_frames

JUNK = (".DS_Store", "Thumbs.db", "desktop.ini", "._1.jpg", "._D3", "__MACOSX")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(frame_listing, "SETTLED_NS", -(10**15))
    monkeypatch.delenv("STAR_WORKERS", raising=False)
    return build_tree(tmp_path / "tree")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "artifacts" / "train.json"


def call(root: Path, out: Path, *options: str, split: str = "train") -> int:
    return main(["frames", "--root", str(root), "--dataset", "x", "--split", split, "--out", str(out), *options])


def test_the_listing_is_written_and_read_by_all_who_read_split_files(
    tree: Tree, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    tree.frame("train", 5).unlink()
    assert call(tree.root, out) == 0
    listing = read_frame_listing(out)
    index = read_split(tree.root, "x", "train")
    expected = expected_frames(tree.root)
    assert [*zip(listing.sizes, listing.sha256, strict=True)] == [frame or (None, None) for frame in expected]
    assert read_frames(out).paths == listing.index.paths == index.paths
    assert listing.index.tracks.columns().keys() == index.tracks.columns().keys()
    assert f"{out}: 79 frames (78 read, 0 unchanged since, 1 missing)" in caplog.text


def test_the_same_tree_gives_the_same_bytes_and_leaves_the_files_alone(
    tree: Tree, out: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert call(tree.root, out) == 0
    files = [out, out.with_suffix(".remembered")]
    for file in files:
        os.utime(file, ns=(5, 5))
    assert call(tree.root, out) == 0
    assert "79 frames (0 read, 79 unchanged since, 0 missing); nothing changed, not written anew" in caplog.text
    assert [file.stat().st_mtime_ns for file in files] == [5, 5]
    assert sorted(out.parent.iterdir()) == files
    other = build_tree(tmp_path / "another place")
    assert call(other.root, tmp_path / "other.json") == 0
    assert (tmp_path / "other.json").read_bytes() == out.read_bytes()


def test_reread_reads_what_times_do_not_tell(tree: Tree, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(tree.root, out) == 0
    frame = tree.frame("train", 29)
    frame.write_bytes(bytes(frame.stat().st_size))
    # As on a file system that keeps no time of change of the file, where the other time was set back.
    remembered = read_remembered(out.with_suffix(".remembered"))
    monkeypatch.setattr(frame_listing, "read_states", lambda root, paths: remembered.states.copy())
    old = out.read_bytes()
    assert call(tree.root, out) == 0
    assert out.read_bytes() == old
    assert call(tree.root, out, "--reread") == 0
    assert read_frame_listing(out).sha256[29] == expected_frames(tree.root)[29][1]  # type: ignore[index]


@pytest.mark.parametrize("content", [b"", b"nonsense", b'{"format": "star-reid.split"}'])
def test_whatever_lies_in_the_places_of_both_files_is_replaced(tree: Tree, out: Path, content: bytes) -> None:
    out.parent.mkdir()
    out.write_bytes(content)
    out.with_suffix(".remembered").write_bytes(content)
    assert call(tree.root, out) == 0
    assert [*read_frame_listing(out).sha256] == [frame and frame[1] for frame in expected_frames(tree.root)]


def test_an_interrupted_listing_keeps_what_it_has_read(
    tree: Tree, out: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    digest = frame_digests.digest_frames

    def interrupted(root: Path, paths: list[str], workers: int) -> object:
        for row, found in enumerate(digest(root, paths, workers)):
            if row == 31:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(frame_listing, "digest_frames", interrupted)
    assert call(tree.root, out) == 130
    assert not out.exists()
    monkeypatch.setattr(frame_listing, "digest_frames", digest)
    assert call(tree.root, out) == 0
    assert "79 frames (48 read, 31 unchanged since, 0 missing)" in caplog.text


@pytest.mark.parametrize("kind", ["hitsz-vcm", "buptcampus"])
def test_what_systems_leave_in_folders_changes_nothing(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "tree"
    if kind == "hitsz-vcm":
        build_tree(root)
    else:
        build_buptcampus(root)

    def everything() -> list[object]:
        found: list[object] = []
        for split in ("train", "test"):
            assert call(root, tmp_path / f"{split}.json", split=split) == 0
            index = read_split(root, "x", split)
            found += [(tmp_path / f"{split}.json").read_bytes(), index.paths, scan_frames(root, index).missing.tolist()]
        report = check_dataset(root, ProbeOptions(workers=0))
        return [*found, report.errors, [str(finding) for finding in report.findings]]

    clean = everything()
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for name in JUNK[:-1]:
            (folder / name).write_bytes(b"\0\5\26\7junk")
        (folder / JUNK[-1] / "1").mkdir(parents=True)
        (folder / JUNK[-1] / "1" / "._1.jpg").write_bytes(b"\0\5\26\7junk")
    assert everything() == clean
    assert clean[-2] == 0


def test_names_that_are_not_utf_8_are_no_concern_of_it(tree: Tree, out: Path) -> None:
    assert call(tree.root, out) == 0
    old = out.read_bytes()
    odd = os.fsencode(tree.frame("train", 0).parent) + b"/gr\xf6sse.jpg"
    Path(os.fsdecode(odd)).write_bytes(b"odd")
    assert call(tree.root, out) == 0
    assert out.read_bytes() == old


def test_errors_are_one_line(tree: Tree, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path / "nowhere", out) == 1
    (tmp_path / "file").write_text("")
    assert call(tree.root, tmp_path / "file" / "train.json") == 1
    assert call(tree.root, tmp_path / "tree") == 1
    inside = tree.frame("train", 3)
    inside.rename(tmp_path / "out.jpg")
    inside.symlink_to(tmp_path / "out.jpg")
    assert call(tree.root, out) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in lines] == [True] * 4
    assert "expected the data set's folder, found nothing" in lines[0]
    assert "a file stands where a folder is expected" in lines[1]
    assert "a folder has this name" in lines[2]
    assert "got a symbolic link that leaves it" in lines[3]

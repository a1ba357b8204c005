"""`check` on frames: missing, unreadable, without a name, outside of the root; quick and over processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from data_cache.files.decoded_frame import find_jpeg_fault
from data_cache.files.jpeg_damage import find_jpeg_damage
from pipeline.checks import frame_probe
from pipeline.checks.frame_check import ProbeOptions
from pipeline.checks.frame_probe import Fault, find_edge_faults, find_frame_faults, probe_frames
from pipeline.checks.report import DatasetReport
from pipeline.checks.tree_check import check_dataset
from pipeline.datasets import frame_pool
from tests.data_cache.files.oriented_pictures import EXIF, jpeg, tiff, xmp
from tests.pipeline.datasets.trees import Tree, build_tree, lose_a_block, without_simplejpeg

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return build_tree(tmp_path / "tree")


def findings(report: DatasetReport) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {finding.code: (finding.count, finding.examples) for finding in report.findings}


def spoil_frames(tree: Tree) -> None:
    """One frame of each fault; row 6 is damaged where only decoding finds it."""
    whole = tree.frame("train", 0).read_bytes()
    tree.frame("train", 1).write_bytes(b"")
    tree.frame("train", 2).write_bytes(whole[:-9])
    tree.frame("train", 3).write_bytes(b"a text\n")
    tree.frame("train", 4).unlink()
    tree.frame("train", 5).unlink()
    tree.frame("train", 5).mkdir()
    start = whole.index(b"\xff\xdb")
    tree.frame("train", 6).write_bytes(whole[:start] + b"\xff\xda" + whole[start + 2 :])
    tree.frame("test", 46).unlink()


@pytest.mark.parametrize("frames", ["split", "flat"])
def test_missing_and_unreadable_frames_are_warnings(tmp_path: Path, frames: str) -> None:
    tree = build_tree(tmp_path / "tree", frames)
    spoil_frames(tree)
    report = check_dataset(tree.root)
    assert report.errors == 0
    paths = tree.paths["train"]
    missing, unreadable, missing_test = report.findings
    assert missing.message == "train: 1 of 79 named frames have no file"
    assert missing.examples == (paths[4],)
    assert unreadable.message == "train: 5 of 79 frames do not decode"
    assert unreadable.examples == (
        f"{paths[1]} (empty)",
        f"{paths[2]} (truncated)",
        f"{paths[3]} (not a JPEG)",
        f"{paths[5]} (empty)",
        f"{paths[6]} (not decodable)",
    )
    assert missing_test.examples == (tree.paths["test"][46],)
    train, test = report.splits
    assert (train.missing, train.unreadable, test.missing, test.unreadable) == (1, 5, 1, 0)


def test_damage_inside_is_a_warning_with_names(tree: Tree) -> None:
    paths, frame = tree.paths["train"], tree.frame("train", 8)
    frame.write_bytes(lose_a_block(frame.read_bytes()))
    report = check_dataset(tree.root)
    assert (report.errors, report.splits[0].unreadable) == (0, 0)
    (damaged,) = report.findings
    assert (damaged.severity, damaged.code, damaged.count) == ("warning", "damaged-frames", 1)
    assert damaged.message == ("train: 1 of 79 frames decode with damage inside; pose.damaged says if they are used")
    assert damaged.examples == (f"{paths[8]} ({find_jpeg_damage(frame.read_bytes())})",)
    assert check_dataset(tree.root, ProbeOptions(quick=True)).findings == ()


@pytest.mark.parametrize("quick", [False, True])
def test_frames_with_an_orientation_are_counted_and_named(tree: Tree, quick: bool) -> None:
    paths = tree.paths["train"]
    tree.frame("train", 3).write_bytes(jpeg(EXIF + tiff(1)))
    tree.frame("train", 5).write_bytes(jpeg(EXIF + tiff(6)))
    tree.frame("train", 7).write_bytes(lose_a_block(jpeg(xmp(8), EXIF + tiff(8, ">"))))
    found = findings(check_dataset(tree.root, ProbeOptions(quick=quick)))
    assert found["turned-frames"] == (
        2,
        (f"{paths[5]} (Exif 6; read as 6)", f"{paths[7]} (XMP 8, Exif 8; read as 1)"),
    )
    assert found.keys() - {"turned-frames"} == (set() if quick else {"damaged-frames"})


def test_where_damage_cannot_be_found_the_check_says_so(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = tree.frame("train", 8)
    frame.write_bytes(lose_a_block(frame.read_bytes()))
    without_simplejpeg(monkeypatch)
    (unknown,) = check_dataset(tree.root).findings
    assert (unknown.code, unknown.examples) == ("damage-unknown", ("train", "test"))
    assert str(unknown).startswith("warning: simplejpeg cannot be loaded: damage inside frames is not looked for; pip")


def test_quick_looks_at_both_ends_only(tree: Tree) -> None:
    spoil_frames(tree)
    report = check_dataset(tree.root, ProbeOptions(quick=True))
    assert report.probe == "quick"
    paths = tree.paths["train"]
    assert findings(report)["unreadable-frames"] == (
        4,
        (
            f"{paths[1]} (empty)",
            f"{paths[2]} (truncated)",
            f"{paths[3]} (not a JPEG)",
            f"{paths[5]} (not a regular file)",
        ),
    )


def test_quick_finds_every_truncation_that_leaves_a_picture(tree: Tree) -> None:
    file, path = tree.frame("train", 0), tree.paths["train"][0]
    whole = file.read_bytes()
    assert find_edge_faults(tree.root, path) == []
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert [fault.kind for fault in find_edge_faults(tree.root, path)] == ["unreadable"]
        assert [fault.kind for fault in find_frame_faults(tree.root, path)] == ["unreadable"]
    file.write_bytes(whole + bytes(1000))
    assert find_edge_faults(tree.root, path) == []
    assert find_frame_faults(tree.root, path) == []


def test_quick_does_not_read_a_pipe(tree: Tree) -> None:
    path = tree.paths["train"][0]
    tree.frame("train", 0).unlink()
    os.mkfifo(tree.frame("train", 0))
    assert find_edge_faults(tree.root, path) == [Fault(path, "not a regular file")]
    assert find_frame_faults(tree.root, path) == [Fault(path, "empty")]


def test_probing_a_frame_that_is_gone_by_then(tree: Tree) -> None:
    path = tree.paths["train"][0]
    tree.frame("train", 0).unlink()
    assert find_edge_faults(tree.root, path) == [Fault(path, "missing")]
    assert find_frame_faults(tree.root, path) == [Fault(path, "missing")]


@pytest.mark.parametrize("quick", [False, True])
def test_processes_find_what_one_process_finds(tree: Tree, monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    spoil_frames(tree)
    monkeypatch.setattr(frame_pool, "BATCH", 11)
    paths = [path for path in tree.paths["train"] if (tree.root / path).exists()]
    found, steps = [], []
    for workers in (0, 1, 2):
        steps.append([])
        found.append(probe_frames(tree.root, paths, quick=quick, workers=workers, advance=steps[-1].append))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == (4 if quick else 5)
    assert steps[0] == steps[1] == steps[2] == [11, 11, 11, 11, 11, 11, 11, 1]


def kill_own_process(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_is_told_in_a_sentence(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_probe, "_probe_batch", kill_own_process)
    with pytest.raises(OSError, match="use fewer --workers"):
        probe_frames(tree.root, tree.paths["train"], quick=True, workers=1, advance=int)


KILLED_CALLER = """
import os, sys, time
from pathlib import Path
from data_cache.files.decoded_frame import find_jpeg_fault
from pipeline.checks import frame_probe
from pipeline.datasets import frame_pool

def wait_for_ever(root, quick, paths):
    mine = Path(root) / f"worker{os.getpid()}"
    mine.with_suffix(".new").write_text("")
    mine.with_suffix(".new").rename(mine.with_suffix(".pid"))
    while True:
        time.sleep(1)

frame_probe._probe_batch = wait_for_ever
frame_pool.BATCH = 1
if __name__ == "__main__":
    frame_probe.probe_frames(Path(sys.argv[1]), ["a", "b"], quick=True, workers=2, advance=print)
"""


def test_processes_end_when_their_caller_is_killed(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(KILLED_CALLER)
    environment = {**os.environ, "PYTHONPATH": str(Path(frame_pool.__file__).parents[2])}
    caller = subprocess.Popen([sys.executable, tmp_path / "main.py", tmp_path], env=environment)
    try:
        while len(files := list(tmp_path.glob("worker*.pid"))) < 2:
            assert caller.poll() is None
            time.sleep(0.05)
    finally:
        workers = psutil.Process(caller.pid).children(recursive=True)
        caller.kill()
        caller.wait()
    numbers = {int(file.stem.removeprefix("worker")) for file in files}
    assert numbers <= {worker.pid for worker in workers}
    _, alive = psutil.wait_procs(workers, timeout=120)
    for worker in alive:
        worker.kill()
    assert not alive


def test_progress_is_told_of_every_frame(tree: Tree) -> None:
    tree.frame("train", 4).unlink()
    seen: list[tuple[int, int]] = []
    check_dataset(tree.root, ProbeOptions(progress=lambda done, total: seen.append((done, total))))
    assert sum(done for done, _ in seen) == 125
    assert {total for _, total in seen} == {125}


@pytest.mark.parametrize("frames", ["split", "flat"])
def test_files_without_a_name(tmp_path: Path, frames: str) -> None:
    tree = build_tree(tmp_path / "tree", frames)
    folder = tree.frame("test", 0).parent
    shutil.copy(folder / "1.jpg", folder / "801.jpg")
    shutil.copy(folder / "1.jpg", folder / "802.JPEG")
    (folder.parent / "D7").mkdir()
    shutil.copy(folder / "1.jpg", folder.parent / "D7" / "1.jpg")
    (folder / "Thumbs.db").write_text("")
    base = tree.prefixes["test"]
    assert findings(check_dataset(tree.root)) == {
        "orphan-files": (
            3,
            (f"{base}0007/rgb/D1/801.jpg", f"{base}0007/rgb/D1/802.JPEG", f"{base}0007/rgb/D7/1.jpg"),
        )
    }


def test_a_split_without_any_frame_is_an_error(tree: Tree) -> None:
    shutil.rmtree(tree.root / "Test")
    report = check_dataset(tree.root)
    assert [finding.code for finding in report.findings] == ["no-frames"]
    assert report.findings[0].message == (
        f"{tree.root}/Test/: expected the frames that test_name.txt names, found none of 47; unpack them"
    )
    assert report.errors == 1
    assert report.splits[1].missing == 47


@pytest.mark.parametrize("link", ["Train/0002/ir/D4/5.jpg", "Train/0002/ir", "Train"])
def test_a_link_out_of_the_root_is_one_error(tree: Tree, tmp_path: Path, link: str) -> None:
    (tree.root / link).rename(tmp_path / "out")
    (tree.root / link).symlink_to(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    report = check_dataset(tree.root)
    assert [finding.code for finding in report.findings if finding.severity == "error"] == ["outside-root"]
    assert str(tree.root / link) in report.findings[0].message
    assert "leaves it" in report.findings[0].message
    assert sorted(tmp_path.rglob("*")) == before, "nothing was written"


def test_pillow_in_place_of_cv2_comes_to_the_same_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of the sample, whole and damaged in 40 ways each; the marker walk lets most of them through."""
    random = np.random.default_rng(7)
    frames = sorted((ROOT / "data" / "sample" / "Train").rglob("*.jpg"))[::211]
    damaged = [damage(frame.read_bytes(), random) for frame in frames for _ in range(40)]
    known = [frame_probe._decodes(data) for data in damaged]
    monkeypatch.setitem(sys.modules, "cv2", None)  # importing it raises ModuleNotFoundError
    assert [find_jpeg_fault(data) is None and frame_probe._decodes(data) for data in damaged] == known
    assert 20 < sum(known) < len(known) - 20


def damage(data: bytes, random: np.random.Generator) -> bytes:
    """`data` with up to three bytes changed, or a hole in it."""
    changed = bytearray(data)
    if random.random() < 0.3:
        start = int(random.integers(2, len(data)))
        del changed[start : start + int(random.integers(1, 500))]
    for place in random.integers(0, len(changed), int(random.integers(0, 4))):
        changed[place] = int(random.integers(256))
    return bytes(changed)

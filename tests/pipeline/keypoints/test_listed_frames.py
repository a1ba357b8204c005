"""Keypoints of listed frames: the same bytes, only what is needed is read, and no frame that has changed since."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.datasets.frames import read_frame_bytes
from pipeline.keypoints import chunks
from pipeline.pose import models as pose_models
from tests.pipeline.datasets.trees import Tree, build_tree, encode_jpeg
from tests.pipeline.keypoints.stub_estimator import StubSource

# 31, 24 and 24 frames of a person, 11 a chunk.
CHUNKS = 3 + 3 + 3


@dataclass(frozen=True)
class Project:
    """A tree, and commands over its training split; `read` holds the frames that the last extraction opened."""

    tree: Tree
    folder: Path
    read: list[str]

    @property
    def listing(self) -> Path:
        return self.folder / "train.json"

    def frames(self) -> int:
        options = ["--dataset", "x", "--split", "train", "--out", str(self.listing), "--workers", "0"]
        return main(["frames", "--root", str(self.tree.root), *options])

    def keypoints(self, out: str, *options: str, root: Path | None = None) -> int:
        self.read.clear()
        words = ["keypoints", "--config", str(self.folder / "x.yaml"), "--root", str(root or self.tree.root)]
        words += ["--dataset", "x", "--split", "train", "--out", str(self.folder / out), "--max-bad", "0.2"]
        return main([*words, *options])

    def listed(self, out: str, *options: str) -> int:
        return self.keypoints(out, "--frames", str(self.listing), *options)

    def chunks(self, out: str) -> set[str]:
        return {file.name for file in (self.folder / out).with_suffix(".chunks").iterdir()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("STAR_WORKERS", "STAR_SCHEDULER", "STAR_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "x.yaml").write_text("pose: {chunk_frames: 11}\n")
    monkeypatch.setattr(pose_models, "resolve_pose_model", lambda *_, **__: StubSource())
    read: list[str] = []

    def note(root: Path, path: str) -> bytes | None:
        read.append(path)
        return read_frame_bytes(root, path)

    monkeypatch.setattr(chunks, "read_frame_bytes", note)
    return Project(build_tree(tmp_path / "tree"), tmp_path, read)


def spoil(tree: Tree) -> None:
    """A missing, an empty and a frame that is a folder, in three chunks."""
    tree.frame("train", 3).unlink()
    tree.frame("train", 17).write_bytes(b"")
    tree.frame("train", 60).unlink()
    tree.frame("train", 60).mkdir()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_listing_changes_no_byte_of_the_result(project: Project, workers: str) -> None:
    spoil(project.tree)
    assert project.keypoints("plain.h5") == 0
    assert project.frames() == 0
    assert project.listed("listed.h5", "--workers", workers) == 0
    assert (project.folder / "listed.h5").read_bytes() == (project.folder / "plain.h5").read_bytes()
    assert project.chunks("listed.h5") == project.chunks("plain.h5")
    bad = [(project.folder / name).with_suffix(".bad-frames.txt").read_text() for name in ("listed.h5", "plain.h5")]
    assert bad[0] == bad[1] and bad[0].count("\n") == 3


def test_chunks_of_a_run_without_a_listing_are_taken_over_without_opening_a_frame(project: Project) -> None:
    spoil(project.tree)
    assert project.keypoints("a.h5") == 0
    assert len(project.read) == 79
    whole = (project.folder / "a.h5").read_bytes()
    assert project.frames() == 0
    assert project.listed("a.h5") == 0
    assert project.read == []
    assert (project.folder / "a.h5").read_bytes() == whole
    # Not even the data set's text files.
    for file in project.tree.info.iterdir():
        file.unlink()
    assert project.listed("a.h5") == 0


def test_a_replaced_frame_costs_its_own_chunk(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert project.frames() == 0 and project.listed("a.h5") == 0
    before = project.chunks("a.h5")
    project.tree.frame("train", 40).write_bytes(encode_jpeg(4711))
    assert project.frames() == 0 and project.listed("a.h5") == 0
    # 31 frames of the first person, then 11 of the second.
    assert project.read == project.tree.paths["train"][31:42]
    assert len(project.chunks("a.h5") - before) == 1 and before < project.chunks("a.h5")
    assert f"in {CHUNKS} chunks, {CHUNKS - 1} of them taken over" in caplog.text
    assert project.keypoints("plain.h5") == 0
    assert (project.folder / "a.h5").read_bytes() == (project.folder / "plain.h5").read_bytes()


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize("how", ["replaced", "gone", "new"])
def test_a_frame_that_changed_since_it_was_listed_stops_the_run(
    project: Project, how: str, workers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = project.tree.frame("train", 78)
    old, other = frame.read_bytes(), encode_jpeg(4711)
    if how == "new":
        frame.unlink()
    assert project.frames() == 0
    if how == "gone":
        frame.unlink()
    else:
        frame.write_bytes(other)
    capsys.readouterr()
    assert project.listed("a.h5", "--workers", workers) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    expected = "no file" if how == "new" else f"sha256 {hashlib.sha256(old).hexdigest()}"
    got = "no file" if how == "gone" else f"sha256 {hashlib.sha256(other).hexdigest()}"
    assert f"{frame}: expected {expected}, as listed, got {got}; the frame has changed since: list the frames" in error
    assert not (project.folder / "a.h5").exists()
    # The remedy of the message; what was finished is kept.
    assert len(project.chunks("a.h5")) >= (CHUNKS - 1 if workers == "0" else 0)
    assert project.frames() == 0 and project.listed("a.h5") == 0
    assert workers == "1" or len(project.read) == 2
    assert project.keypoints("plain.h5") == 0
    assert (project.folder / "a.h5").read_bytes() == (project.folder / "plain.h5").read_bytes()


def test_a_listing_of_something_else_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.frames() == 0
    listing = str(project.listing)
    for options, message in (
        (
            ["--frames", listing, "--dataset", "y"],
            "expected the frames of y train, got those of x train; list the frames",
        ),
        (["--frames", listing, "--split", "test"], "expected the frames of x test, got those of x train; list the"),
        (["--frames", str(project.folder / "x.yaml")], "x.yaml: file: expected whole JSON, found none"),
        (
            ["--frames", str(project.folder / "none.json")],
            "none.json: expected the list of the frames, found nothing; list",
        ),
    ):
        assert project.keypoints("a.h5", *options) == 1
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert project.keypoints("a.h5", "--frames", listing, root=project.folder / "nowhere") == 1
    assert "nowhere: expected the data set's folder, found nothing" in capsys.readouterr().err
    assert not (project.folder / "a.h5").exists()


def test_a_link_out_of_the_root_is_refused_here_too(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert project.frames() == 0
    frame = project.tree.frame("train", 5)
    frame.rename(project.folder / "out.jpg")
    frame.symlink_to(project.folder / "out.jpg")
    assert project.listed("a.h5") == 1
    assert "got a symbolic link that leaves it" in capsys.readouterr().err


def test_under_dvc_both_commands_know_where_the_listing_is(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.frames() == 0 and project.listed("a.h5") == 0
    monkeypatch.chdir(project.folder)
    Path("params.yaml").write_text("dataset: x\nroot: tree\n")
    assert main(["frames", "--split", "train"]) == 0
    project.read.clear()
    assert main(["keypoints", "--split", "train", "--config", "x.yaml", "--frames"]) == 0
    assert len(project.read) == 79
    made = project.folder / "artifacts" / "x"
    assert (made / "frames" / "train.json").read_bytes() == project.listing.read_bytes()
    assert (made / "keypoints" / "train.h5").read_bytes() == (project.folder / "a.h5").read_bytes()
    # Without the option as without a listing.
    (made / "frames" / "train.json").unlink()
    project.read.clear()
    assert main(["keypoints", "--split", "train", "--config", "x.yaml"]) == 0
    assert len(project.read) == 79

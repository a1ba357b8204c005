"""Runs that are killed, interrupted, run out of disk or meet another run: whole processes, stopped for real."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.datasets.split_index import read_split
from pipeline.keypoints.keypoint_file import Summary, extract_keypoints
from tests.pipeline.datasets.trees import TRAIN, Row, build_tree
from tests.pipeline.keypoints.stub_estimator import StubSource, begun, wait_until

TESTS = Path(__file__).resolve().parent
FRAMES = sum(row.frames for row in TRAIN)
CHUNKS = 13  # of 7 frames


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_tree(tmp_path / "tree")
    (tmp_path / "gate").mkdir()
    return tmp_path


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of this test; whole process groups are ended after it."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A run over the tree of `folder` in a process group of its own."""
    command = [sys.executable, str(TESTS / "extract_stub.py"), str(folder / "tree"), str(folder / "out" / "train.h5")]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parents[2])}
    return subprocess.Popen(
        [*command, *options],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(folder: Path, name: str = "out", chunk_frames: int = 7) -> tuple[Summary, bytes]:
    """A run in this process that nothing disturbs, and what it wrote."""
    out = folder / name / "train.h5"
    index = read_split(folder / "tree", "stub", "train")
    chunks = out.with_suffix(".chunks")
    summary = extract_keypoints(
        index, folder / "tree", StubSource(), out, chunks, chunk_frames=chunk_frames, max_bad=0.01
    )
    return summary, out.read_bytes()


def published(folder: Path) -> dict[str, int]:
    """The chunk files that are there under their final names, with the time each was written."""
    return {file.name: file.stat().st_mtime_ns for file in (folder / "out" / "train.chunks").glob("*.h5")}


def test_a_killed_run_goes_on_where_it_was(folder: Path, started: list[subprocess.Popen[str]]) -> None:
    run = start(folder, "--gate", str(folder / "gate"), "--free", "3")
    started.append(run)
    wait_until(lambda: bool(begun(folder / "gate")) or run.poll() is not None)
    # While it is at work, nobody else writes the same output.
    with pytest.raises(ValueError, match=rf"another run \(process {run.pid}\) is writing this file"):
        finish(folder)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (folder / "out" / "train.h5").exists()
    before = published(folder)
    assert len(before) == 3
    summary, content = finish(folder)
    assert (summary.chunks, summary.reused) == (CHUNKS, 3)
    assert before.items() <= published(folder).items()
    assert content == finish(folder, "undisturbed")[1]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c_is_one_line_and_keeps_finished_chunks(
    folder: Path, started: list[subprocess.Popen[str]], workers: str
) -> None:
    run = start(folder, "--gate", str(folder / "gate"), "--free", "1", "--workers", workers)
    started.append(run)
    wait_until(lambda: len(begun(folder / "gate")) == max(1, int(workers)) or run.poll() is not None)
    workers_begun = begun(folder / "gate")
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to everyone in the foreground
    _, errors = run.communicate()
    lines = [line for line in errors.splitlines() if not line.startswith("INFO ")]
    assert lines == ["interrupted: what was finished is kept, the same command goes on from there"]
    assert run.returncode == 130
    assert len(published(folder)) == max(1, int(workers))
    assert list((folder / "out" / "train.chunks").iterdir()) == list((folder / "out" / "train.chunks").glob("*.h5"))
    wait_until(lambda: not any(is_running(process) for process in workers_begun))
    assert finish(folder)[0].reused == max(1, int(workers))


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_full_disk_is_a_message_and_finished_chunks_are_kept(
    folder: Path, started: list[subprocess.Popen[str]]
) -> None:
    build_tree(folder / "wide", train=[Row(2, 1, 3, 2), Row(2, 2, 3, 97)])
    (folder / "tree").rename(folder / "narrow")
    (folder / "wide").rename(folder / "tree")
    # The kernel refuses files over 16 kB as it refuses blocks on a full disk: the chunk of 2 frames fits, the
    # chunk of 97 frames does not.
    run = start(folder, "--chunk-frames", "97", "--largest-file", "16384")
    started.append(run)
    output, errors = run.communicate()
    assert run.returncode == 1
    assert output == ""
    (line,) = [line for line in errors.splitlines() if not line.startswith("INFO ")]
    chunk = re.escape(str(folder / "out" / "train.chunks")) + r"/[0-9a-f]{64}\.h5"
    assert re.fullmatch(
        rf"error: {chunk}: the file is larger than this shell .*\(File too large\), .*; finished chunks are kept", line
    )
    assert [file.name for file in (folder / "out").iterdir()] == ["train.chunks"]
    assert len(published(folder)) == len(list((folder / "out" / "train.chunks").iterdir())) == 1
    assert finish(folder, chunk_frames=97)[0].reused == 1


def test_a_disk_that_fills_up_at_the_end_leaves_no_half_file(
    folder: Path, started: list[subprocess.Popen[str]]
) -> None:
    finish(folder, chunk_frames=7)
    content = (folder / "out" / "train.h5").read_bytes()
    (folder / "out" / "train.h5").unlink()
    run = start(folder, "--largest-file", str(len(content) - 1))
    started.append(run)
    _, errors = run.communicate()
    assert run.returncode == 1
    assert "train.h5: the file is larger than this shell or file system allows (File too large)" in errors
    assert [file.name for file in (folder / "out").iterdir()] == ["train.chunks"]
    assert finish(folder) == (Summary(FRAMES, 0, 0, CHUNKS, CHUNKS), content)


@pytest.mark.parametrize("closed", ["out", "out/train.chunks"])
def test_a_folder_without_permission_is_a_message_before_any_frame_is_read(folder: Path, closed: str) -> None:
    # Below a folder that every user may enter, as pytest's own are not.
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        Path(shared, closed).mkdir(parents=True)
        Path(shared, "out").chmod(0o777)
        Path(shared, closed).chmod(0o555)
        refused = Path(shared, "out/train.h5" if closed == "out" else closed)
        pid = os.fork()
        if pid == 0:  # without a new interpreter, whose files might be closed to another user
            os._exit(status_without_permission(folder, Path(shared, "out/train.h5"), refused))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert list(Path(shared, closed).iterdir()) == []


def status_without_permission(folder: Path, out: Path, refused: Path) -> int:
    """0 if the run says what it should."""
    index = read_split(folder / "tree", "stub", "train")
    nowhere = folder / "no tree"  # a frame that is read would be missing, and another error
    if os.geteuid() == 0:  # root may write everywhere: become nobody
        os.setegid(65534)
        os.seteuid(65534)
    try:
        extract_keypoints(index, nowhere, StubSource(), out, out.with_suffix(".chunks"), chunk_frames=7, max_bad=0.0)
    except OSError as error:
        good = error.filename == str(refused) and "choose a folder that you may write to" in str(error)
        return 0 if good else 1
    except ValueError:
        return 2
    return 3

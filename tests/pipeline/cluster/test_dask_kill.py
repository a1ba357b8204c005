"""A real Dask scheduler with two workers, one of which dies in the middle: the same bytes as the serial run."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.datasets.split_index import read_split
from pipeline.keypoints.keypoint_file import Summary, extract_keypoints
from tests.pipeline.cluster.dask_cluster import DaskCluster
from tests.pipeline.datasets.trees import build_tree
from tests.pipeline.keypoints.stub_estimator import StubSource, begun, wait_until

CHUNKS = 13  # of 7 frames


def extract(folder: Path, name: str, source: StubSource, scheduler: str | None = None) -> Summary:
    out = folder / name / "train.h5"
    index = read_split(folder / "tree", "stub", "train")
    return extract_keypoints(
        index,
        folder / "tree",
        source,
        out,
        out.with_suffix(".chunks"),
        chunk_frames=7,
        max_bad=0.0,
        scheduler=scheduler,
    )


def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    build_tree(tmp_path / "tree")
    gate = tmp_path / "gate"
    gate.mkdir()
    chunks = tmp_path / "dask" / "train.chunks"
    with DaskCluster(tmp_path) as cluster, ThreadPoolExecutor(1) as background:
        workers = {process.pid: process for process in (cluster.start_worker(), cluster.start_worker())}
        # Each worker makes two chunks, begins a third and waits there.
        source = StubSource(gate=str(gate), free=2)
        run = background.submit(extract, tmp_path, "dask", source, cluster.address)
        wait_until(lambda: len(begun(gate)) == 2 or run.done())
        assert set(begun(gate)) == set(workers)
        finished = {file: file.stat().st_mtime_ns for file in chunks.glob("*.h5")}
        assert len(finished) == 4
        killed, other = workers
        os.kill(killed, signal.SIGKILL)
        workers[killed].wait()
        (gate / "go").touch()
        summary = run.result()
        assert workers[other].poll() is None
    # Of what the dead worker had finished, the last result may have died with it: its chunk was found, not made again.
    assert summary.chunks == CHUNKS
    assert summary.reused <= 2
    assert finished.items() <= {file: file.stat().st_mtime_ns for file in chunks.iterdir()}.items()
    assert len(list(chunks.iterdir())) == CHUNKS
    extract(tmp_path, "serial", StubSource())
    assert (tmp_path / "dask" / "train.h5").read_bytes() == (tmp_path / "serial" / "train.h5").read_bytes()

"""What edges and graphs have in common: how they read keypoints, and what stops them."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.files.output_lock import OutputBusyError
from pipeline.settings import EdgeSettings
from pipeline.skeletons import edge_file
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.graph_file import write_graphs
from pipeline.skeletons.seen_keypoints import read_seen_keypoints
from tests.factories import random_index, write_cache

ROOT = Path(__file__).resolve().parents[3]
Write = Callable[[Path, Path], int]


def edges(keypoints: Path, out: Path) -> int:
    return write_edges(keypoints, out, EdgeSettings(), 0.3)


def graphs(keypoints: Path, out: Path) -> int:
    return write_graphs(keypoints, out, 0.3)


both = pytest.mark.parametrize("write", [edges, graphs])


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_cache(tmp_path / "keypoints.h5", seed=7)


def test_reads_all_rows_in_order(keypoints: Path) -> None:
    with open_cache(keypoints) as source:
        parts = list(read_seen_keypoints(source, 0.6, 5))
        assert [len(part.seen) for part in parts[:-1]] == [5] * (len(parts) - 1) and len(parts) > 3
        for name in ("keypoints", "score"):
            whole = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_array_equal(whole, source.read(name, 0, source.frames))
        height = np.concatenate([part.height for part in parts])
        np.testing.assert_array_equal(height, source.read("size", 0, source.frames)[:, 0])
        assert height.max() > 46  # heights are 47 to 59, widths 19 to 29
        seen = np.concatenate([part.seen for part in parts])
        assert not seen[source.status != Status.OK].any()
        assert 0.3 < seen[source.status == Status.OK].mean() < 0.5


@both
def test_what_is_not_a_keypoints_file_is_refused(keypoints: Path, write: Write) -> None:
    out = keypoints.with_name("out.h5")
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5"):
        write(keypoints.with_name("nothing.h5"), out)
    other = write_cache(keypoints.with_name("other.h5"), "graphs")
    with pytest.raises(ValueError, match=r"other\.h5.*keypoints.*graphs"):
        write(other, out)
    assert sorted(file.name for file in out.parent.iterdir()) == ["keypoints.h5", "other.h5"]


@both
def test_the_keypoints_are_never_overwritten(keypoints: Path, write: Write) -> None:
    before = keypoints.read_bytes()
    link = keypoints.with_name("link.h5")
    link.symlink_to(keypoints)
    for out in (keypoints, link, keypoints.parent / "." / keypoints.name):
        with pytest.raises(ValueError, match="expected another file than the keypoints to read"):
            write(keypoints, out)
    assert keypoints.read_bytes() == before


@both
def test_damage_leaves_the_older_file_as_it_was(keypoints: Path, write: Write) -> None:
    with h5py.File(keypoints) as file:
        score = file["frames/score"]
        chunk = score.id.get_chunk_info(score.id.get_num_chunks() - 1)
    data = bytearray(keypoints.read_bytes())
    middle = chunk.byte_offset + chunk.size // 2
    data[middle] ^= 0xFF
    keypoints.write_bytes(data)
    out = keypoints.with_name("out.h5")
    out.write_bytes(b"older")
    with pytest.raises(ValueError, match=r"keypoints\.h5: /frames/score rows .* expected intact HDF5"):
        write(keypoints, out)
    assert out.read_bytes() == b"older"
    assert sorted(file.name for file in out.parent.iterdir()) == ["keypoints.h5", "out.h5"]


@both
def test_a_second_run_on_the_same_output_stops(keypoints: Path, write: Write) -> None:
    out = keypoints.with_name("out.h5")
    code = (
        "import sys; from pathlib import Path; from data_cache.files.output_lock import lock_output\n"
        "with lock_output(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(OutputBusyError, match=str(holder.pid)):
            write(keypoints, out)
        holder.communicate()
    assert write(keypoints, out) > 0


def test_memory_does_not_grow_with_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_cache(tmp_path / "keypoints.h5", index=random_index(tracks=2503))
    with open_cache(source) as cache:
        whole = cache.frames * 17 * 17 * 2 * 4
    assert whole > 36e6
    monkeypatch.setattr(edge_file, "ROWS", 64)
    tracemalloc.start()
    try:
        edges(source, tmp_path / "edges.h5")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < whole / 2

"""`star view`: what it refuses before it serves, how it ends, and a split of 21,863 tracks."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tracemalloc
import urllib.request
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.__main__ import main
from data_cache.contract.records import SplitIndex, Tracks
from data_cache.contract.track_marks import TrackMarks, mark_track, write_marks
from tests.data_cache.viewer.viewed_files import make_split, served
from tests.factories import random_index, write_cache


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_split(tmp_path_factory.mktemp("view"))


def refused(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence of a command that must end with status 1."""
    assert main(["view", *map(str, arguments)]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ")
    assert "\n" not in said
    return said


def test_files_that_cannot_be_viewed_are_one_sentence(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, root = files
    here = ["--root", root, "--marks", tmp_path / "marks.json"]
    edges = path.parent.parent / "edges" / "train.h5"
    assert "found 'star-reid.edges'; name a file of that format" in refused([edges, *here], capsys)
    with h5py.File(tmp_path / "foreign.h5", "w") as foreign:
        foreign["x"] = 1
    assert "another program's file" in refused([tmp_path / "foreign.h5", *here], capsys)
    (tmp_path / "short.h5").write_bytes(path.read_bytes()[:5000])
    assert "truncated or damaged" in refused([tmp_path / "short.h5", *here], capsys)
    assert "cannot open this cache file" in refused([tmp_path / "none.h5", *here], capsys)
    assert "name the data set's folder with --root" in refused([path, "--root", tmp_path / "none"], capsys)
    other = write_cache(tmp_path / "edges.h5", "edges", index=random_index(6, tracks=11))
    assert "as in the keypoints file" in refused([path, *here, "--edges", other], capsys)
    same = write_cache(tmp_path / "graphs.h5", "graphs", index=random_index(5, tracks=13))
    assert "made from these keypoints" in refused([path, *here, "--graphs", same], capsys)


def test_a_list_about_other_tracks_is_refused_and_kept(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index, marks = random_index(6, tracks=13), tmp_path / "marks.json"
    write_marks(marks, TrackMarks("sample", "train", (mark_track(3, index.tracks, index.paths),)))
    before = marks.read_bytes()
    said = refused([files[0], "--root", files[1], "--marks", marks], capsys)
    assert "marks.json: track 3: expected" in said
    marks.write_text("{}", encoding="utf-8")
    assert "name a marks list" in refused([files[0], "--root", files[1], "--marks", marks], capsys)
    marks.write_bytes(before)


def test_a_port_in_use_and_wrong_usage(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused([files[0], "--root", files[1], "--marks", tmp_path / "m.json", "--port", port], capsys)
    assert said == (
        f"error: 127.0.0.1:{port}: another program listens on this port;"
        " choose another with --port, or --port 0 for any free one"
    )
    for wrong in (["--port", "70000"], ["--marks", "marks.h5"], ["--min-score", "2"]):
        with pytest.raises(SystemExit) as stop:
            main(["view", str(files[0]), *wrong])
        assert stop.value.code == 2


def test_it_prints_its_address_and_ctrl_c_ends_it(files: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "data_cache", "view", str(files[0]), "--root", str(files[1])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        address = lines[1].strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        with urllib.request.urlopen(f"{address}api/file") as response:
            told = json.loads(response.read())
        assert (told["tracks"], told["marks_file"]) == (13, "configs/exclude/sample-train.json")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert "stopped; 0 marked tracks are saved in configs/exclude/sample-train.json" in process.stdout.read()
        assert process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []  # nothing was marked, so nothing was written


def many_tracks(count: int) -> SplitIndex:
    """`count` tracks of five frames."""
    numbers = np.arange(count)
    table = Tracks(
        person=(numbers % 997).astype(np.int32),
        camera=(numbers % 11).astype(np.int16),
        modality=(1 + numbers % 2).astype(np.uint8),
        start=5 * numbers,
        stop=5 * numbers + 5,
    )
    paths = tuple(f"Train/{row // 5 % 997:04d}/D{row // 5 % 11}/{row}.jpg" for row in range(5 * count))
    return SplitIndex("sample", "train", paths, table)


def test_21863_tracks_are_listed_without_loading_the_file(tmp_path: Path) -> None:
    path = write_cache(tmp_path / "keypoints" / "train.h5", index=many_tracks(21_863))
    (tmp_path / "frames").mkdir()
    tracemalloc.start()
    try:
        with served(path, tmp_path / "frames", tmp_path / "marks.json") as server:
            with urllib.request.urlopen(f"{server.address}api/tracks?sort=mean&camera=7&modality=visible") as response:
                page = json.loads(response.read())
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    chosen = [number for number in range(21_863) if number % 11 == 7 and number % 2 == 1]
    assert page["total"] == len(chosen)
    assert len(page["tracks"]) == 100
    assert {row["track"] for row in page["tracks"]} <= set(chosen)
    means = [row["mean"] if row["mean"] is not None else -1 for row in page["tracks"]]
    assert means == sorted(means)
    # Keypoints, scores and paths as text would take 30 MB.
    assert peak < 16 << 20

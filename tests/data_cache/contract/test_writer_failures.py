"""Nothing half-written ever stands under the final name: wrong input, kills, full disks, a second writer."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import data_cache.files.partial_file as partial_file_module
from data_cache.contract.records import Status
from data_cache.contract.writer import CacheWriter
from data_cache.files.output_lock import OutputBusyError
from tests.factories import (
    JOINTS,
    RECIPE,
    random_content,
    random_index,
    random_keypoints,
    random_status,
    write_cache,
)

ROOT = Path(__file__).resolve().parents[3]
INDEX = random_index(2)
FRAMES = len(INDEX.paths)
STATUS = random_status(FRAMES, 2)
CONTENT = random_content("keypoints", STATUS, 2)
# Writes edges block by block and says so; run with a path, it ends like any command.
SLOW_WRITER = """
import sys
import numpy as np
from command_line.run_command import one_line
from data_cache.contract.writer import CacheWriter
from tests.factories import RECIPE, random_index
index = random_index(0, tracks=1999)
status = np.zeros(len(index.paths), np.uint8)
rows = np.random.default_rng(0).random((1021, 17, 17, 2)).astype(np.float32)
try:
    with CacheWriter(sys.argv[1], "edges", index, RECIPE, status=status) as writer:
        while writer.rows < len(status):
            writer.append({"edges": rows[: len(status) - writer.rows]})
            print(writer.rows, flush=True)
except (ValueError, OSError) as error:
    sys.exit(f"error: {one_line(error)}")
"""


def open_writer(folder: Path, kind: str = "keypoints") -> CacheWriter:
    return CacheWriter(folder / "x.h5", kind, INDEX, RECIPE, status=STATUS)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def changed(name: str, place, value):
    array = CONTENT[name].copy()
    array[place] = value
    return {name: array}


PWRITE = os.pwrite
GOOD = int(np.flatnonzero(STATUS == Status.OK)[0])
BAD = int(np.flatnonzero(STATUS == Status.MISSING)[0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"/frames/score": None}, "append: expected /frames/score, /frames/keypoints, /frames/size, got"),
        (
            {"/frames/edges": CONTENT["/frames/score"]},
            r"/frames/edges: no such dataset in star-reid.keypoints, expected",
        ),
        ({"/frames/score": CONTENT["/frames/score"].astype(np.float64)}, "/frames/score: expected float32 of shape"),
        (
            {"/frames/keypoints": CONTENT["/frames/keypoints"].swapaxes(1, 2)},
            rf"keypoints: expected float32 of shape \({FRAMES}, 17, 2\), got float32 of shape \({FRAMES}, 2, 17\)",
        ),
        ({"/frames/size": CONTENT["/frames/size"][1:]}, r"/frames/size: expected int32 of shape"),
        (
            changed("/frames/score", (GOOD, 3), np.nan),
            f"score: expected finite values in row {GOOD}, whose status is ok",
        ),
        (changed("/frames/score", (BAD, 3), 0), f"score: expected only nan in row {BAD}, whose status is missing"),
        (changed("/frames/size", (BAD, 1), 7), f"size: expected only 0 in row {BAD}, whose status is missing"),
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_stays(tmp_path, arrays, message):
    given = {name: array for name, array in (CONTENT | arrays).items() if array is not None}
    with pytest.raises((ValueError, KeyError), match=message), open_writer(tmp_path) as writer:
        writer.append(given)
    assert names(tmp_path) == []


def test_too_few_and_too_many_rows_are_refused(tmp_path):
    few = {name: rows[:-1] for name, rows in CONTENT.items()}
    message = rf"x.h5: expected {FRAMES} rows .* got {FRAMES - 1} rows"
    with pytest.raises(ValueError, match=message), open_writer(tmp_path) as writer:
        writer.append(few)
    message = f"append: expected {FRAMES} rows in all, got {2 * FRAMES} or more"
    with pytest.raises(ValueError, match=message), open_writer(tmp_path) as writer:
        writer.append(CONTENT)
        writer.append(CONTENT)
    assert names(tmp_path) == []


def test_fixed_arrays_are_put_once_and_all(tmp_path):
    graphs = random_content("graphs", STATUS)
    parts = np.zeros((6, JOINTS), bool)
    message = "no /graph/part_names, /graph/spatial_edges; nothing was written"
    with pytest.raises(ValueError, match=message), open_writer(tmp_path, "graphs") as writer:
        writer.append(graphs)
        writer.put("/graph/parts", parts)
        with pytest.raises(ValueError, match=r"put /graph/parts: expected one of \['/graph/part_names'"):
            writer.put("/graph/parts", parts)
        with pytest.raises(ValueError, match=r"/graph/spatial_edges: expected int32 of shape \(2, 38\)"):
            writer.put("/graph/spatial_edges", np.zeros((2, 19), np.int32))
        with pytest.raises(ValueError, match=r"/graph/part_names: expected names of shape \(6,\), got"):
            writer.put("/graph/part_names", ["head"])
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (STATUS[1:], rf"status: expected uint8 of shape \({FRAMES},\), got uint8 of shape \({FRAMES - 1},\)"),
        (STATUS.astype(np.int64), "status: expected uint8"),
        (STATUS + np.uint8(1), "status: expected 0, 1 or 2, got 3"),
    ],
)
def test_a_status_that_does_not_fit_is_refused(tmp_path, status, message):
    with pytest.raises(ValueError, match=message):
        CacheWriter(tmp_path / "x.h5", "keypoints", INDEX, RECIPE, status=status)
    with pytest.raises(ValueError, match="kind of cache: expected one of keypoints, edges, graphs, got 'poses'"):
        CacheWriter(tmp_path / "x.h5", "poses", INDEX, RECIPE, status=STATUS)


def test_an_error_in_the_block_leaves_the_older_file(tmp_path):
    path = write_cache(tmp_path / "x.h5")
    older = path.read_bytes()
    with pytest.raises(ZeroDivisionError), CacheWriter(path, "keypoints", INDEX, RECIPE, status=STATUS) as writer:
        writer.append(CONTENT)
        raise ZeroDivisionError
    assert (names(tmp_path), path.read_bytes()) == (["x.h5"], older)


def test_a_second_writer_is_refused_while_the_first_goes_on(tmp_path):
    with open_writer(tmp_path) as writer:
        command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path / "x.h5")]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        writer.append(CONTENT)
    assert second.returncode == 1
    assert second.stderr.strip() == (
        f"error: {tmp_path / 'x.h5'}: another run (process {os.getpid()}) is writing this file; wait for it or stop it"
    )
    assert names(tmp_path) == ["x.h5"]
    assert issubclass(OutputBusyError, ValueError)


@pytest.mark.parametrize("reached", [1, 5, 11])
def test_a_killed_writer_leaves_nothing_under_the_name_and_the_next_run_is_undisturbed(tmp_path, reached):
    path = write_cache(tmp_path / "x.h5")
    older = path.read_bytes()
    with subprocess.Popen([sys.executable, "-c", SLOW_WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE) as process:
        for _ in range(reached):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == older
    assert names(tmp_path) == ["x.h5", "x.h5.lock", "x.h5.partial"]
    again = write_cache(path, "graphs", index=INDEX).read_bytes()
    assert names(tmp_path) == ["x.h5"]
    assert write_cache(tmp_path / "undisturbed.h5", "graphs", index=INDEX).read_bytes() == again


def count_writes(monkeypatch, tmp_path, act_at: int, act) -> int:
    """Write a file; at write number `act_at` of HDF5 do `act`. Return the number of writes."""
    count = 0

    def counted(file: int, data, offset: int) -> int:
        nonlocal count
        count += 1
        if count == act_at:
            act()
        return PWRITE(file, data, offset)

    monkeypatch.setattr(partial_file_module.os, "pwrite", counted)
    with open_writer(tmp_path) as writer:
        writer.append(CONTENT)
    return count


def test_whichever_write_fails_hdf5_ends_in_one_sentence(tmp_path, monkeypatch):
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    writes = count_writes(monkeypatch, tmp_path, 0, fail)
    older = (tmp_path / "x.h5").read_bytes()
    for number in range(2, writes + 1, 5):  # the first is the process id in the lock file
        with pytest.raises(OSError, match=r"cannot write .Input/output error., nothing was left under this name"):
            count_writes(monkeypatch, tmp_path, number, fail)
        assert (names(tmp_path), (tmp_path / "x.h5").read_bytes()) == (["x.h5"], older)


def test_ctrl_c_in_the_middle_of_hdf5_leaves_nothing(tmp_path, monkeypatch):
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    writes = count_writes(monkeypatch, tmp_path, 0, interrupt)
    older = (tmp_path / "x.h5").read_bytes()
    for number in range(2, writes + 1, 17):
        with pytest.raises(KeyboardInterrupt):
            count_writes(monkeypatch, tmp_path, number, interrupt)
        assert (names(tmp_path), (tmp_path / "x.h5").read_bytes()) == (["x.h5"], older)


@pytest.mark.parametrize("limit", [2_000, 700_000, 5_000_000])
def test_a_limit_on_files_is_one_sentence_and_no_full_disk(tmp_path, limit):
    path = write_cache(tmp_path / "x.h5")
    older = path.read_bytes()
    code = (
        f"import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n{SLOW_WRITER}"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stderr.strip() == (
        f"error: {path}: the file is larger than this shell or file system allows (File too large), nothing was"
        " left under this name; run again in a shell without that limit (`ulimit -f` shows it), or write elsewhere"
    )
    assert (result.returncode, names(tmp_path), path.read_bytes()) == (1, ["x.h5"], older)


def test_so_is_a_full_disk(tmp_path):
    """A file system of 640 KiB, in a mount name space of its own."""
    command = f'mount -t tmpfs -o size=640k none {tmp_path} || exit 77; "$@"; code=$?; ls -A {tmp_path} >&2; exit $code'
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount name spaces here")
    result = subprocess.run(
        [unshare, "-rm", "sh", "-c", command, "sh", sys.executable, "-c", SLOW_WRITER, str(tmp_path / "x.h5")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode == 77:
        pytest.skip("a small file system cannot be mounted here")
    assert result.stderr.strip() == (  # and `ls` lists nothing after it
        f"error: {tmp_path / 'x.h5'}: the disk is full (No space left on device), nothing was left under this name;"
        " free some space and run again"
    )
    assert result.returncode == 1


def test_records_fit_the_writer(tmp_path):
    rows = random_keypoints(FRAMES, 2, STATUS)
    with CacheWriter(tmp_path / "x.h5", "keypoints", INDEX, RECIPE, status=rows.status) as writer:
        writer.append({"keypoints": rows.keypoints, "score": rows.score, "size": rows.size})
    assert names(tmp_path) == ["x.h5"]

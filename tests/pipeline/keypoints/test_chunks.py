"""Chunks: where they are cut, what they are called, and that only what changed is made again."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_cache.contract.records import SplitIndex, Status, Tracks
from pipeline.datasets.split_index import read_split
from pipeline.keypoints.chunk_file import DamagedChunkError, read_chunk, read_damaged, write_chunk
from pipeline.keypoints.chunks import (
    ChunkRun,
    ChunkTask,
    chunk_key,
    digest_bytes,
    estimate_chunk,
    plan_chunks,
)
from pipeline.keypoints.estimated_frames import estimate_frames
from tests.pipeline.datasets.trees import build_tree
from tests.pipeline.keypoints.stub_estimator import StubSource

NO_TRACKS = Tracks(
    np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
)


def index_of(persons: list[tuple[str, int]]) -> SplitIndex:
    """A split in which every person of `persons` has that many frames."""
    paths = [f"{person}/rgb/D3/{frame}.jpg" for person, count in persons for frame in range(1, count + 1)]
    return SplitIndex("stub", "train", tuple(paths), NO_TRACKS)


@given(st.lists(st.integers(1, 30), max_size=7), st.integers(1, 13))
def test_a_plan_covers_every_frame_once_and_never_mixes_persons(counts: list[int], chunk_frames: int) -> None:
    index = index_of([(f"Train/{number:04d}", count) for number, count in enumerate(counts, 1)])
    plan = plan_chunks(index, chunk_frames)
    assert [row for rows in plan for row in rows] == list(range(len(index.paths)))
    for rows in plan:
        assert 1 <= len(rows) <= chunk_frames
        assert len({index.paths[row].split("/")[1] for row in rows}) == 1
    # No more chunks than the frames of each person need.
    assert len(plan) == sum(-(-count // chunk_frames) for count in counts)


def test_one_more_person_leaves_the_chunks_of_others_as_they_are() -> None:
    def chunks(persons: list[tuple[str, int]]) -> set[tuple[str, ...]]:
        index = index_of(persons)
        return {index.paths[rows.start : rows.stop] for rows in plan_chunks(index, 5)}

    before = [("0001", 13), ("0003", 7), ("0011", 2)]
    after = [*before[:1], ("0002", 11), *before[1:]]
    assert chunks(before) < chunks(after)
    assert len(chunks(after) - chunks(before)) == 3


def test_a_chunk_without_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="chunk_frames: expected at least 1, got 0"):
        plan_chunks(index_of([("0001", 3)]), 0)


def test_a_key_tells_recipes_code_paths_bytes_and_missing_frames_apart() -> None:
    keys = {
        chunk_key("{}", "c", ("a", "b"), ("1", "2")),
        chunk_key('{"code":2}', "c", ("a", "b"), ("1", "2")),
        chunk_key("{}", "d", ("a", "b"), ("1", "2")),
        chunk_key("{}", "c", ("a", "c"), ("1", "2")),
        chunk_key("{}", "c", ("a", "b"), ("1", "3")),
        chunk_key("{}", "c", ("a", "b"), ("2", "1")),
        chunk_key("{}", "c", ("a", "b"), ("1", None)),
        chunk_key("{}", "c", ("a", "b"), ("1", digest_bytes(b""))),
        chunk_key("{}", "c", ("a",), ("1",)),
    }
    assert len(keys) == 9
    assert chunk_key("{}", "c", ("a", "b"), ("1", "2")) in keys


def test_a_key_is_what_another_program_makes_of_it() -> None:
    # `printf %s '["{}", "c", [["a", "<sha256 of 1>"], ["b", "missing"]]]' | sha256sum`
    one = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert digest_bytes(b"1") == one and digest_bytes(None) is None
    key = chunk_key("{}", "c", ("a", "b"), (one, None))
    assert key == "e8ed27f2918be4a026db873253dd4a7ddcf86054ea364bc78fb1bc95035b12ee"


@pytest.fixture
def task(tmp_path: Path) -> ChunkTask:
    build_tree(tmp_path / "tree")
    index = read_split(tmp_path / "tree", "stub", "train")
    (tmp_path / "chunks").mkdir()
    run = ChunkRun(StubSource(), '{"stub":1}', "0" * 64, str(tmp_path / "tree"), str(tmp_path / "chunks"))
    return ChunkTask(number=2, start=7, paths=index.paths[7:18], run=run)


def test_frames_have_values_where_they_decode_and_a_status_where_not(task: ChunkTask) -> None:
    root = Path(task.run.root)
    (root / task.paths[3]).write_bytes(b"")
    (root / task.paths[5]).unlink()
    result = estimate_chunk(task)
    assert (result.unreadable, result.missing) == ((10,), (12,))
    assert (result.number, result.frames, result.reused) == (2, 11, False)
    digests = [result.sha256[32 * row : 32 * row + 32] for row in range(12)]
    assert digests[2].hex() == hashlib.sha256((root / task.paths[2]).read_bytes()).hexdigest()
    assert (digests[3].hex(), digests[5], digests[11]) == (hashlib.sha256(b"").hexdigest(), bytes(32), b"")
    frames = read_chunk(Path(task.run.folder) / result.file, task.run.recipe, 11)
    wanted = np.zeros(11, np.uint8)
    wanted[3], wanted[5] = Status.UNREADABLE, Status.MISSING
    np.testing.assert_array_equal(frames.status, wanted)
    # By hand from one frame: joint 5 of 17 is at 5/18 of the width times the mean of blue.
    image = cv2.imread(str(root / task.paths[7]))
    height, width = image.shape[:2]
    np.testing.assert_array_equal(frames.size[7], (height, width))
    np.testing.assert_allclose(frames.keypoints[7, 4, 0], 5 / 18 * width * image[..., 0].mean() / 255, rtol=1e-6)
    np.testing.assert_allclose(frames.keypoints[7, 4, 1], 5 / 18 * height * image[..., 1].mean() / 255, rtol=1e-6)
    np.testing.assert_allclose(frames.score[7, 4], 5 / 18 * image[..., 2].mean() / 255, rtol=1e-6)


def test_a_chunk_without_one_usable_frame_needs_no_estimator() -> None:
    frames = estimate_frames([None, b"", None], source=None)  # type: ignore[arg-type]
    assert frames.status.tolist() == [Status.MISSING, Status.UNREADABLE, Status.MISSING]
    assert np.isnan(frames.keypoints).all()
    assert np.isnan(frames.score).all()


def test_a_finished_chunk_is_taken_over_and_another_recipe_is_not(task: ChunkTask) -> None:
    first = estimate_chunk(task)
    assert estimate_chunk(task) == dataclasses.replace(first, reused=True)
    other = dataclasses.replace(task, run=dataclasses.replace(task.run, recipe='{"stub":2}'))
    second = estimate_chunk(other)
    assert not second.reused
    assert second.file != first.file
    third = estimate_chunk(dataclasses.replace(task, run=dataclasses.replace(task.run, code="1" * 64)))
    assert not third.reused and len({first.file, second.file, third.file}) == 3


def test_a_changed_frame_makes_another_chunk_and_the_old_frame_takes_the_old_one(task: ChunkTask) -> None:
    first = estimate_chunk(task)
    frame = Path(task.run.root) / task.paths[4]
    old = frame.read_bytes()
    frame.write_bytes((Path(task.run.root) / task.paths[0]).read_bytes())
    assert not estimate_chunk(task).reused
    frame.write_bytes(old)
    assert estimate_chunk(task) == dataclasses.replace(first, reused=True)


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "other recipe", "other chunk"])
def test_a_damaged_chunk_is_made_again(task: ChunkTask, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    first = estimate_chunk(task)
    file = Path(task.run.folder) / first.file
    whole = file.read_bytes()
    if damage == "flip":
        # In the middle of the keypoints as they are stored.
        place = whole.index(read_chunk(file, task.run.recipe, 11).keypoints.tobytes()) + 333
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    elif damage == "truncate":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "other recipe":
        write_chunk(file, read_chunk(file, task.run.recipe, 11), '{"stub":2}')
    else:
        other = estimate_chunk(dataclasses.replace(task, paths=task.paths[:-1] + task.paths[:1]))
        file.write_bytes((Path(task.run.folder) / other.file).read_bytes())
    assert estimate_chunk(task) == first
    assert f"estimating chunk 2 again: {file}: not an intact chunk" in caplog.text
    assert file.read_bytes() == whole


@pytest.mark.parametrize("way", ["external storage", "external link", "virtual dataset"])
def test_a_chunk_reads_no_other_file(task: ChunkTask, way: str, tmp_path: Path) -> None:
    first = estimate_chunk(task)
    file = Path(task.run.folder) / first.file
    status = read_chunk(file, task.run.recipe, 11).status
    secret = tmp_path / "secret"
    secret.write_bytes(status.tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as other:
        other["status"] = status
    with h5py.File(file, "r+") as chunk:
        del chunk["status"]
        if way == "external storage":
            chunk.create_dataset("status", status.shape, "u1", external=[(str(secret), 0, 11)])
        elif way == "external link":
            chunk["status"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "status")
        else:
            layout = h5py.VirtualLayout(status.shape, "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "status", status.shape)
            chunk.create_virtual_dataset("status", layout)
    with pytest.raises(DamagedChunkError, match="in this file"):
        read_chunk(file, task.run.recipe, 11)
    assert estimate_chunk(task) == first


@pytest.mark.parametrize("places", [[3, 1], [3, 11], [-1], [2, 2], [[1, 2]], [1.0], "3", None])
def test_places_of_damaged_frames_that_no_chunk_has(task: ChunkTask, places: object) -> None:
    file = Path(task.run.folder) / estimate_chunk(task).file
    with h5py.File(file, "a") as chunk:
        chunk.attrs["damaged"] = h5py.Empty("i4") if places is None else places
    with pytest.raises(DamagedChunkError, match="expected ascending places of 11 frames as damaged"):
        read_damaged(file, 11)
    assert not estimate_chunk(task).reused
    assert read_damaged(file, 11) == ()
    assert estimate_chunk(task).reused


def test_the_bytes_do_not_depend_on_when_python_lets_go_of_a_dataset(
    task: ChunkTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The profiler of Dask's workers holds frames and what is in them for a while."""
    file = Path(task.run.folder) / estimate_chunk(task).file
    whole = file.read_bytes()
    file.unlink()
    held: list[h5py.Dataset] = []
    create = h5py.Group.create_dataset
    monkeypatch.setattr(h5py.Group, "create_dataset", lambda *a, **k: held.append(create(*a, **k)) or held[-1])
    estimate_chunk(task)
    assert len(held) == 4 and file.read_bytes() == whole


def test_the_estimator_is_built_once_for_all_chunks(task: ChunkTask, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = StubSource.build
    monkeypatch.setattr(StubSource, "build", lambda self, threads=None: built.append(threads) or build(self))
    run = dataclasses.replace(task.run, source=StubSource(gain=0.3125), threads=3)
    for number in range(3):
        estimate_chunk(dataclasses.replace(task, paths=task.paths[number:], run=run))
    assert built == [3]


def test_a_cluster_worker_takes_its_threads_from_its_environment(
    task: ChunkTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    build = StubSource.build
    monkeypatch.setattr(StubSource, "build", lambda self, threads=None: built.append(threads) or build(self))
    for gain, threads in ((0.375, "5"), (0.4375, None), (0.46875, "many")):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if threads is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", threads)
        run = dataclasses.replace(task.run, source=StubSource(gain=gain), recipe=f'{{"gain":{gain}}}')
        estimate_chunk(dataclasses.replace(task, run=run))
    assert built == [5, None, None]

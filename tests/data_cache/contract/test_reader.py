"""What was written comes back, whole, in pieces, at random, in other processes."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_cache.contract import reader as reader_module
from data_cache.contract.reader import CacheReader, copy_index, open_cache
from data_cache.contract.records import Role
from data_cache.contract.schema import FORMATS
from tests.factories import RECIPE, age_to_version_1, random_content, random_index, random_status, write_cache

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def keypoints(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("cache") / "train.h5", seed=4)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_was_written_comes_back(tmp_path, kind):
    index = random_index(4, dataset="hitsz-vcm", split="test")
    status = random_status(len(index.paths), 4)
    path = write_cache(tmp_path / "test.h5", kind, index=index, seed=4)
    with open_cache(path, kind) as cache:
        assert (cache.path, cache.kind, cache.dataset, cache.split) == (path, kind, "hitsz-vcm", "test")
        assert (cache.recipe, cache.frames, cache.paths) == (RECIPE, len(index.paths), index.paths)
        np.testing.assert_array_equal(cache.status, status)
        for name, rows in random_content(kind, status, 4).items():
            got = cache.read(name, 0, cache.frames)
            np.testing.assert_array_equal(got, rows)
            assert got.dtype == rows.dtype
            np.testing.assert_array_equal(cache.read(name.removeprefix("/frames/"), 5, 11), rows[5:11])
        copy = copy_index(cache)
    assert copy.paths == index.paths
    for name in ("person", "camera", "modality", "start", "stop", "role"):
        column = getattr(copy.tracks, name)
        np.testing.assert_array_equal(column, getattr(index.tracks, name))
        assert column.dtype.metadata is None  # plain numbers, not h5py's enumeration
    np.testing.assert_array_equal(copy.track, index.track)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_version_1_is_read_all_its_tracks_query_and_gallery(tmp_path, kind):
    index = random_index(4)
    assert set(index.tracks.role.tolist()) == {Role.BOTH, Role.QUERY, Role.GALLERY}
    path = age_to_version_1(write_cache(tmp_path / "train.h5", kind, index=index, seed=4))
    status = random_status(len(index.paths), 4)
    with open_cache(path, kind) as cache:
        assert (cache.layout.version, cache.paths) == (1, index.paths)
        assert cache.tracks.role.tolist() == [Role.BOTH] * len(index.tracks)
        for name in ("person", "camera", "modality", "start", "stop"):
            np.testing.assert_array_equal(getattr(cache.tracks, name), getattr(index.tracks, name))
        for name, rows in random_content(kind, status, 4).items():
            np.testing.assert_array_equal(cache.read(name, 0, cache.frames), rows)
        copy = copy_index(cache)
    with open_cache(write_cache(tmp_path / "new.h5", kind, index=copy, seed=4)) as cache:
        assert (cache.layout.version, cache.tracks.role.tolist()) == (3, [0] * len(index.tracks))


def test_an_index_copied_to_a_new_file_gives_the_same_bytes(tmp_path, keypoints):
    with open_cache(keypoints) as cache:
        again = write_cache(tmp_path / "again.h5", index=copy_index(cache), recipe=cache.recipe, seed=4)
    assert again.read_bytes() == keypoints.read_bytes()


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_rows_cover_every_frame_once(keypoints, step):
    with open_cache(keypoints) as cache:
        slices = list(cache.rows(step))
        assert np.concatenate([np.arange(cache.frames)[rows] for rows in slices]).tolist() == list(range(cache.frames))
        assert max(rows.stop - rows.start for rows in slices) <= step
        parts = [cache.read("score", rows.start, rows.stop) for rows in slices]
        np.testing.assert_array_equal(np.concatenate(parts), cache.read("score", 0, cache.frames))


@settings(max_examples=41, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), cover=st.sampled_from([2, 5, 4096]), gap=st.sampled_from([1, 3]))
def test_chosen_frames_equal_numpy_indexing(keypoints, monkeypatch, data, cover, gap):
    monkeypatch.setattr(reader_module, "_COVER_ROWS", cover)
    monkeypatch.setattr(reader_module, "_GAP_ROWS", gap)
    with open_cache(keypoints) as cache:
        whole = cache.read("keypoints", 0, cache.frames)
        rows = data.draw(st.lists(st.integers(0, cache.frames - 1), max_size=13))
        np.testing.assert_array_equal(cache.read_frames("keypoints", rows), whole[rows])
        kind = data.draw(st.sampled_from([np.int32, np.uint16, np.int64]))
        chosen = np.array(rows, kind)
        np.testing.assert_array_equal(cache.read_frames("/frames/status", chosen), cache.status[chosen])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda cache: cache.read("score", 3, 999), "/frames/score: expected rows within 0 to [0-9]+, got 3 to 999"),
        (lambda cache: cache.read("score", 5, 3), "expected rows within 0 to [0-9]+, got 5 to 3"),
        (lambda cache: cache.read("score", -3, 3), "expected rows within 0 to [0-9]+, got -3 to 3"),
        (lambda cache: cache.read_frames("score", [3, 999]), "expected rows within 0 to [0-9]+, got 3 to 999"),
        (lambda cache: cache.read_frames("score", [-1, 3]), "expected rows within 0 to [0-9]+, got -1 to 3"),
        (
            lambda cache: cache.read_frames("score", [0.5]),
            r"expected a list of row numbers, got float64 of shape \(1,\)",
        ),
        (
            lambda cache: cache.read_frames("score", [[1]]),
            r"expected a list of row numbers, got int64 of shape \(1, 1\)",
        ),
        (lambda cache: cache.read("path", 0, 3), "/frames/path: names are read with read_names"),
        (lambda cache: cache.read_frames("path", [0, 3]), "/frames/path: names are read with read_names"),
        (lambda cache: cache.read_names("score"), "/frames/score: expected an array of names, got one of <f4"),
    ],
)
def test_rows_that_are_not_there_are_refused(keypoints, call, message):
    with open_cache(keypoints) as cache, pytest.raises(ValueError, match=message) as refusal:
        call(cache)
    assert str(keypoints) in str(refusal.value)


def test_an_unknown_name_lists_the_known_ones(keypoints):
    with open_cache(keypoints) as cache, pytest.raises(KeyError) as refusal:
        cache.read("edges", 0, 1)
    assert (
        f"{keypoints}: /frames/edges: no such dataset in star-reid.keypoints, expected one of" in refusal.value.args[0]
    )
    assert "/frames/keypoints" in refusal.value.args[0]


def test_names_are_utf8(tmp_path, keypoints):
    with open_cache(keypoints) as cache:
        assert cache.read_names("/skeleton/joints")[0] == "nose"
        index = cache.index()
    paths = ("Train/0001/rgb/D1/été.jpg", *index.paths[1:])
    index = type(index)(index.dataset, index.split, paths, index.tracks)
    with open_cache(write_cache(tmp_path / "x.h5", index=index)) as cache:
        assert cache.paths == paths


def test_a_reader_opens_when_needed_closes_and_opens_again(tmp_path):
    cache = CacheReader(tmp_path / "later.h5", "keypoints")
    write_cache(tmp_path / "later.h5", seed=4)
    first = cache.read("score", 0, 3)
    cache.close()
    cache.close()
    np.testing.assert_array_equal(cache.read("score", 0, 3), first)
    cache.close()


def read_in_child(cache: CacheReader) -> bytes:
    return cache.read("score", 0, cache.frames).tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_open_their_own(keypoints, method):
    with open_cache(keypoints) as cache:
        mine = read_in_child(cache)
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.map(read_in_child, [cache] * 2) == [mine] * 2
        assert cache.read("score", 0, cache.frames).tobytes() == mine


def child_of_a_fork(cache: CacheReader, answers) -> None:
    inherited = cache._opened.file
    answers.put((cache.read("score", 0, cache.frames).tobytes(), cache._opened.file is inherited))


def test_an_open_reader_inherited_through_a_fork_opens_anew(keypoints):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    with open_cache(keypoints) as cache:
        child = context.Process(target=child_of_a_fork, args=(cache, answers))
        child.start()
        rows, same = answers.get(timeout=60)
        child.join()
        assert (rows, same, child.exitcode) == (cache.read("score", 0, cache.frames).tobytes(), False, 0)


def test_pickling_keeps_path_and_kind(keypoints):
    copy = pickle.loads(pickle.dumps(CacheReader(keypoints, "edges")))
    with pytest.raises(ValueError, match=r"expected star-reid.edges, found 'star-reid.keypoints'"):
        _ = copy.frames


def test_a_damaged_chunk_is_found_when_it_is_read(tmp_path):
    path = write_cache(tmp_path / "x.h5")
    with h5py.File(path) as file:
        chunk = file["/frames/keypoints"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + chunk.size // 2] ^= 0x10
    path.write_bytes(data)
    with open_cache(path) as cache:
        cache.read("score", 0, cache.frames)
        with pytest.raises(ValueError, match="expected intact HDF5, found damage") as refusal:
            cache.read("keypoints", 3, 5)
    assert str(refusal.value).startswith(f"{path}: /frames/keypoints rows 3 to 5: ")
    assert str(refusal.value).endswith("; make it again with `dvc repro`")


def test_tracks_that_contradict_the_frames_are_refused(tmp_path):
    path = write_cache(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        file["/tracks/stop"][2] = 10**6
    with open_cache(path) as cache, pytest.raises(ValueError, match=r"/frames, /tracks: .* track 2 stops at 1000000"):
        cache.index()
    with h5py.File(path, "r+") as file:
        file["/tracks/stop"][2] = -1
    with open_cache(path) as cache, pytest.raises(ValueError, match=r"/tracks: .* expected 0 <= start < stop"):
        _ = cache.tracks
    with open_cache(path) as cache, pytest.raises(ValueError, match="expected 0 <= start < stop") as refusal:
        cache.index()
    assert str(refusal.value).count(str(path)) == str(refusal.value).count("make it again") == 1


def test_paths_that_leave_the_root_are_refused(tmp_path):
    path = write_cache(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        file["/frames/path"][1] = b"../../etc/passwd"
    with open_cache(path) as cache, pytest.raises(ValueError, match=r"x.h5: /frames, /tracks: .*paths\[1\]: expected"):
        cache.index()


def test_importing_the_reader_loads_nothing_heavy():
    code = "import sys; from data_cache.contract import reader, writer; print(*(n.split('.')[0] for n in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & {"torch", "mmpose", "mindspore", "matplotlib", "scipy", "cv2", "dask", "pandas"}

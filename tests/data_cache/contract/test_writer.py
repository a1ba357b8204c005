"""What the writer leaves behind: the contract as plain h5py sees it, and the same bytes every time."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_cache.contract.schema import FORMATS, TEMPORAL_RULE, find_format
from data_cache.contract.writer import CacheWriter, canonical_recipe
from tests.factories import (
    RECIPE,
    put_graph,
    random_content,
    random_index,
    random_status,
    write_cache,
)

ROOT = Path(__file__).resolve().parents[3]
KINDS = tuple(FORMATS)


def write_in_pieces(path: Path, kind: str, index, cuts: list[int]) -> bytes:
    status = random_status(len(index.paths), 1)
    content = random_content(kind, status, 1)
    edges = [0, *sorted(min(cut, len(status)) for cut in cuts), len(status)]
    with CacheWriter(path, kind, index, RECIPE, status=status) as writer:
        if kind == "graphs":
            put_graph(writer)
        for start, stop in pairwise(edges):
            writer.append({name.removeprefix("/frames/"): rows[start:stop] for name, rows in content.items()})
    return path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_keeps_the_contract(tmp_path, kind):
    """Read with h5py alone, names written out: this is what other people's programs rely on."""
    index = random_index(3, dataset="hitsz-vcm", split="test")
    status = random_status(len(index.paths), 3)
    path = write_cache(tmp_path / "test.h5", kind, index=index, seed=3)
    with h5py.File(path) as file:
        assert (file.attrs["format"], file.attrs["version"]) == (f"star-reid.{kind}".encode(), 3)
        assert (file.attrs["dataset"], file.attrs["split"]) == (b"hitsz-vcm", b"test")
        assert file.attrs["recipe"].decode() == canonical_recipe(RECIPE)
        assert [entry.decode() for entry in file["/frames/path"][...]] == list(index.paths)
        np.testing.assert_array_equal(file["/frames/track"][...], index.track)
        np.testing.assert_array_equal(file["/frames/status"][...], status)
        for name in ("person", "camera", "modality", "start", "stop", "role"):
            np.testing.assert_array_equal(file[f"/tracks/{name}"][...], getattr(index.tracks, name))
        for name, rows in random_content(kind, status, 3).items():
            np.testing.assert_array_equal(file[name][...], rows)
            assert file[name].dtype == rows.dtype
        assert h5py.check_enum_dtype(file["/frames/status"].dtype) == {"ok": 0, "unreadable": 1, "missing": 2}
        assert h5py.check_enum_dtype(file["/tracks/modality"].dtype) == {"infrared": 1, "visible": 2}
        assert file["/skeleton/joints"][...][[0, 16]].tolist() == [b"nose", b"right_ankle"]
        assert file["/skeleton/limbs"].shape == (19, 2)
        assert file["/skeleton/mirror"][...].tolist() == [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
        if kind == "graphs":
            assert file["/graph"].attrs["temporal"].decode() == TEMPORAL_RULE
            assert file["/graph/part_names"][...].tolist()[:2] == [b"head", b"torso"]
            assert (file["/graph/parts"].shape, file["/graph/parts"].dtype) == ((6, 17), np.bool_)
            assert file["/graph/spatial_edges"].shape == (2, 38)


@pytest.mark.parametrize("kind", KINDS)
def test_every_dataset_is_described_packed_and_checked(tmp_path, kind):
    seen = []

    def look(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Group):
            return
        seen.append(f"/{name}")
        assert len(node.attrs["dims"]) == node.ndim
        assert node.attrs["description"]
        assert (node.compression, node.shuffle, node.fletcher32) == ("gzip", True, True)
        assert node.chunks[1:] == node.shape[1:]
        if node.dtype.kind == "S":
            text = h5py.check_string_dtype(node.dtype)
            assert (text.encoding, text.length) == ("utf-8", max(len(entry) for entry in node[...]))
        else:
            assert node.attrs["unit"]
            assert node.dtype.newbyteorder("<") == node.dtype

    with h5py.File(write_cache(tmp_path / "x.h5", kind)) as file:
        file.visititems(look)
    assert sorted(seen) == sorted(spec.name for spec in FORMATS[kind].arrays)


@pytest.mark.parametrize(("kind", "signal"), [("keypoints", "score"), ("edges", "edges"), ("graphs", "nodes")])
def test_a_nexus_viewer_finds_what_to_show(tmp_path, kind, signal):
    with h5py.File(write_cache(tmp_path / "x.h5", kind)) as file:
        assert file.attrs["NX_class"] == b"NXroot"
        group = file[file.attrs["default"].decode()]
        assert (group.attrs["NX_class"], group.attrs["signal"].decode()) == (b"NXdata", signal)
        assert group[signal].dtype.kind == "f"
        assert {file[name].attrs["NX_class"] for name in file if name != "frames"} == {b"NXcollection"}


@settings(max_examples=13, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=7), kind=st.sampled_from(KINDS))
def test_the_bytes_do_not_depend_on_how_rows_were_appended(tmp_path, cuts, kind):
    index = random_index(1)
    assert write_in_pieces(tmp_path / "a.h5", kind, index, cuts) == write_in_pieces(tmp_path / "b.h5", kind, index, [])


def test_nor_do_they_over_several_blocks(tmp_path):
    index = random_index(1, tracks=1409)
    assert len(index.paths) > 2 * 4096
    whole = write_in_pieces(tmp_path / "a.h5", "keypoints", index, [])
    assert whole == write_in_pieces(tmp_path / "b.h5", "keypoints", index, [4095, 4096, 4097, 8192, 8209])
    with h5py.File(tmp_path / "a.h5") as file:
        expected = random_content("keypoints", random_status(len(index.paths), 1), 1)
        np.testing.assert_array_equal(file["/frames/keypoints"][...], expected["/frames/keypoints"])
        assert file["/frames/path"].id.get_storage_size() < 25 * len(index.paths)


def test_nor_on_time_name_or_process(tmp_path):
    first = write_cache(tmp_path / "a.h5", "graphs").read_bytes()
    second = int(time.time())
    while int(time.time()) == second:  # HDF5 counts time in seconds
        pass
    assert write_cache(tmp_path / "elsewhere" / "longer-name.h5", "graphs").read_bytes() == first
    code = (
        "import sys\nfrom pathlib import Path\nfrom tests.factories import write_cache\n"
        "write_cache(Path(sys.argv[1]), 'graphs')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "c.h5")], cwd=ROOT, check=True)
    assert (tmp_path / "c.h5").read_bytes() == first


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_do_not_depend_on_when_python_lets_go_of_a_dataset(tmp_path, kind, monkeypatch):
    """A profiler, such as that of Dask's workers, holds frames and what is in them for a while."""
    whole = write_cache(tmp_path / "x.h5", kind).read_bytes()
    held = []
    for name in ("create_dataset", "__getitem__"):
        call = getattr(h5py.Group, name)
        monkeypatch.setattr(h5py.Group, name, lambda *a, call=call, **k: held.append(call(*a, **k)) or held[-1])
    assert write_cache(tmp_path / "x.h5", kind).read_bytes() == whole
    assert len(held) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_written_is_no_value_of_the_data(tmp_path, kind):
    with h5py.File(write_cache(tmp_path / "x.h5", kind)) as file:
        for spec in find_format(kind).arrays:
            fill = file[spec.name].fillvalue
            if spec.dtype == "<f4":
                assert np.isnan(fill)
            elif spec.dtype not in ("text", "|b1"):
                assert fill == (255 if spec.dtype == "|u1" else -1)


def test_it_opens_with_hdf5_of_2016(tmp_path):
    with h5py.File(write_cache(tmp_path / "x.h5")) as file:
        assert file.id.get_create_plist().get_version()[0] == 3  # superblock that HDF5 1.10 reads
        assert {file[name].id.get_create_plist().get_layout() for name in ("/frames/path", "/tracks/role")} == {
            h5py.h5d.CHUNKED
        }


def test_an_empty_split_can_be_written(tmp_path):
    index = random_index(tracks=0, orphans=0)
    with h5py.File(write_cache(tmp_path / "x.h5", "edges", index=index)) as file:
        assert file["/frames/edges"].shape == (0, 17, 17, 2)


def test_recipes_are_canonical():
    assert canonical_recipe({"b": (1, 2), "a": {"d": None, "c": "é"}}) == '{"a":{"c":"é","d":null},"b":[1,2]}'


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"a": float("nan")}, "expected numbers, text, lists and mappings, got Out of range float"),
        ({"a": Path("x")}, "expected numbers, text, lists and mappings, got Object of type PosixPath"),
        ({1: 2}, "expected a mapping whose keys are all text"),
        ([1], "expected a mapping whose keys are all text"),
        ({"a": "x" * (1 << 20)}, "expected at most 1048576 bytes, got 1048584"),
    ],
)
def test_recipes_refuse(recipe, message):
    with pytest.raises(ValueError, match=message):
        canonical_recipe(recipe)


def test_memory_stays_bounded_while_rows_stream(tmp_path):
    """Edges of some 13,000 frames are 30 MB; between first and last block the process grows by much less."""
    code = (
        "import sys, resource, numpy as np\n"
        "from data_cache.contract.writer import CacheWriter\n"
        "from tests.factories import random_index\n"
        "index = random_index(0, tracks=1999)\n"
        "status = np.zeros(len(index.paths), np.uint8)\n"
        "rows = np.random.default_rng(0).random((97, 17, 17, 2)).astype(np.float32)\n"
        "with CacheWriter(sys.argv[1], 'edges', index, {}, status=status) as writer:\n"
        "    while writer.rows < len(status):\n"
        "        writer.append({'edges': rows[: len(status) - writer.rows]})\n"
        "        if writer.rows < 4096:\n"
        "            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(len(status), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.h5")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    frames, kilobytes = map(int, result.stdout.split())
    assert frames > 12_000
    assert kilobytes < 8_000

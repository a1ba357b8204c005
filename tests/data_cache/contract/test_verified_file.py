"""Foreign, damaged, older, newer and hostile files: each is made here, and each is one sentence."""

from __future__ import annotations

import os
import random
import tracemalloc

import h5py
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.schema import FORMATS
from tests.data_cache.contract.broken_files import AGAIN, CASES, FRAMES, SCORE, replace
from tests.factories import random_index, write_cache

SEED = 20  # of an index of FRAMES frames


def refusal(path, kind=None) -> str:
    """Open, expecting one line that begins with the file's name; return the rest."""
    with pytest.raises(ValueError) as caught, open_cache(path, kind):
        pass
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path):
    return write_cache(tmp_path / "train.h5", index=random_index(SEED))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\x89HDF", "another kind of file"),
        (b"\x80\x04cos\nsystem\n", "another kind of file"),
        (b"\xff\xd8\xff\xe0" + bytes(512), "another kind of file"),
    ],
)
def test_what_is_not_hdf5_is_refused(tmp_path, content, found):
    (tmp_path / "x.h5").write_bytes(content)
    assert refusal(tmp_path / "x.h5") == f"file: expected an HDF5 file of this project, found {found}; {AGAIN}"


def test_a_file_cut_anywhere_is_refused(path):
    whole = path.read_bytes()
    cuts = [*range(8, 100, 7), *random.Random(5).sample(range(100, len(whole)), 53), len(whole) - 1]
    for cut in cuts:
        path.write_bytes(whole[:cut])
        assert refusal(path).startswith("file: expected a whole HDF5 file, found a truncated or damaged one (")


def test_damaged_bytes_anywhere_end_in_one_sentence_or_do_not_matter(path):
    whole = path.read_bytes()
    chance = random.Random(7)
    refused = 0
    for _ in range(53):
        data = bytearray(whole)
        for _ in range(3):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            with open_cache(path) as cache:
                cache.index()
                for spec in FORMATS["keypoints"].per_frame:
                    cache.read(spec.name, 0, cache.frames)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 0


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file or directory\); make it again") as missing:
        open_cache(tmp_path / "x.h5")
    assert missing.value.filename == str(tmp_path / "x.h5")
    expected = "file: expected an HDF5 file, found a folder or device; name a file"
    assert refusal(tmp_path) == expected
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == expected


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_breaks_the_contract_is_refused(path, case):
    change, expected = CASES[case]
    with h5py.File(path, "r+", libver=("v108", "latest")) as file:
        assert file[SCORE].shape == (FRAMES, 17)
        change(file)
    tracemalloc.start()
    try:
        found = refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert expected in found
    assert "; " in found


def test_a_file_with_holes_is_refused(path):
    with h5py.File(path, "r+") as file:
        replace(SCORE, data=None, shape=(FRAMES, 17), dtype="<f4", chunks=(25, 17))(file)
        file[SCORE][:25] = 1
    assert refusal(path) == f"{SCORE}: expected 2 chunks, found 1; {AGAIN}"


def test_chunks_that_unpack_to_gigabytes_are_refused(path):
    with h5py.File(path, "r+") as file:
        plan = {"data": None, "shape": (FRAMES, 17), "dtype": "<f4", "maxshape": (None, 17), "chunks": (10**6, 17)}
        replace(SCORE, compression="gzip", **plan)(file)
        file[SCORE][...] = 1
    found = "found chunks of shape (1000000, 17)"
    assert refusal(path) == f"{SCORE}: expected chunks of at most 67108864 bytes, {found}; {AGAIN}"


@pytest.mark.parametrize("kind", ["edges", "graphs"])
def test_another_kind_than_asked_for_is_refused(path, kind):
    assert refusal(path, kind) == (
        f"attribute format: expected star-reid.{kind}, found 'star-reid.keypoints'; name a file of that format"
    )
    with pytest.raises(ValueError, match="kind of cache: expected one of keypoints, edges, graphs, got 'poses'"):
        open_cache(path, "poses")


@pytest.mark.parametrize("kind", FORMATS)
def test_every_dataset_of_the_schema_has_to_be_there(tmp_path, kind):
    whole = write_cache(tmp_path / "x.h5", kind).read_bytes()
    for spec in FORMATS[kind].arrays:
        (tmp_path / "x.h5").write_bytes(whole)
        with h5py.File(tmp_path / "x.h5", "r+") as file:
            del file[spec.name]
        assert refusal(tmp_path / "x.h5") == f"{spec.name}: expected a dataset, found none; {AGAIN}"


def test_other_things_in_the_file_do_not_matter(path):
    with h5py.File(path, "r+") as file:
        file["notes"] = "mine"
        file["elsewhere"] = h5py.ExternalLink("/etc/other.h5", "/x")
    with open_cache(path) as cache:
        assert cache.frames == FRAMES

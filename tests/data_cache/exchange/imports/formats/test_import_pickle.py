"""What a pickle may hold, and that nothing in one is ever called."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from data_cache.exchange.imports.formats.plain_pickle import load_plain
from tests.data_cache.exchange.imports.import_sources import assert_refused, make_case, run_import

NUMBERS = st.sampled_from(["f2", "f4", "f8", ">f4", ">i8", "i1", "u2", "?"])
ARRAYS = NUMBERS.flatmap(lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)))


def load(path: Path, data: bytes) -> object:
    path.write_bytes(data)
    return load_plain(path)


@settings(max_examples=60, deadline=None)
@given(array=ARRAYS, fortran=st.booleans(), protocol=st.integers(0, 5))
def test_arrays_come_back_as_numpy_loads_them(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, fortran: bool, protocol: int
) -> None:
    data = pickle.dumps(np.asfortranarray(array) if fortran and array.ndim else array, protocol)
    found, expected = load(tmp_path_factory.mktemp("p") / "a.pkl", data), pickle.loads(data)
    assert isinstance(found, np.ndarray)
    # numpy may turn the byte order into the machine's; the values are what counts, NaN's bits among them.
    assert (found.shape, found.dtype.newbyteorder("=")) == (expected.shape, expected.dtype.newbyteorder("="))
    assert found.astype(expected.dtype).tobytes() == expected.tobytes()


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back(tmp_path: Path, protocol: int) -> None:
    shared = (1, 2)
    value = {
        "a": [1, -(2**70), 2.5, True, None, "é", b"\xff", b""],
        "b": shared,
        "c": {"d": shared},
        3: np.float32(0.1),
    }
    found = load(tmp_path / "a.pkl", pickle.dumps(value, protocol))
    assert found == value
    assert type(found["b"]) is type(found["c"]["d"]) is tuple


def test_the_names_of_numpy_2_are_known(tmp_path: Path) -> None:
    array = np.arange(6, dtype="f4").reshape(2, 3)
    data = pickle.dumps(array, 2)
    renamed = data.replace(b"cnumpy.core.multiarray\n", b"cnumpy._core.multiarray\n")
    assert renamed != data
    np.testing.assert_array_equal(load(tmp_path / "a.pkl", renamed), array)


class Command:
    """Would run a command where pickles are loaded as usual."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> object:
        return self.call


def changed_array(old: bytes, new: bytes) -> bytes:
    data = pickle.dumps(np.arange(6, dtype="<i4").reshape(2, 3), 2)
    assert data.count(old) == 1
    return data.replace(old, new)


HOSTILE = {
    "system": (pickle.dumps(Command(os.system, "touch /tmp/star-was-here")), "asks for posix.system"),
    "eval": (pickle.dumps(Command(eval, "1+1")), "asks for builtins.eval"),
    "getattr": (pickle.dumps(Command(getattr, "", "join"), 2), "asks for __builtin__.getattr"),
    "load": (pickle.dumps(Command(np.load, "a.npy")), "asks for numpy"),
    "old class": (b"(S'touch x'\nios\nsystem\n.", "asks for os.system"),
    "objects": (pickle.dumps(np.array([None])), "an array of 'O8', expected numbers"),
    "text": (pickle.dumps(np.array(["a"])), "an array of 'U1', expected numbers"),
    "records": (pickle.dumps(np.zeros(2, [("a", "f4")])), "expected numbers"),
    "dates": (pickle.dumps(np.array("2020", "M8[D]")), "expected numbers"),
    "a class": (pickle.dumps(np.ndarray), "holds a function or dtype, expected data"),
    "a dtype": (pickle.dumps(np.dtype("f4")), "holds a function or dtype, expected data"),
    "a subclass": (pickle.dumps(np.ma.zeros(3)), "asks for numpy.ma"),
    "path": (pickle.dumps(Path("a")), "asks for pathlib"),
    "larger than its bytes": (changed_array(b"K\x02K\x03\x86", b"K\xffK\xff\x86"), "expected 260100 bytes"),
    "negative": (changed_array(b"K\x02K\x03\x86", b"J\xff\xff\xff\xffK\x03\x86"), "an array of unknown shape"),
    "another dtype": (changed_array(b"X\x02\x00\x00\x00i4", b"X\x02\x00\x00\x00i8"), "expected 48 bytes"),
    "new array": (b"cnumpy\nndarray\n(K\x09tR.", "makes an array by its class"),
    "state of a function": (b"cnumpy\ndtype\n}b.", "sets the state of dtype"),
    "empty array": (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tS'b'\ntR.", "without content"),
    "encoding": (b"c_codecs\nencode\n(S'a'\nS'zip'\ntR.", "encodes text otherwise"),
    "elsewhere": (b"\x80\x02K\x01Q.", "asks for an object outside the file"),
    "method": (b"cnumpy\ndtype.__class__\n.", "asks for numpy.dtype.__class__"),
    "truncated": (pickle.dumps(np.arange(99))[:-30], "not a whole pickle"),
    "empty": (b"", "not a whole pickle"),
    "no pickle": (b'{"annotations": []}', "not a whole pickle"),
    "long text": (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"a", "not a whole pickle"),
    "far memo": (b"\x80\x04K\x01r\xff\xff\xff\xff0h\x05.", "not a whole pickle"),
    "call of a number": (b"K\x01(tR.", "not a whole pickle"),
    "deep": (b"\x80\x02" + b"]" * 20000 + b"a" * 19999 + b".", "not a whole pickle"),
    "unknown opcode": (b"\xfe.", "not a whole pickle"),
}


@pytest.mark.parametrize(("data", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_every_other_pickle_is_refused_in_one_line(
    tmp_path: Path, data: bytes, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    case = make_case(tmp_path)
    source = tmp_path / "skeletons.pkl"
    source.write_bytes(data)
    assert_refused(case, capsys, run_import(case, source, "pyskl"), str(source), reason, "nothing in it was run")
    assert not Path("/tmp/star-was-here").exists()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    with path.open("wb") as file:
        file.truncate((1 << 31) + 1)  # takes no room on the disk
    with pytest.raises(ValueError, match=r"a\.pkl: expected a pickle of at most 2 GiB, found 2147483649 bytes"):
        load_plain(path)


def test_a_bytearray_is_read_as_bytes(tmp_path: Path) -> None:
    """Python fills a bytearray of the length that the file claims before it reads: gigabytes for a file of 14 bytes."""
    found = load(tmp_path / "a.pkl", pickle.dumps([bytearray(b"abc")], 5))
    assert isinstance(found, list) and type(found[0]) is bytes and found == [b"abc"]
    with pytest.raises(ValueError, match="not a whole pickle"):
        load(tmp_path / "a.pkl", b"\x80\x05\x96" + struct.pack("<Q", 1 << 36) + b"abc.")


def test_what_contains_itself_ends(tmp_path: Path) -> None:
    loop: list[object] = []
    loop.append(loop)
    found = load(tmp_path / "a.pkl", pickle.dumps(loop))
    assert isinstance(found, list) and found[0] is found


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_spoiled_byte_is_refused_or_read(tmp_path_factory: pytest.TempPathFactory, place: float, byte: int) -> None:
    data = bytearray(pickle.dumps({"annotations": [{"a": np.arange(5, dtype="f4"), "b": (1, 2)}]}, 2))
    data[int(place * len(data))] = byte
    try:
        load(tmp_path_factory.mktemp("p") / "a.pkl", bytes(data))
    except ValueError as error:
        assert "a.pkl" in str(error)

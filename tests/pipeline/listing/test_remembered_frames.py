"""What is remembered comes back as it was; whatever else lies in its place is forgotten without a word."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.listing.remembered_frames import HEAD, RememberedFrames, read_remembered, write_remembered


def random_frames(count: int, seed: int = 3) -> RememberedFrames:
    random = np.random.default_rng(seed)
    paths = tuple(f"Straße/{row}.jpg" for row in random.permutation(count))
    states = random.integers(0, 1 << 62, (count, 3))
    return RememberedFrames(paths, states, random.integers(0, 256, (count, 32), np.uint8))


def assert_same(found: RememberedFrames, expected: RememberedFrames) -> None:
    assert found.paths == expected.paths
    assert (found.states.dtype, found.sha256.dtype) == (np.int64, np.uint8)
    np.testing.assert_array_equal(found.states, expected.states)
    np.testing.assert_array_equal(found.sha256, expected.sha256)


@pytest.mark.parametrize("count", [0, 1, 13])
def test_what_is_written_is_read(tmp_path: Path, count: int) -> None:
    frames = random_frames(count)
    write_remembered(tmp_path / "a", frames)
    assert_same(read_remembered(tmp_path / "a"), frames)


def test_the_same_frames_are_not_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_remembered(file, random_frames(13))
    os.utime(file, ns=(5, 5))
    write_remembered(file, random_frames(13))
    assert file.stat().st_mtime_ns == 5
    write_remembered(file, random_frames(13, seed=4))
    assert file.stat().st_mtime_ns != 5
    assert_same(read_remembered(file), random_frames(13, seed=4))


def test_a_frame_is_found_by_its_path_where_size_and_both_times_are_the_same() -> None:
    frames = random_frames(13)
    paths = (*frames.paths[5:], "other", *frames.paths[:5])
    states = np.concatenate([frames.states[5:], frames.states[:1], frames.states[:5]])
    rows = [*range(5, 13), -1, *range(5)]
    assert frames.find(paths, states).tolist() == rows
    assert frames.find(frames.paths, frames.states).tolist() == list(range(13))
    for column in range(3):
        changed = states.copy()
        changed[2, column] += 1
        assert frames.find(paths, changed).tolist() == [*rows[:2], -1, *rows[3:]]


def test_every_damaged_byte_and_every_truncation_forgets_all(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_remembered(file, random_frames(2))
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        assert read_remembered(file).paths == ()
        file.write_bytes(whole[:place])
        assert read_remembered(file).paths == ()
    file.write_bytes(whole + b"x")
    assert read_remembered(file).paths == ()


def with_sum(body: bytes) -> bytes:
    return HEAD + hashlib.sha256(body).digest() + body


@pytest.mark.parametrize(
    "content",
    [
        with_sum(b""),
        with_sum(b"\1"),
        with_sum(b"\1" + bytes(7)),
        with_sum((1 << 63).to_bytes(8, "little") + bytes(100)),
        with_sum(b"\1" + bytes(7 + 56)),
        with_sum(b"\1" + bytes(7 + 56) + b"\xff"),
        with_sum(b"\1" + bytes(7 + 56) + b"a\nb"),
        with_sum(b"\2" + bytes(7 + 112) + b"a"),
        b"\x89HDF\r\n\x1a\n",
        b"\x93NUMPY\x01\x00",
    ],
    ids=range(10),
)
def test_a_whole_file_of_another_layout_is_forgotten(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert read_remembered(tmp_path / "a").paths == ()


def test_what_is_no_readable_file_is_forgotten(tmp_path: Path) -> None:
    assert read_remembered(tmp_path / "none").paths == ()
    assert read_remembered(tmp_path).paths == ()
    os.mkfifo(tmp_path / "pipe")
    assert read_remembered(tmp_path / "pipe").paths == ()
    with (tmp_path / "huge").open("wb") as file:
        file.truncate((1 << 28) + 1)
    assert read_remembered(tmp_path / "huge").paths == ()
    (tmp_path / "loop").symlink_to("loop")
    assert read_remembered(tmp_path / "loop").paths == ()

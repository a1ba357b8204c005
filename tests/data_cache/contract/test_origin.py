"""Digests of content are what their definition says, and a file that holds something else is noticed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from data_cache.contract.origin import MISSING, ContentDigest, Origin, frames_digest, parse_origin
from data_cache.contract.reader import open_cache
from data_cache.contract.schema import FORMATS
from data_cache.contract.split_file import FrameListing
from data_cache.contract.verified_content import verified_origin
from data_cache.contract.writer import CacheWriter
from tests.factories import (
    RECIPE,
    age_to_version_1,
    age_to_version_2,
    put_graph,
    random_content,
    random_index,
    random_status,
    write_cache,
)

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def settle(path: Path) -> Path:
    """As if the file had been written long ago, as far as that can be said of it."""
    os.utime(path, ns=(10**18, 10**18))
    return path


def digest_with_h5py(path: Path) -> str:
    """The definition, from the file as other programs see it."""
    lines = {}

    def visit(name: str, node: h5py.HLObject) -> None:
        if isinstance(node, h5py.Dataset):
            values = node[()]
            kind = values.dtype.str if values.dtype.kind != "S" else f"|S{values.dtype.itemsize}"
            shape = ",".join(map(str, values.shape))
            lines[f"/{name}"] = f"/{name} {kind} {shape} {hashlib.sha256(values.tobytes()).hexdigest()}\n"

    with h5py.File(path, locking=False) as file:
        file.visititems(visit)
    return hashlib.sha256("".join(lines[name] for name in sorted(lines)).encode()).hexdigest()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_says_what_it_holds(tmp_path: Path, kind: str) -> None:
    path = write_cache(tmp_path / "train.h5", kind, seed=5)
    with open_cache(path) as cache:
        assert cache.origin == Origin(digest_with_h5py(path))
        assert verified_origin(cache) == cache.origin
    with h5py.File(path, locking=False) as file:
        assert json.loads(file.attrs["origin"]) == {"content": digest_with_h5py(path)}


def test_where_it_comes_from_is_handed_along(tmp_path: Path) -> None:
    index = random_index(6)
    status = random_status(len(index.paths), 6)
    made_of = {"keypoints": Origin(A, B, {"frames": Origin(C)})}
    with CacheWriter(tmp_path / "x.h5", "graphs", index, RECIPE, status=status, code=B, sources=made_of) as writer:
        writer.append(random_content("graphs", status, 6))
        put_graph(writer)
    with open_cache(tmp_path / "x.h5") as cache:
        origin = cache.origin
    assert origin is not None
    assert origin.plain() == {
        "content": digest_with_h5py(tmp_path / "x.h5"),
        "code": B,
        "sources": {"keypoints": {"content": A, "code": B, "sources": {"frames": {"content": C}}}},
    }
    assert (origin.find("frames"), origin.find("keypoints"), origin.find("edges")) == (
        Origin(C),
        made_of["keypoints"],
        None,
    )
    assert parse_origin(origin.plain()) == origin


@pytest.mark.parametrize("change", ["recipe", "label", "path", "status", "value"])
def test_what_a_file_holds_counts_and_how_it_was_made_does_not(tmp_path: Path, change: str) -> None:
    index = random_index(7)
    status = random_status(len(index.paths), 7)
    status[-1] = 0
    content = random_content("edges", status, 7)
    digests = []
    for part in (None, change):
        if part == "label":
            index.tracks.person.flags.writeable = True
            index.tracks.person[2] += 1
        elif part == "path":
            object.__setattr__(index, "paths", (*index.paths[:-1], "Train/0009/rgb/D1/3.jpg"))
        elif part == "status":
            status[-1] = 1
            content["/frames/edges"][-1] = 0
        elif part == "value":
            content["/frames/edges"][-1, 3, 5, 1] = 0.25
        recipe = {"code": 2} if part == "recipe" else RECIPE
        with CacheWriter(tmp_path / "x.h5", "edges", index, recipe, status=status) as writer:
            writer.append(content)
        with open_cache(tmp_path / "x.h5") as cache:
            digests.append(cache.origin)
    assert (digests[0] == digests[1]) == (change == "recipe")


def test_a_digest_does_not_depend_on_how_rows_are_cut() -> None:
    rows = np.random.default_rng(1).normal(size=(11, 3, 2)).astype(np.float32)
    whole, pieces = ContentDigest(), ContentDigest()
    whole.update("/a", rows)
    for piece in (rows[:4], rows[4:4], rows[4:]):
        pieces.update("/a", piece[:, ::1])
    assert whole.hexdigest() == pieces.hexdigest()
    turned = ContentDigest()
    turned.update("/a", rows.swapaxes(1, 2))
    assert turned.hexdigest() != whole.hexdigest()
    with pytest.raises(ValueError, match=r"/a: expected rows of <f4 \(3, 2\), got <f8 \(3, 2\)"):
        pieces.update("/a", rows.astype(np.float64))


def test_frames_are_their_paths_and_their_bytes() -> None:
    index = random_index(8, tracks=2, orphans=0)
    sha256 = tuple(None if row == 2 else hashlib.sha256(b"%d" % row).hexdigest() for row in range(len(index.paths)))
    listing = FrameListing(index, tuple(None if one is None else 3 for one in sha256), sha256)
    digests = [MISSING if one is None else bytes.fromhex(one) for one in sha256]
    by_hand = b"".join(path.encode() + b"\0" + digest for path, digest in zip(index.paths, digests, strict=True))
    assert listing.content == frames_digest(index.paths, b"".join(digests)) == hashlib.sha256(by_hand).hexdigest()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"origin: expected content, code and sources, up to 8 deep, got \[\]"),
        ({"content": A[1:]}, r"origin\.content: expected 64 hexadecimal digits, got 'aaa"),
        ({}, r"origin\.content: expected 64 hexadecimal digits, got None"),
        ({"content": A, "code": 3}, r"origin\.code: expected 64 hexadecimal digits, got 3"),
        ({"content": A, "sources": [1]}, r"origin\.sources: expected origins by kind, got \[1\]"),
        ({"content": A, "frames": A}, r"origin: expected content, code and sources, got 'frames'"),
    ],
)
def test_what_is_no_origin_is_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_origin(value)
    with pytest.raises(ValueError, match=message):
        parse_origin({"content": A, "sources": {"frames": value}})


def test_a_chain_without_end_is_refused() -> None:
    chain: dict[str, object] = {"content": A}
    for _ in range(12):
        chain = {"content": A, "sources": {"keypoints": chain}}
    with pytest.raises(ValueError, match="up to 8 deep"):
        parse_origin(chain)


def test_a_value_that_was_not_written_is_refused(tmp_path: Path) -> None:
    path = write_cache(tmp_path / "train.h5")
    with h5py.File(path, "r+") as file:
        file["/tracks/person"][3] += 1
    with open_cache(path) as cache, pytest.raises(ValueError) as caught:
        verified_origin(cache)
    assert f"{path}: content: expected sha256 " in str(caught.value) and "dvc repro" in str(caught.value)


@pytest.mark.parametrize("age", [age_to_version_1, age_to_version_2])
def test_an_older_file_is_known_by_the_same_digest(tmp_path: Path, age) -> None:
    path = age(write_cache(tmp_path / "train.h5", "edges"))
    with open_cache(path) as cache:
        assert cache.origin is None
        assert verified_origin(cache) == Origin(digest_with_h5py(path))


def test_a_file_is_verified_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = settle(write_cache(tmp_path / "train.h5"))
    beside = tmp_path / ".train.h5.verified"
    with open_cache(path) as cache:
        origin = verified_origin(cache)
        # The change of its times is too fresh to be trusted.
        assert not beside.exists()
        state = path.stat()
        beside.write_text(
            json.dumps({"state": [state.st_size, state.st_mtime_ns, state.st_ctime_ns], "content": origin.content})
        )
        caplog.clear()
        assert verified_origin(cache) == origin
        assert not caplog.records
        for wrong in ("", "{", "[]", '{"state": null, "content": 1}', "x" * 5000):
            beside.write_text(wrong)
            assert verified_origin(cache) == origin
        assert len(caplog.records) == 5


def test_what_settled_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_cache(tmp_path / "train.h5")
    later = path.stat().st_ctime_ns + 3 * 10**9
    monkeypatch.setattr("data_cache.contract.verified_content.time.time_ns", lambda: later)
    with open_cache(path) as cache:
        origin = verified_origin(cache)
        remembered = json.loads((tmp_path / ".train.h5.verified").read_text())
        state = path.stat()
        assert remembered == {
            "state": [state.st_size, state.st_mtime_ns, state.st_ctime_ns],
            "content": origin.content,
        }
    write_cache(path, seed=1)
    with open_cache(path) as cache:
        assert verified_origin(cache) != origin

"""The split file says what the split is; whatever else stands in it is refused by name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_cache.contract import split_file
from data_cache.contract.records import Role, SplitIndex, Tracks
from data_cache.contract.split_file import (
    FrameListing,
    read_frame_listing,
    read_frames,
    read_split_file,
    write_frame_listing,
    write_split_file,
)
from pipeline.__main__ import main
from pipeline.datasets.split_index import read_split
from tests.factories import random_index, write_cache
from tests.pipeline.datasets.trees import TRAIN, build_tree


def assert_same(found: SplitIndex, expected: SplitIndex) -> None:
    assert (found.dataset, found.split, found.paths) == (expected.dataset, expected.split, expected.paths)
    for name, column in expected.tracks.columns().items():
        values = getattr(found.tracks, name)
        assert values.dtype == column.dtype
        np.testing.assert_array_equal(values, column)


def with_roles(index: SplitIndex) -> SplitIndex:
    roles = np.array([Role.QUERY, Role.GALLERY, Role.BOTH] * 3, np.uint8)[: len(index.tracks)]
    tracks = Tracks(**{**index.tracks.columns(), "role": roles})
    return SplitIndex(index.dataset, index.split, ("Straße/日本.jpg", *index.paths[1:]), tracks)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    index = with_roles(random_index(3))
    write_split_file(tmp_path / "a.json", index)
    write_split_file(tmp_path / "b.json", index)
    assert_same(read_split_file(tmp_path / "a.json"), index)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_the_file_is_what_its_description_says(tmp_path: Path) -> None:
    index = with_roles(random_index(3))
    write_split_file(tmp_path / "a.json", index)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert list(content) == ["format", "version", "dataset", "split", "paths", "tracks"]
    assert (content["format"], content["version"]) == ("star-reid.split", 1)
    assert content["paths"] == list(index.paths)
    tracks = index.tracks
    assert content["tracks"] == [
        [tracks.person[n], tracks.camera[n], tracks.modality[n], tracks.start[n], tracks.stop[n], tracks.role[n]]
        for n in range(len(tracks))
    ]


@pytest.mark.parametrize("tracks", [0, 7])
def test_a_cache_file_of_the_split_does_as_well(tmp_path: Path, tracks: int) -> None:
    index = random_index(3, tracks=tracks)
    write_split_file(tmp_path / "a.json", index)
    write_cache(tmp_path / "k.h5", index=index)
    write_cache(tmp_path / "e.h5", "edges", index=index)
    for name in ("a.json", "k.h5", "e.h5"):
        assert_same(read_frames(tmp_path / name), index)


def test_the_index_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = build_tree(tmp_path / "tree")
    file = tmp_path / "new" / "train.json"
    command = ["index", "--root", str(tree.root), "--split", "train", "--frames-out", str(file)]
    assert main([*command, "--dataset", "walkers"]) == 0
    assert_same(read_frames(file), read_split(tree.root, "walkers", "train"))
    assert len(read_frames(file).tracks) == len(TRAIN)
    plain = capsys.readouterr().out
    assert "frames in tracks" in plain and "first_path" not in plain, "the summary only"
    assert main(command) == 0
    assert read_frames(file).dataset == "tree", "the folder's name where none is given"
    assert capsys.readouterr().out == plain
    assert main([*command, "--dataset", "a/b"]) == 1
    assert "expected a name without '/'" in capsys.readouterr().err


def change(key: str, value: object) -> Callable[[dict[str, Any]], Any]:
    return lambda content: {**content, key: value}


def change_track(column: int, value: object) -> Callable[[dict[str, Any]], Any]:
    def apply(content: dict[str, Any]) -> dict[str, Any]:
        content["tracks"][2][column] = value
        return content

    return apply


BROKEN = {
    "list": (lambda content: [content], "expected the keys format, version"),
    "nothing": (lambda content: {}, "found nothing"),
    "key missing": (lambda content: {key: content[key] for key in content if key != "tracks"}, "the keys format"),
    "another format": (change("format", "star-reid.marks"), "format: expected 'star-reid.split', found"),
    "newer": (change("version", 3), "version: expected 1 to 2, found 3"),
    "version as truth": (change("version", True), "version: expected 1 to 2, found True"),
    "dataset": (change("dataset", 5), "dataset: expected text, found int"),
    "dataset with a slash": (change("dataset", "../x"), "SplitIndex.dataset"),
    "split": (change("split", "val"), "SplitIndex.split: expected train or test"),
    "paths": (change("paths", [1]), "paths: expected a list of paths"),
    "path out of the root": (change("paths", ["../a.jpg"] * 60), "SplitIndex.paths[0]"),
    "too few paths": (change("paths", ["a.jpg"]), "SplitIndex.tracks"),
    "tracks": (change("tracks", {}), "tracks: expected a list, found dict"),
    "row": (change("tracks", [[1, 2]]), "tracks[0]: expected the whole numbers person, camera"),
    "half": (change_track(0, 1.5), "tracks[2]: expected the whole numbers"),
    "huge": (change_track(0, 1 << 62), "tracks[2]: expected the whole numbers"),
    "endless": (change_track(0, 10**30), "expected whole numbers of 64 bits, got 1000"),
    "truth": (change_track(0, True), "tracks[2]: expected the whole numbers"),
    "camera": (change_track(1, 40_000), "tracks[2]: expected camera within -32768 to 32767, found 40000"),
    "modality": (change_track(2, 3), "Tracks.modality"),
    "role": (change_track(5, 3), "Tracks.role"),
    "negative": (change_track(2, -1), "modality within 0 to 255"),
    "overlap": (change_track(3, 0), "expected every frame in at most one track"),
}


@pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN)
def test_everything_else_is_refused(tmp_path: Path, spoil: Callable[[Any], Any], message: str) -> None:
    path = tmp_path / "a.json"
    write_split_file(path, random_index(3, tracks=5))
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=r"a\.json: .*star index --root DIR") as caught:
        read_frames(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [b"", b'{"format"', b"\xff", b"[" * 100_000, b"\x89PNG"])
def test_what_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.json: file: expected whole JSON, found none"):
        read_frames(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate((1 << 28) + 1)
    with pytest.raises(ValueError, match="expected at most 256 MiB, found more"):
        read_frames(path)


def random_listing(seed: int = 3, missing: tuple[int, ...] = (1, 5)) -> FrameListing:
    index = with_roles(random_index(seed))
    random = np.random.default_rng(seed)
    rows = range(len(index.paths))
    sizes = tuple(None if row in missing else int(random.integers(0, 1 << 40)) for row in rows)
    sha256 = tuple(None if row in missing else random.bytes(32).hex() for row in rows)
    return FrameListing(index, sizes, sha256)


@pytest.mark.parametrize("piece", [3, 4096])
def test_a_listing_is_read_as_it_was_written(tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_file, "_PIECE", piece)
    listing = random_listing()
    assert write_frame_listing(tmp_path / "a.json", listing)
    found = read_frame_listing(tmp_path / "a.json")
    assert_same(found.index, listing.index)
    assert (found.sizes, found.sha256, found.missing) == (listing.sizes, listing.sha256, 2)
    assert_same(read_frames(tmp_path / "a.json"), listing.index)
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert list(content) == ["format", "version", "dataset", "split", "paths", "sizes", "sha256", "tracks"]
    assert (content["version"], content["sizes"], content["sha256"]) == (2, [*listing.sizes], [*listing.sha256])


def test_a_listing_is_written_only_where_its_bytes_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert write_frame_listing(path, random_listing())
    whole = path.read_bytes()
    os.utime(path, ns=(5, 5))
    assert not write_frame_listing(path, random_listing())
    assert path.stat().st_mtime_ns == 5
    for other in (whole[:-1], whole + b"\n", whole.replace(b"sizes", b"seizs"), b""):
        path.write_bytes(other)
        assert write_frame_listing(path, random_listing())
        assert path.read_bytes() == whole
    assert write_frame_listing(path, random_listing(missing=(1,)))


def test_an_empty_listing(tmp_path: Path) -> None:
    index = random_index(3, tracks=0)
    empty = SplitIndex(index.dataset, index.split, (), index.tracks)
    write_frame_listing(tmp_path / "a.json", FrameListing(empty, (), ()))
    assert read_frame_listing(tmp_path / "a.json").sizes == ()


def change_row(key: str, value: object) -> Callable[[dict[str, Any]], Any]:
    def apply(content: dict[str, Any]) -> dict[str, Any]:
        content[key][2] = value
        return content

    return apply


BROKEN_LISTINGS = {
    "no digests": (change("version", 1), "version: expected 2, with sizes and digests of frames, found 1"),
    "no list": (change("sha256", "abc"), "sha256: expected a list, found str"),
    "key missing": (
        lambda content: {k: v for k, v in content.items() if k != "sizes"},
        "sizes: expected a list, found",
    ),
    "too short": (change("sizes", [5]), "sizes: expected one for each of"),
    "negative": (change_row("sizes", -1), "sizes[2]: expected a number of bytes, or null in both lists, found -1"),
    "truth": (change_row("sizes", True), "sizes[2]: expected a number of bytes"),
    "half": (change_row("sizes", 1.5), "sizes[2]: expected a number of bytes"),
    "one null": (change_row("sizes", None), "sizes[2]: expected a number of bytes, or null in both lists, found None"),
    "other null": (change_row("sha256", None), "sha256[2]: expected 64 hexadecimal digits, or null in both lists"),
    "short digest": (change_row("sha256", "ab"), "sha256[2]: expected 64 hexadecimal digits"),
    "capitals": (change_row("sha256", "A" * 64), "sha256[2]: expected 64 hexadecimal digits"),
    "line feed": (change_row("sha256", "a" * 64 + "\n"), "sha256[2]: expected 64 hexadecimal digits"),
    "number": (change_row("sha256", 7), "sha256[2]: expected 64 hexadecimal digits"),
}


@pytest.mark.parametrize(("spoil", "message"), BROKEN_LISTINGS.values(), ids=BROKEN_LISTINGS)
def test_what_is_no_listing_is_refused(tmp_path: Path, spoil: Callable[[Any], Any], message: str) -> None:
    path = tmp_path / "a.json"
    write_frame_listing(path, random_listing())
    path.write_text(json.dumps(spoil(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=r"a\.json: .*; list the frames again with `star frames --root") as caught:
        read_frame_listing(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)

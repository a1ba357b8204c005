"""features.h5: what is written comes back, the same bytes every time; what is not ours is refused in one line."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from data_cache.files.published_file import publish_files
from model.evaluation.feature_file import read_features, write_features
from model.evaluation.results import track_counts
from model.retrieval.ranking import TrackFeatures

INFRARED, VISIBLE, CHANNELS = 5, 7, 11
RECIPE = {"protocol": {"frames": 3}}


def random_features(tracks: int, seed: int, channels: int = CHANNELS) -> TrackFeatures:
    random = np.random.default_rng(seed)
    features = random.normal(size=(tracks, channels))
    return TrackFeatures(
        (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32),
        random.integers(1, 937, tracks).astype(np.int32),
        random.integers(1, 13, tracks).astype(np.int16),
        random.permutation(tracks * 3)[:tracks],
        random.integers(0, 3, tracks).astype(np.uint8),
    )


def write(path: Path, infrared: TrackFeatures, visible: TrackFeatures, recipe: dict[str, Any] | None = None) -> Path:
    with publish_files(path) as (file,):
        write_features(file, infrared, visible, recipe or RECIPE)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "features.h5", random_features(INFRARED, 1), random_features(VISIBLE, 2))


def test_what_is_written_comes_back(path: Path) -> None:
    for found, expected in zip(
        read_features(path), (random_features(INFRARED, 1), random_features(VISIBLE, 2)), strict=True
    ):
        for name in ("features", "person", "camera", "track", "role"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    with h5py.File(path) as file:
        assert file["infrared/features"].dtype == np.float32
        assert file["visible/features"].shape == (VISIBLE, CHANNELS)
        said = json.loads(file.attrs["recipe"])
    assert said == {**RECIPE, "features": digest_by_hand(path)}


def digest_by_hand(path: Path) -> str:
    """sha256 over one line for each array, in the order of the names: name, dtype, shape, and sha256 of the values."""
    lines = []
    with h5py.File(path) as file:
        for group in ("infrared", "visible"):
            for name in sorted(file[group]):
                values = file[group][name][()]
                kept = values.astype("<f4" if name == "features" else "|u1" if name == "role" else "<i8")
                kept = kept.astype("<i8") if name == "role" else kept
                shape = ",".join(map(str, kept.shape))
                digest = hashlib.sha256(kept.tobytes()).hexdigest()
                lines.append(f"/{group}/{name} {kept.dtype.str} {shape} {digest}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_value_that_was_not_written_is_noticed(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["infrared/camera"][0] += 1
    with pytest.raises(ValueError, match=r"features\.h5: content: expected the digest of its recipe, found another"):
        read_features(path)


def test_a_file_of_version_1_is_read_all_its_tracks_query_and_gallery(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for group in ("infrared", "visible"):
            del file[f"{group}/role"]
        file.attrs.modify("version", np.int32(1))
    infrared, visible = read_features(path)
    assert (infrared.role.tolist(), visible.role.tolist()) == ([0] * INFRARED, [0] * VISIBLE)
    for found, seed in ((infrared, 1), (visible, 2)):
        np.testing.assert_array_equal(found.features, random_features(len(found), seed).features)


@pytest.mark.parametrize("name", ["tracks", "persons", "ranked"])
def test_counts_that_the_rows_contradict_are_refused(tmp_path: Path, name: str) -> None:
    sides = random_features(INFRARED, 1), random_features(VISIBLE, 2)
    counts = track_counts(*sides)
    read_features(write(tmp_path / "good.h5", *sides, {"protocol": counts}))
    side = next(iter(counts[name]))
    changed = {**counts[name], side: 9}
    path = write(tmp_path / "features.h5", *sides, {"protocol": {**counts, name: changed}})
    with pytest.raises(ValueError, match=rf"features\.h5: attribute recipe: expected {name} as in its rows"):
        read_features(path)


def test_the_same_features_give_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again.h5", random_features(INFRARED, 1), random_features(VISIBLE, 2))
    assert again.read_bytes() == path.read_bytes()


def test_an_error_leaves_the_older_file(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ValueError, match="recipe: expected numbers, text, lists and mappings"):
        write(path, random_features(3, 5), random_features(3, 7), {"loss": float("nan")})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["features.h5"]


def test_a_full_disk_leaves_the_older_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="the disk is full"):
        write(path, random_features(3, 5), random_features(3, 7))
    assert path.read_bytes() == before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.h5: no such features file; make it with star eval"):
        read_features(tmp_path / "none.h5")


@pytest.mark.parametrize("cut", [0, 7, 100, -1000, -1])
def test_a_truncated_file_is_refused(path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"features\.h5: .*expected .*dvc repro"):
        read_features(path)


def test_a_flipped_bit_in_the_data_is_refused(path: Path) -> None:
    with h5py.File(path) as file:
        place = file["visible/features"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 50] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"/visible/features: expected intact HDF5, found damage"):
        read_features(path)


def replaced(name: str, values: Any) -> Callable[[h5py.File], None]:
    """Put other values in the place of a dataset, with its attributes."""

    def edit(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        dims = file[name].attrs.get_id("dims").dtype
        del file[name]
        file[name] = values
        file[name].attrs.create("dims", attributes["dims"], dtype=dims)

    return edit


def linked(file: h5py.File) -> None:
    del file["infrared/features"]
    file["infrared/features"] = h5py.ExternalLink("/etc/other.h5", "/x")


LONG = np.full((VISIBLE, CHANNELS), 2, np.float32)
EDITS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "newer": (
        lambda f: f.attrs.modify("version", np.int32(4)),
        "attribute version: expected version 1 to 3, found the newer version 4; update this program",
    ),
    "foreign": (
        lambda f: f.attrs.__delitem__("format"),
        "attribute format: expected 'star-reid.features', found 'none'",
    ),
    "no channels": (lambda f: f.attrs.__delitem__("channels"), "attribute channels: expected the attribute channels"),
    "other channels": (
        lambda f: f.attrs.modify("channels", np.int32(13)),
        r"expected shape (5, 13), axes (track, channel)",
    ),
    "no group": (lambda f: f.__delitem__("visible"), "/visible/features: expected a dataset, found none"),
    "no column": (lambda f: f.__delitem__("visible/camera"), "/visible/camera: expected a dataset, found none"),
    "fewer": (replaced("visible/person", np.ones(5, np.int32)), "/visible/person: expected shape (7,), axes (track)"),
    "another dtype": (
        replaced("visible/track", np.ones(7, np.int32)),
        "/visible/track: expected dtype int64, found int32",
    ),
    "no roles": (lambda f: f.__delitem__("visible/role"), "/visible/role: expected a dataset, found none"),
    "roles no enumeration": (
        replaced("visible/role", np.ones(7, np.uint8)),
        "/visible/role: expected the enumeration both 0, query 1, gallery 2, found none",
    ),
    "a link": (linked, "/infrared/features: expected a dataset in this file, found an external link"),
    "one twice": (
        replaced("visible/track", np.ones(7, np.int64)),
        "/visible: expected features of tracks, found others (T",
    ),
    "not finite": (replaced("visible/features", LONG * np.nan), "expected finite values, not all 0"),
    "another length": (replaced("visible/features", LONG), "expected features of length 1, found 6.6332 for track"),
}


@pytest.mark.parametrize("case", EDITS)
def test_what_is_not_as_written_is_refused_by_name(path: Path, case: str) -> None:
    edit, expected = EDITS[case]
    with h5py.File(path, "r+") as file:
        edit(file)
    with pytest.raises(ValueError) as caught:
        read_features(path)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5 at all")
    with pytest.raises(ValueError, match="expected an HDF5 file of this project, found another kind of file"):
        read_features(tmp_path / "text.h5")

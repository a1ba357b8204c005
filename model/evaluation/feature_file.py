"""`features.h5`: what the ranking was made from, one row a track, in two groups.

/infrared, /visible:  features (track, channel) float32 of length 1; person, camera, track, role (track,) integers
root attributes:      format, version, channels, recipe (the provenance that stands in metrics.json, as JSON; its
                      `features` is the digest of both groups)

The same input gives the same bytes. Read it with `read_features`, which takes nothing on trust.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from command_line.json_data import parse_json
from data_cache.contract.hdf5_checks import (
    Refused,
    hdf5_errors,
    read_integer,
    read_text,
    refusal,
    verify_dataset,
    verify_version,
)
from data_cache.contract.hdf5_layout import create_dataset, set_texts
from data_cache.contract.schema import INDEX_ARRAYS, ArraySpec
from data_cache.contract.writer import LIBRARY_VERSIONS, canonical_recipe
from data_cache.files.partial_file import hdf5_step
from model.evaluation.results import track_counts
from model.retrieval.ranking import TrackFeatures, features_digest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from data_cache.files.partial_file import PartialFile

FORMAT = "star-reid.features"
# 1: first layout; 2: role, which is `BOTH` where a file of version 1 has none; 3: digest of the content, metadata with
# checksums
VERSION = 3
DIGEST_SINCE = 3
FIRST_VERSION = 1  # the oldest that is read
GROUPS = ("infrared", "visible")
ROLES = next(spec.enum for spec in INDEX_ARRAYS if spec.name == "/tracks/role")
_LENGTH_ERROR = 1e-4  # of a feature whose length is 1, in float32


@dataclass(frozen=True)
class TrackArray(ArraySpec):
    """A dataset with one row a track; `channels` is the length of its second axis, if it has one."""

    channels: int = 0

    @property
    def tail(self) -> tuple[int, ...]:
        """Lengths of all axes but the first."""
        return (self.channels,) * (len(self.dims) - 1)


def track_arrays(group: str, channels: int, version: int = VERSION) -> dict[str, TrackArray]:
    """The datasets of a group in files of `version`, by the names that they have in `TrackFeatures`."""

    def spec(name: str, dtype: str, description: str, *axes: str) -> TrackArray:
        return TrackArray(f"/{group}/{name}", ("track", *axes), dtype, "1", description, channels=channels)

    arrays = {
        "features": spec("features", "<f4", "clip feature after the neck, of length 1", "channel"),
        "person": spec("person", "<i4", "person number of the data set"),
        "camera": spec("camera", "<i2", "camera number of the data set"),
        "track": spec("track", "<i8", "row of /tracks in the cache"),
        "role": replace(spec("role", "|u1", "part in the test"), enum=ROLES, since=2),
    }
    return {name: array for name, array in arrays.items() if array.since <= version}


def write_features(
    file: PartialFile, infrared: TrackFeatures, visible: TrackFeatures, recipe: Mapping[str, Any]
) -> None:
    """Write both groups into `file`, which `publish_files` gave. Raises OSError with a remedy, as `file.check` does."""
    text = canonical_recipe({**recipe, "features": features_digest(infrared, visible)})
    with hdf5_step(file), h5py.File(file, "w", libver=LIBRARY_VERSIONS) as content:
        channels = infrared.features.shape[1]
        content.attrs.create("version", VERSION, dtype="<i4")
        content.attrs.create("channels", channels, dtype="<i4")
        set_texts(content, format=FORMAT, recipe=text)
        for group, tracks in zip(GROUPS, (infrared, visible), strict=True):
            content.create_group(group)
            for name, spec in track_arrays(group, channels).items():
                values = getattr(tracks, name).astype(spec.dtype, casting="same_kind")
                create_dataset(content, spec, values.shape, values)


def read_features(path: Path) -> tuple[TrackFeatures, TrackFeatures]:
    """The infrared and the visible tracks of the features file `path`.

    Raises FileNotFoundError where there is none; ValueError naming file, key, what was expected and found, and a
    remedy, for a file that is damaged, foreign, of another version, whose features are not finite and of length 1, or
    that holds other tracks and persons than its recipe counts.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such features file; make it with star evaluate")
    with hdf5_errors(path, "file"):
        if not h5py.is_hdf5(path):
            raise Refused("an HDF5 file of this project", "another kind of file")
        file = h5py.File(path, "r", locking=False)
    try:
        version, channels = _verify_format(file, path)
        infrared, visible = (_read_group(file, path, track_arrays(group, channels, version)) for group in GROUPS)
        recipe = _read_recipe(file, path)
        _verify_counts(path, recipe, infrared, visible)
        if version >= DIGEST_SINCE and recipe.get("features") != features_digest(infrared, visible):
            raise refusal(path, "content", "the digest of its recipe", "another", "evaluate the run again")
    finally:
        with suppress(OSError, RuntimeError):
            file.close()
    return infrared, visible


def is_features_file(path: Path) -> bool:
    """Whether an HDF5 file says that it is one of features; what is wrong with it the readers say."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            return bool(file.attrs.get("format") == FORMAT.encode())
    except (OSError, RuntimeError, KeyError):
        return False


def read_provenance(path: Path) -> dict[str, Any]:
    """What the features in `path` were made from, as in metrics.json. Raises ValueError for damage, or another file."""
    with hdf5_errors(path, "file"):
        file = h5py.File(path, "r", locking=False)
    with file:
        _verify_format(file, path)
        return _read_recipe(file, path)


def _verify_format(file: h5py.File, path: Path) -> tuple[int, int]:
    """The file's version and its number of channels."""
    with hdf5_errors(path, "attribute format"):
        found = read_text(file, "format") if "format" in file.attrs else "none"
        if found != FORMAT:
            raise Refused(repr(FORMAT), repr(found), "name the features.h5 of an evaluation")
    with hdf5_errors(path, "attribute version"):
        version = verify_version(read_integer(file, "version"), FIRST_VERSION, VERSION)
    with hdf5_errors(path, "attribute channels"):
        return version, read_integer(file, "channels")


def _read_recipe(file: h5py.File, path: Path) -> dict[str, Any]:
    with hdf5_errors(path, "attribute recipe"):
        try:
            recipe = parse_json(read_text(file, "recipe"))
        except ValueError as error:
            raise Refused("JSON", f"something else ({error})") from None
        if not isinstance(recipe, dict) or not isinstance(recipe.get("protocol", {}), dict):
            raise Refused("the provenance of an evaluation", "something else")
        return recipe


def _verify_counts(path: Path, recipe: Mapping[str, Any], infrared: TrackFeatures, visible: TrackFeatures) -> None:
    """The tracks and persons that the recipe's protocol counts are those that the file holds."""
    protocol = recipe.get("protocol", {})
    with hdf5_errors(path, "attribute recipe"):
        held = track_counts(infrared, visible)
        for name in ("tracks", "persons", "ranked"):
            if name in protocol and protocol[name] != held.get(name):
                said = f"{protocol[name]!r:.80}"
                raise Refused(f"{name} as in its rows, {held.get(name)}", said, "evaluate the run again")


def _read_group(file: h5py.File, path: Path, arrays: Mapping[str, TrackArray]) -> TrackFeatures:
    lengths: dict[str, int] = {}
    columns = {}
    for name, spec in arrays.items():
        with hdf5_errors(path, spec.name):
            columns[name] = verify_dataset(file, spec, lengths, path.stat().st_size)[...].view(spec.dtype)
    group = arrays["features"].name.split("/")[1]
    try:
        tracks = TrackFeatures(**columns)
    except ValueError as error:
        raise refusal(path, f"/{group}", "features of tracks", f"others ({error})") from None
    length = np.linalg.norm(tracks.features, axis=1)
    worst = int(np.abs(length - 1).argmax())
    if abs(length[worst] - 1) > _LENGTH_ERROR:
        found = f"{length[worst]:.4f} for track {tracks.track[worst]}"
        raise refusal(path, f"/{group}/features", "features of length 1", found)
    return tracks

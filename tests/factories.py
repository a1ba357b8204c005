"""Small random records and cache files with distinct prime sizes, so that swapped axes cannot pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.hdf5_layout import create_dataset
from data_cache.contract.records import FrameKeypoints, Modality, Role, SplitIndex, Status, Tracks
from data_cache.contract.schema import find_format
from data_cache.contract.skeleton import PARTS, limb_indices, part_mask
from data_cache.contract.writer import CacheWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

PERSONS, CAMERAS, TRACKS, ORPHANS, JOINTS = 3, 5, 7, 2, 17
RECIPE = {"code": 1, "estimator": {"name": "random", "weights_sha256": "0" * 64}}


def random_index(
    seed: int = 0, *, tracks: int = TRACKS, orphans: int = ORPHANS, dataset: str = "sample", split: str = "train"
) -> SplitIndex:
    """Tracks of 2 to 11 frames and any role that tile the frames, in shuffled order, and frames without a track."""
    random = np.random.default_rng(seed)
    stop = np.cumsum(random.integers(2, 12, tracks))
    start = np.concatenate([[0], stop[:-1]])
    order = random.permutation(tracks)
    table = Tracks(
        person=random.integers(1, PERSONS + 1, tracks).astype(np.int32),
        camera=random.integers(1, CAMERAS + 1, tracks).astype(np.int16),
        modality=random.choice([int(kind) for kind in Modality], tracks).astype(np.uint8),
        start=start[order].astype(np.int64),
        stop=stop[order].astype(np.int64),
        role=random.choice([int(role) for role in Role], tracks).astype(np.uint8),
    )
    paths = [""] * int(stop[-1] if tracks else 0)
    for row in range(tracks):
        modality = "ir" if table.modality[row] == Modality.INFRARED else "rgb"
        folder = f"{split.title()}/{table.person[row]:04d}/{modality}/D{table.camera[row]}"
        for place in range(int(table.start[row]), int(table.stop[row])):
            paths[place] = f"{folder}/{place + 1}.jpg"
    paths += [f"{split.title()}/{PERSONS + 1:04d}/rgb/D1/{number + 1}.jpg" for number in range(orphans)]
    return SplitIndex(dataset, split, tuple(paths), table)


def random_status(frames: int, seed: int = 0) -> NDArray[np.uint8]:
    """A status for each frame, about one in five not ok; every kind occurs if there are three frames or more."""
    random = np.random.default_rng(seed)
    status = random.choice([int(kind) for kind in Status], frames, p=[0.8, 0.1, 0.1]).astype(np.uint8)
    status[: len(Status)] = [int(kind) for kind in Status][:frames]
    return status


def random_keypoints(frames: int, seed: int = 0, status: NDArray[np.uint8] | None = None) -> FrameKeypoints:
    """Keypoints within frames of about 53 × 23 pixels, with scores, for a random or given status."""
    random = np.random.default_rng(seed)
    status = random_status(frames, seed) if status is None else status
    size = np.stack([random.integers(47, 60, frames), random.integers(19, 30, frames)], 1).astype(np.int32)
    keypoints = (random.random((frames, JOINTS, 2)) * size[:, None, ::-1]).astype(np.float32)
    score = random.random((frames, JOINTS)).astype(np.float32)
    bad = status != Status.OK
    keypoints[bad], score[bad], size[bad] = np.nan, np.nan, 0
    return FrameKeypoints(keypoints, score, size, status)


def random_content(kind: str, status: NDArray[np.uint8], seed: int = 0) -> dict[str, NDArray[Any]]:
    """Every per-frame array of a kind of file, absolute name → values that agree with the status."""
    random = np.random.default_rng(seed)
    if kind == "keypoints":
        rows = random_keypoints(len(status), seed, status)
        return {"/frames/keypoints": rows.keypoints, "/frames/score": rows.score, "/frames/size": rows.size}
    content: dict[str, NDArray[Any]] = {}
    for spec in find_format(kind).per_frame:
        values = random.random((len(status), *spec.tail))
        values[status != Status.OK] = 0
        content[spec.name] = values > 0.5 if spec.dtype == "|b1" else values.astype(spec.dtype)
    return content


def write_cache(
    path: Path,
    kind: str = "keypoints",
    *,
    index: SplitIndex | None = None,
    recipe: Mapping[str, Any] = RECIPE,
    seed: int = 0,
) -> Path:
    """Write a whole random file of a kind and return its path."""
    index = random_index(seed) if index is None else index
    status = random_status(len(index.paths), seed)
    with CacheWriter(path, kind, index, recipe, status=status) as writer:
        writer.append(random_content(kind, status, seed))
        if kind == "graphs":
            put_graph(writer)
    return path


def age_to_version_1(path: Path) -> Path:
    """Take out of a file what version 1 did not have, and call it that; return its path."""
    with h5py.File(path, "r+") as file:
        del file["/tracks/role"], file.attrs["origin"]
        file.attrs.modify("version", np.int32(1))
    return path


def age_to_version_2(path: Path) -> Path:
    """Write a file anew as version 2 had it: no origin, in the format of HDF5 1.8; return its path."""
    old = path.with_name("old.h5")
    with h5py.File(path) as file, h5py.File(old, "w", libver=("v108", "v108")) as aged:
        for group in file:
            _copy_attributes(file[group], aged.create_group(group))
        for spec in find_format(file.attrs["format"].decode().partition(".")[2]).arrays:
            create_dataset(aged, spec, file[spec.name].shape, file[spec.name][()])
        _copy_attributes(file, aged)
        del aged.attrs["origin"]
        aged.attrs.modify("version", np.int32(2))
    return old.replace(path)


def _copy_attributes(old: h5py.Group, new: h5py.Group) -> None:
    for name in old.attrs:
        new.attrs.create(name, old.attrs[name], dtype=old.attrs.get_id(name).dtype)


def put_graph(writer: CacheWriter) -> None:
    """Write the fixed arrays of a graphs file."""
    limbs = limb_indices()
    writer.put("/graph/spatial_edges", np.concatenate([limbs, limbs[:, ::-1]]).T.copy())
    writer.put("/graph/parts", part_mask())
    writer.put("/graph/part_names", tuple(PARTS))

"""A SLEAP analysis file from a keypoints file, for SLEAP, sleap-io and movement.

Layout: https://sleap.ai, "Export Analysis HDF5", axes as SLEAP stores them for MATLAB (tracks: (track, xy, node,
frame)). Such a file is of one video. A split is thousands of short ones, and an array of all tracks times all frames
would be beyond every memory; so the video is the split's frames one after another, in the order of /frames, with one
skeleton in each and no track (SLEAP's own form where there is one animal), or, of one track, its frames. The group
`frames`, which SLEAP does not look at, says which frame is which: `path`, `track` (row of /tracks), `size`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.hdf5_layout import encode_texts
from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import JOINTS, LIMBS, MIRROR, limb_indices
from data_cache.exchange.exports.exported_frames import ExportSummary, chosen_ranges, read_blocks, track_name
from data_cache.exchange.exports.published_hdf5 import publish_hdf5

if TYPE_CHECKING:
    from data_cache.contract.reader import CacheReader
    from data_cache.exchange.exports.exported_frames import ExportRequest, SkeletonBlock

CHUNK_FRAMES = 1024
# name → axes, dtype, what is there for a frame without keypoints
ARRAYS: dict[str, tuple[tuple[str, ...], str, float]] = {
    "tracks": (("track", "xy", "node", "frame"), "<f4", np.nan),
    "track_occupancy": (("frame", "track"), "|u1", 0),
    "point_scores": (("track", "node", "frame"), "<f4", np.nan),
    "instance_scores": (("track", "frame"), "<f4", np.nan),
    "tracking_scores": (("track", "frame"), "<f4", np.nan),
}


def export_sleap(request: ExportRequest) -> ExportSummary:
    """Write the analysis file `request.out`, whole or not at all; memory does not grow with the skeletons.

    Raises ValueError for a file that is not an intact keypoints file and for more than one track; OSError where the
    file cannot be written.
    """
    if len(request.tracks) > 1:
        raise ValueError(
            f"--track: expected one at most, as a SLEAP analysis file is of one video, got {len(request.tracks)};"
            " export one file a track"
        )
    with open_cache(request.source, "keypoints") as reader:
        (rows,) = chosen_ranges(reader, request)
        owners = reader.index().track[rows.start : rows.stop]

        def lay_out(file: h5py.File) -> None:
            _write_names(file, reader, request)
            _write_frames(file, reader, rows, owners)
            _create_arrays(file, len(rows))

        with publish_hdf5(request.out, lay_out) as output:
            frames = 0
            for block in read_blocks(reader, [rows]):
                with output.step():
                    _write_block(output.file, block, block.rows.start - rows.start)
                frames += int(block.ok.sum())
    return ExportSummary((request.out,), frames, len(rows) - frames)


def _write_names(file: h5py.File, reader: CacheReader, request: ExportRequest) -> None:
    names = [track_name(reader.tracks, number) for number in request.tracks]
    provenance = {"dataset": reader.dataset, "split": reader.split, "recipe": reader.recipe}
    symmetries = [[joint, other] for joint, other in MIRROR.items() if joint < other]
    contents: dict[str, Any] = {
        "track_names": encode_texts(names),
        "node_names": encode_texts(JOINTS),
        "edge_names": np.array(LIMBS, "S"),
        "edge_inds": limb_indices(),
        "labels_path": request.source.name,
        "video_path": f"{reader.dataset}/{reader.split}",
        "video_ind": 0,
        "provenance": json.dumps(provenance),
    }
    for name, values in contents.items():
        file.create_dataset(name, data=values, track_times=False)
    texts = {"preset": "matlab", "format": "analysis", "skeleton_name": "person"}
    for name, text in {**texts, "skeleton_symmetries": json.dumps(symmetries)}.items():
        file.attrs[name] = text


def _write_frames(file: h5py.File, reader: CacheReader, rows: range, owners: np.ndarray[Any, Any]) -> None:
    paths = encode_texts(reader.paths[rows.start : rows.stop])
    size = reader.read("size", rows.start, rows.stop)
    for name, values in (("path", paths), ("track", owners), ("size", size)):
        packing: dict[str, Any] = {"compression": "gzip", "shuffle": True} if len(rows) else {}
        file.create_dataset(f"frames/{name}", data=values, track_times=False, **packing)


def _create_arrays(file: h5py.File, frames: int) -> None:
    lengths = {"track": 1, "xy": 2, "node": len(JOINTS), "frame": frames}
    for name, (dims, dtype, blank) in ARRAYS.items():
        shape = tuple(lengths[axis] for axis in dims)
        packing: dict[str, Any] = {}
        if frames:
            chunks = tuple(min(length, CHUNK_FRAMES) for length in shape)
            packing = {"chunks": chunks, "compression": "gzip", "shuffle": True}
        dataset = file.create_dataset(name, shape, dtype, fillvalue=blank, track_times=False, **packing)
        dataset.attrs["dims"] = json.dumps(dims)


def _write_block(file: h5py.File, block: SkeletonBlock, start: int) -> None:
    stop = start + len(block.rows)
    file["tracks"][0, :, :, start:stop] = block.keypoints.transpose(2, 1, 0)
    file["point_scores"][0, :, start:stop] = block.score.T
    file["instance_scores"][0, start:stop] = block.score.mean(axis=1, dtype=np.float64)
    file["track_occupancy"][start:stop, 0] = block.ok

"""A poses data set of movement from a keypoints file, as netCDF-3 that xarray opens without another library.

`position` (time, space, keypoints, individuals), `confidence` (time, keypoints, individuals), coordinates of the same
names, attributes `ds_type`, `source_software`, `time_unit` (and `fps`): movement's data set of poses
(https://movement.neuroinformatics.dev). An individual is a track and time counts the frames of the track, so velocities
and filters along time never cross from one track into the next. Tracks shorter than the longest end in NaN; frames
without keypoints are NaN. Further variables along `individuals` say what else is known of a track; they are no
coordinates, as movement's functions refuse arrays with other coordinates than these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.hdf5_layout import encode_texts
from data_cache.contract.reader import open_cache
from data_cache.contract.skeleton import JOINTS
from data_cache.contract.writer import canonical_recipe
from data_cache.exchange.exports.exported_frames import (
    ExportSummary,
    chosen_tracks,
    count_trackless,
    read_skeletons,
    track_name,
    track_rows,
)
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader
    from data_cache.exchange.exports.exported_frames import ExportRequest
    from data_cache.files.partial_file import PartialFile

MAX_BYTES = 1 << 31
_JOINT_BYTES = 12  # x, y, confidence
_DIMS = ("time", "space", "keypoints", "individuals")


def export_movement(request: ExportRequest) -> ExportSummary:
    """Write the netCDF file `request.out`, whole or not at all; it is made in memory.

    Raises ValueError for a file that is not an intact keypoints file, has no tracks, or would take more than 2 GiB;
    OSError where the netCDF file cannot be written.
    """
    from scipy.io import netcdf_file  # loaded only where it is needed

    with open_cache(request.source, "keypoints") as reader, publish_files(request.out) as (partial,):
        numbers = chosen_tracks(reader, request)
        longest = _longest(reader, numbers)
        netcdf = netcdf_file(_NeverClosed(partial), "w", version=2)  # 64-bit offsets
        _write_texts(netcdf, reader, request)
        _write_coordinates(netcdf, reader, numbers, longest, request.fps)
        position = netcdf.createVariable("position", "f4", _DIMS).data
        confidence = netcdf.createVariable("confidence", "f4", (_DIMS[0], *_DIMS[2:])).data
        position[...], confidence[...] = np.nan, np.nan
        frames = 0
        for place, number in enumerate(numbers):
            block = read_skeletons(reader, track_rows(reader.tracks, number))
            position[: len(block.rows), :, :, place] = block.keypoints.transpose(0, 2, 1)
            confidence[: len(block.rows), :, place] = block.score
            frames += int(block.ok.sum())
        netcdf.flush()
        total = int(reader.tracks.lengths[list(numbers)].sum())
        trackless = 0 if request.tracks else count_trackless(reader)
    return ExportSummary((request.out,), frames, total - frames, trackless)


class _NeverClosed:
    """A partial file for scipy, which closes what it writes to."""

    closed = True

    def __init__(self, partial: PartialFile) -> None:
        self.seek, self.tell, self.write, self.flush = partial.seek, partial.tell, partial.write, partial.flush


def _longest(reader: CacheReader, numbers: Sequence[int]) -> int:
    """Length of the longest track to export."""
    if not numbers:
        raise ValueError(f"{reader.path}: /tracks: expected a track, as movement's individuals are tracks, found none")
    longest = int(reader.tracks.lengths[list(numbers)].max())
    needed = longest * len(numbers) * len(JOINTS) * _JOINT_BYTES
    if needed > MAX_BYTES:
        raise ValueError(
            f"{reader.path}: {len(numbers)} tracks as long as the longest ({longest} frames): expected at most"
            f" {MAX_BYTES} bytes, got {needed}; choose tracks with --track"
        )
    return longest


def _write_texts(netcdf: Any, reader: CacheReader, request: ExportRequest) -> None:
    texts = {
        "ds_type": "poses",
        "source_software": "star-reid",
        "source_file": request.source.name,
        "time_unit": "frames" if request.fps is None else "seconds",
        "dataset": reader.dataset,
        "split": reader.split,
        "recipe": canonical_recipe(reader.recipe),
    }
    for name, text in texts.items():
        setattr(netcdf, name, text.encode())
    if request.fps is not None:
        netcdf.fps = float(request.fps)


def _write_coordinates(
    netcdf: Any, reader: CacheReader, numbers: Sequence[int], longest: int, fps: float | None
) -> None:
    tracks, chosen = reader.tracks, list(numbers)
    for name, length in zip(_DIMS, (longest, 2, len(JOINTS), len(chosen)), strict=True):
        netcdf.createDimension(name, length)
    count = np.arange(longest, dtype=np.int32)
    _write_numbers(netcdf, "time", count if fps is None else count / float(fps), "time")
    _write_names(netcdf, "space", encode_texts(("x", "y")), "space")
    _write_names(netcdf, "keypoints", encode_texts(JOINTS), "keypoints")
    _write_names(netcdf, "individuals", encode_texts([track_name(tracks, number) for number in chosen]), "individuals")
    _write_names(
        netcdf, "first_frame", encode_texts([reader.paths[row] for row in tracks.start[chosen]]), "individuals"
    )
    for name, values in (
        ("track", np.array(chosen)),
        ("person", tracks.person[chosen]),
        ("camera", tracks.camera[chosen]),
        ("modality", tracks.modality[chosen]),
        ("role", tracks.role[chosen]),
        ("frames", tracks.lengths[chosen]),
    ):
        _write_numbers(netcdf, name, values.astype(np.int32), "individuals")


def _write_numbers(netcdf: Any, name: str, values: NDArray[Any], dim: str) -> None:
    netcdf.createVariable(name, values.dtype, (dim,))[:] = values


def _write_names(netcdf: Any, name: str, texts: NDArray[np.bytes_], dim: str) -> None:
    """Write names as netCDF-3 does: characters, with an axis for their place in the name."""
    length = texts.dtype.itemsize
    netcdf.createDimension(f"{name}_length", length)
    variable = netcdf.createVariable(name, "S1", (dim, f"{name}_length"))
    variable[:] = texts.view("S1").reshape(len(texts), length)
    variable._Encoding = "utf-8"

"""NWB with poses (ndx-pose) from a keypoints file.

Format: https://github.com/rly/ndx-pose. In the processing module `behavior` stand the skeleton, one `PoseEstimation`
with a series a joint over the split's frames one after another, in the order of /frames, and the table `frames` with
their paths and sizes; the interval table `tracks` says when which track begins and ends. Frames have no clock: they are
taken `fps` a second (one, if none is given) from 1970-01-01 UTC on. pynwb and ndx-pose are needed to write it, and for
nothing else in this package.
"""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Modality, Role
from data_cache.contract.skeleton import JOINTS, limb_indices
from data_cache.contract.writer import canonical_recipe
from data_cache.exchange.exports.exported_frames import (
    ExportSummary,
    chosen_ranges,
    chosen_tracks,
    read_blocks,
    track_name,
)
from data_cache.exchange.exports.published_hdf5 import publish_hdf5

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import h5py

    from data_cache.contract.reader import CacheReader
    from data_cache.exchange.exports.exported_frames import ExportRequest, SkeletonBlock

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK_FRAMES = 2048
_SERIES = "processing/behavior/poses"


def export_nwb(request: ExportRequest) -> ExportSummary:
    """Write the NWB file `request.out`, whole or not at all; memory does not grow with the skeletons.

    Raises ValueError for a file that is not an intact keypoints file or has no frames, and where pynwb or ndx-pose is
    not installed; OSError where the NWB file cannot be written.
    """
    _check_installed()
    from pynwb import NWBHDF5IO

    with open_cache(request.source, "keypoints") as reader:
        ranges = chosen_ranges(reader, request)
        total = sum(map(len, ranges))
        if not total:
            raise ValueError(f"{reader.path}: expected frames to export, found none")
        content = _describe_file(reader, request)
        _add_poses(content, reader, ranges, request.fps)
        if len(reader.tracks):
            content.add_time_intervals(_track_table(reader, request))
        _name_objects(content)

        def lay_out(file: h5py.File) -> None:
            NWBHDF5IO(file=file, mode="w").write(content)

        with publish_hdf5(request.out, lay_out) as output:
            frames = start = 0
            for block in read_blocks(reader, ranges):
                with output.step():
                    _write_block(output.file, block, start)
                frames += int(block.ok.sum())
                start += len(block.rows)
    return ExportSummary((request.out,), frames, total - frames)


def _check_installed() -> None:
    for module in ("pynwb", "ndx_pose"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ValueError(
                f"--format nwb: expected pynwb and ndx-pose to be installed, got: {error};"
                " pip install -c constraints.txt pynwb ndx-pose"
            ) from None


def _describe_file(reader: CacheReader, request: ExportRequest) -> Any:
    from pynwb import NWBFile

    recipe = canonical_recipe(reader.recipe)
    about = f"{reader.dataset}/{reader.split}"
    return NWBFile(
        session_description=f"Keypoints of the frames of {about}, one after another",
        identifier=str(uuid5(NAMESPACE_URL, f"{about}/{request.tracks}/{request.fps}/{recipe}")),
        session_start_time=BEGIN,
        file_create_date=BEGIN,
        notes=recipe,
        source_script="star export",
        source_script_file_name="data_cache/exchange/exports/export_nwb.py",
    )


def _add_poses(content: Any, reader: CacheReader, ranges: Sequence[range], fps: float | None) -> None:
    """Add skeleton, frames and series; the series' values are written later, block by block."""
    from hdmf.backends.hdf5 import H5DataIO
    from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons

    total = sum(map(len, ranges))
    length = min(total, CHUNK_FRAMES)
    packing = {"dtype": np.dtype(np.float32), "compression": "gzip", "shuffle": True, "fillvalue": np.nan}
    series = [
        PoseEstimationSeries(
            name=joint,
            description=joint.replace("_", " "),
            data=H5DataIO(shape=(total, 2), chunks=(length, 2), **packing),
            confidence=H5DataIO(shape=(total,), chunks=(length,), **packing),
            reference_frame="x to the right and y down from the upper left corner of the frame's own image",
            confidence_definition="score of the pose estimator, 0 to 1; NaN for a frame without keypoints",
            starting_time=0.0,
            rate=1.0 if fps is None else fps,
        )
        for joint in JOINTS
    ]
    skeleton = Skeleton(name="person", nodes=list(JOINTS), edges=limb_indices().astype(np.uint8))
    poses = PoseEstimation(
        name="poses",
        pose_estimation_series=series,
        description="One person a frame",
        source_software="star-reid",
        skeleton=skeleton,
    )
    behavior = content.create_processing_module("behavior", "Poses of the persons")
    behavior.add([Skeletons(skeletons=[skeleton]), poses, _frame_table(reader, ranges)])


def _frame_table(reader: CacheReader, ranges: Sequence[range]) -> Any:
    rows = np.concatenate([np.arange(part.start, part.stop) for part in ranges])
    size = np.concatenate([reader.read("size", part.start, part.stop) for part in ranges])
    columns = {
        "path": ("path of the frame from the data set's root", [reader.paths[row] for row in rows]),
        "track": ("row of /tracks, -1 for a frame without a track", reader.index().track[rows]),
        "height": ("pixels, 0 for a frame without keypoints", size[:, 0]),
        "width": ("pixels, 0 for a frame without keypoints", size[:, 1]),
    }
    from hdmf.common import DynamicTable

    return DynamicTable(
        name="frames", description="The frames of the series, in their order", columns=_columns(columns)
    )


def _track_table(reader: CacheReader, request: ExportRequest) -> Any:
    """When which track begins and ends, in seconds from the first frame of the file, in the order of time."""
    from pynwb.epoch import TimeIntervals

    tracks = reader.tracks
    numbers = np.array(chosen_tracks(reader, request), np.int64)
    lengths = tracks.lengths[numbers]
    begin = np.cumsum(lengths) - lengths if request.tracks else tracks.start
    order = np.argsort(begin, kind="stable")
    numbers, begin, lengths = numbers[order], begin[order], lengths[order]
    rate = request.fps or 1.0
    columns = {
        "start_time": ("time of the first frame", begin / rate),
        "stop_time": ("time of the frame after the last one", (begin + lengths) / rate),
        "track": ("row of /tracks in the keypoints file", numbers),
        "person": ("person number of the data set", tracks.person[numbers]),
        "camera": ("camera number of the data set", tracks.camera[numbers]),
        "modality": ("kind of camera", [Modality(int(kind)).name.lower() for kind in tracks.modality[numbers]]),
        "role": ("part in the test", [Role(int(role)).name.lower() for role in tracks.role[numbers]]),
        "track_name": ("what other exports call the track", [track_name(tracks, int(number)) for number in numbers]),
    }
    return TimeIntervals(name="tracks", description="The tracklets over the frames", columns=_columns(columns))


def _columns(columns: Mapping[str, tuple[str, Any]]) -> list[Any]:
    from hdmf.common import VectorData

    return [VectorData(name=name, description=meaning, data=data) for name, (meaning, data) in columns.items()]


def _name_objects(content: Any) -> None:
    """Give every object an identifier made of its place, where hdmf would draw one: same input, same bytes."""
    for container in content.all_children():
        place = [container.name]
        parent = container.parent
        while parent is not None:
            place.append(parent.name)
            parent = parent.parent
        # hdmf has no other way to say it for an object that was not read from a file.
        container._AbstractContainer__object_id = str(uuid5(NAMESPACE_URL, "/".join((content.identifier, *place))))


def _write_block(file: h5py.File, block: SkeletonBlock, start: int) -> None:
    stop = start + len(block.rows)
    for joint, name in enumerate(JOINTS):
        series = file[f"{_SERIES}/{name}"]
        series["data"][start:stop] = block.keypoints[:, joint]
        series["confidence"][start:stop] = block.score[:, joint]

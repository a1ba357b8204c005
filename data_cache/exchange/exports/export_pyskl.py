"""A pickle of PYSKL and mmaction2 from a keypoints file: one annotation a track.

``{"split": {split: [frame_dir, …]}, "annotations": [{frame_dir, label, img_shape, original_shape, total_frames,
valid_frames, keypoint, keypoint_score}, …]}`` as https://github.com/kennymckormick/pyskl, `tools/data`, says,
with float32 in place of its float16. A frame without keypoints is all zeros with score 0, as their own files have a
missing person. Keys beyond theirs, which the readers leave alone, say what else is known of a track.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Modality, Role
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
    from data_cache.contract.reader import CacheReader
    from data_cache.exchange.exports.exported_frames import ExportRequest, SkeletonBlock

PROTOCOL = 4  # read by Python 3.4 and later


def export_pyskl(request: ExportRequest) -> ExportSummary:
    """Write the pickle `request.out`, whole or not at all; it is made in memory, about 400 bytes a frame.

    Raises ValueError for a file that is not an intact keypoints file, and OSError where the pickle cannot be written.
    """
    with open_cache(request.source, "keypoints") as reader, publish_files(request.out) as (file,):
        numbers = chosen_tracks(reader, request)
        persons = np.unique(reader.tracks.person)
        annotations = [_annotation(reader, number, persons) for number in numbers]
        names = [annotation["frame_dir"] for annotation in annotations]
        pickle.dump({"split": {reader.split: names}, "annotations": annotations}, file, PROTOCOL)
        frames = sum(annotation["valid_frames"] for annotation in annotations)
        total = sum(annotation["total_frames"] for annotation in annotations)
        trackless = 0 if request.tracks else count_trackless(reader)
        return ExportSummary((request.out,), frames, total - frames, trackless)


def _annotation(reader: CacheReader, number: int, persons: np.ndarray[Any, Any]) -> dict[str, Any]:
    """One track as PYSKL has it; `persons`: the split's person numbers, ascending."""
    tracks = reader.tracks
    block = read_skeletons(reader, track_rows(tracks, number))
    person = int(tracks.person[number])
    shape = largest_size(block)
    return {
        "frame_dir": track_name(tracks, number),
        "label": int(np.searchsorted(persons, person)),
        "img_shape": shape,
        "original_shape": shape,
        "total_frames": len(block.rows),
        "valid_frames": int(block.ok.sum()),
        "keypoint": np.nan_to_num(block.keypoints)[None],
        "keypoint_score": np.nan_to_num(block.score)[None],
        "track": number,
        "person": person,
        "camera": int(tracks.camera[number]),
        "modality": Modality(int(tracks.modality[number])).name.lower(),
        "role": Role(int(tracks.role[number])).name.lower(),
        "frame_paths": list(reader.paths[block.rows.start : block.rows.stop]),
        "frame_sizes": block.size,
    }


def largest_size(block: SkeletonBlock) -> tuple[int, int]:
    """Height and width in pixels that hold every frame of a block: PYSKL has one size a track."""
    height, width = block.size.max(axis=0).tolist()
    return height, width

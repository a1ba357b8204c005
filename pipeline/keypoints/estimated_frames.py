"""Frames → keypoints: what decides the numbers of stage one, and nothing else.

The code of this module and of all it imports is part of what a chunk is known by (`keypoint_code`): chunks that other
code estimated are not taken over.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from command_line.digests import code_digest
from data_cache.contract.records import FrameKeypoints, Status
from data_cache.contract.skeleton import JOINTS
from data_cache.files.decoded_frame import decode_frame
from data_cache.files.jpeg_damage import damage_is_found, find_jpeg_damage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.pose.estimator import Estimator, EstimatorSource
    from pipeline.settings import Damaged

# A Dask worker may run several tasks in threads: the network is built once and serves one of them at a time.
_ONE_AT_A_TIME = threading.Lock()


def keypoint_code(source: EstimatorSource) -> str:
    """sha256 of the code that makes keypoints of frames with this estimator, in hexadecimal digits."""
    return code_digest((__name__, type(source).__module__))


def estimate_kept_frames(
    files: Sequence[bytes | None], source: EstimatorSource, threads: int | None, damaged: Damaged
) -> tuple[FrameKeypoints, tuple[int, ...]]:
    """As `estimate_frames`, and the places of the frames that were used though they are damaged inside.

    damaged: `keep` uses such frames, for `unreadable` they are as if they did not decode
    ``ValueError`` where they are to be left out and this install cannot tell them.
    """
    if damaged == "unreadable" and not damage_is_found():
        raise ValueError(
            "pose.damaged: expected 'keep' where simplejpeg, which finds damaged frames, cannot be loaded, got"
            " 'unreadable'; pip install simplejpeg, or keep them"
        )
    places = {place for place, data in enumerate(files) if data and find_jpeg_damage(data) is not None}
    if damaged == "unreadable":
        files = [b"" if place in places else data for place, data in enumerate(files)]
    frames = estimate_frames(files, source, threads)
    return frames, tuple(sorted(place for place in places if frames.status[place] == Status.OK))


def estimate_frames(
    files: Sequence[bytes | None], source: EstimatorSource, threads: int | None = None
) -> FrameKeypoints:
    """Decode `files` (one JPEG a frame, None: missing) and estimate the joints of those that can be used."""
    status = np.full(len(files), Status.OK, np.uint8)
    size = np.zeros((len(files), 2), np.int32)
    images: list[NDArray[np.uint8]] = []
    for row, data in enumerate(files):
        image = None if data is None else decode_frame(data)
        if image is None:
            status[row] = Status.MISSING if data is None else Status.UNREADABLE
        else:
            images.append(image)
            size[row] = image.shape[:2]
    keypoints = np.full((len(files), len(JOINTS), 2), np.nan, np.float32)
    score = np.full((len(files), len(JOINTS)), np.nan, np.float32)
    if images:
        with _ONE_AT_A_TIME:
            estimated = _built_estimator(source, threads or _threads_of_environment()).estimate(images)
        keypoints[status == Status.OK], score[status == Status.OK] = estimated
    return FrameKeypoints(keypoints, score, size, status)


@lru_cache(maxsize=1)
def _built_estimator(source: EstimatorSource, threads: int | None) -> Estimator:
    return source.build(threads)


def _threads_of_environment() -> int | None:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else None

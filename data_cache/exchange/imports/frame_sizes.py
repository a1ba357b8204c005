"""Sizes of frames out of the headers of their files: no image is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Status
from data_cache.files.decoded_frame import picture_size
from data_cache.files.frame_bytes import read_bytes
from data_cache.files.frame_images import frame_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.records import SplitIndex


def read_size(root: Path, relative: str) -> tuple[int, int] | Status:
    """Height and width of frame `relative` in pixels as it is decoded, or why there are none.

    That is `Status.MISSING` or `UNREADABLE`. Raises ValueError when the path, or a symlink on it, leaves `root`.
    """
    data = read_bytes(str(frame_file(root, relative)))
    if data is None:
        return Status.MISSING
    return picture_size(data) or Status.UNREADABLE


def read_sizes(root: Path, index: SplitIndex, rows: Iterable[int]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Sizes of the frames `rows` of `index` below `root`: (frame, 2) int32, 0 elsewhere; (frame,) uint8, a `Status`.

    Raises ValueError when a path leaves `root`.
    """
    size = np.zeros((len(index.paths), 2), np.int32)
    status = np.full(len(index.paths), Status.OK, np.uint8)
    for row in rows:
        found = read_size(root, index.paths[row])
        if isinstance(found, Status):
            status[row] = found
        else:
            size[row] = found
    return size, status

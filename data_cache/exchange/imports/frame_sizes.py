"""Sizes of frames out of the headers of their files: no image is decoded."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.records import Status
from data_cache.files.frame_images import frame_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.records import SplitIndex

_KINDS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)  # orientations that the estimator's decoder turns by 90°
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, OverflowError, struct.error)


def read_size(root: Path, relative: str) -> tuple[int, int] | Status:
    """Height and width of frame `relative` in pixels, or why there are none: `Status.MISSING` or `UNREADABLE`.

    Raises ValueError when the path, or a symlink on it, leaves `root`.
    """
    from PIL import Image

    target = frame_file(root, relative)
    if not target.is_file():
        return Status.MISSING
    try:
        with Image.open(target, formats=_KINDS) as image:
            width, height = image.size
            lying = image.getexif().get(_ORIENTATION) in _LYING
    except (*_DAMAGE, Image.DecompressionBombError):
        return Status.UNREADABLE
    return (width, height) if lying else (height, width)


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

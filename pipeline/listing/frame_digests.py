"""What is in a frame, as a digest, and the size and times that tell whether that is still so."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_cache.files.frame_bytes import read_opened
from pipeline.datasets.frame_pool import BATCH, map_batches
from pipeline.datasets.root_boundary import RealPaths

BLOCK = 1 << 20
UNKNOWN = (-1, -1, -1)  # a state that no file has


class FrameDigest(NamedTuple):
    """The content of one frame.

    size:   bytes read
    sha256: of these bytes
    state:  size, time of change of the content and of the file in nanoseconds, as the system gave them before the
            first byte was read; `UNKNOWN` where they say nothing about the content
    """

    size: int
    sha256: bytes
    state: tuple[int, int, int]


UNREADABLE = FrameDigest(0, hashlib.sha256().digest(), UNKNOWN)


def read_states(root: Path, paths: Sequence[str]) -> NDArray[np.int64]:
    """Size and both times of change of every frame of ``paths`` below ``root``, without opening any.

    Returns (frame, [size, mtime_ns, ctime_ns]) int64, `UNKNOWN` where no regular file is.
    Raises ValueError for the first folder or frame that is a symbolic link out of the root.
    """
    real = RealPaths(root)
    states = np.empty((len(paths), 3), np.int64)
    for row, path in enumerate(paths):
        try:
            found = os.lstat(real.beside_links(path))
            if stat.S_ISLNK(found.st_mode):
                found = os.stat(real.through_links(path))  # noqa: PTH116 a Path a frame costs more than the call
        except OSError:
            states[row] = UNKNOWN  # opening it will say what is there
            continue
        known = stat.S_ISREG(found.st_mode)
        states[row] = (found.st_size, found.st_mtime_ns, found.st_ctime_ns) if known else UNKNOWN
    return states


def digest_frames(root: Path, paths: Sequence[str], workers: int = 0) -> Iterator[FrameDigest | None]:
    """Read every frame of ``paths`` below ``root``: its `FrameDigest`, `UNREADABLE`, or None where no file is.

    What is missing and what is unreadable is as for `pipeline.datasets.frames.read_frame_bytes`; of a file of any
    size one block is in memory at a time.
    workers: processes to share the work; few frames are read in this one
    Raises ValueError for a link out of the root, OSError where a process was killed.
    """
    for batch in map_batches(partial(_digest_batch, root), paths, workers if len(paths) > BATCH else 0):
        yield from batch


def _digest_batch(root: Path, paths: Sequence[str]) -> list[FrameDigest | None]:
    real = RealPaths(root)
    return [_digest_frame(real, path) for path in paths]


def _digest_frame(real: RealPaths, path: str) -> FrameDigest | None:
    file = real.beside_links(path)
    if os.path.islink(file):  # noqa: PTH114
        file = real.through_links(path)
    return read_opened(file, _digest_opened, unreadable=UNREADABLE)


def _digest_opened(descriptor: int) -> FrameDigest:
    found = os.fstat(descriptor)
    digest, size = hashlib.sha256(), 0
    while block := os.read(descriptor, BLOCK):
        digest.update(block)
        size += len(block)
    state = (size, found.st_mtime_ns, found.st_ctime_ns) if size == found.st_size else UNKNOWN
    return FrameDigest(size, digest.digest(), state)

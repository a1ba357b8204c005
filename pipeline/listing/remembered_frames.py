"""What was read of the frames before: a private file that spares reading what has not changed, and nothing else.

The file is `HEAD`, the sha256 of all that follows, the number of frames as 8 bytes, their states (frame, [size,
mtime_ns, ctime_ns]) int64, their sha256 (frame, 32) uint8, and their paths in UTF-8, a line each; little-endian. One
that is not whole, or not of this layout, is no error: the frames are read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.files.published_file import publish_files

HEAD = b"star-reid.remembered-frames 1\n"
MOST_BYTES = 1 << 28
_COUNT, _STATE, _DIGEST = 8, 24, 32


@dataclass(frozen=True, eq=False)
class RememberedFrames:
    """Frames that need not be read again while size and times are these.

    paths:  N paths below the data set's root
    states: (frame, [size, mtime_ns, ctime_ns]) int64
    sha256: (frame, 32) uint8
    """

    paths: tuple[str, ...]
    states: NDArray[np.int64]
    sha256: NDArray[np.uint8]

    def find(self, paths: Sequence[str], states: NDArray[np.int64]) -> NDArray[np.int64]:
        """The remembered row of each of ``paths`` that still has its size and times, −1 for others: (frame,) int64."""
        if self.paths == tuple(paths):
            rows = np.arange(len(paths))
        else:
            known = {path: row for row, path in enumerate(self.paths)}
            rows = np.array([known.get(path, -1) for path in paths], np.int64)
        found = np.flatnonzero(rows >= 0)
        changed = (self.states[rows[found]] != states[found]).any(axis=1)
        rows[found[changed]] = -1
        return rows


NO_FRAMES = RememberedFrames((), np.zeros((0, 3), np.int64), np.zeros((0, _DIGEST), np.uint8))


def write_remembered(file: Path, frames: RememberedFrames) -> None:
    """Write ``frames`` to ``file`` where that is not in it already, whole or not at all."""
    body = b"".join(
        (
            len(frames.paths).to_bytes(_COUNT, "little"),
            frames.states.astype("<i8").tobytes(),
            frames.sha256.tobytes(),
            "\n".join(frames.paths).encode(),
        )
    )
    head = HEAD + hashlib.sha256(body).digest()
    if _read_whole(file)[: len(head)] == head:
        return
    with publish_files(file) as (output,):
        output.write(head)
        output.write(body)


def read_remembered(file: Path) -> RememberedFrames:
    """Read what `write_remembered` wrote; no frames where there is nothing, or anything else."""
    content = _read_whole(file)
    start = len(HEAD) + _DIGEST
    body = memoryview(content)[start:]
    if content[:start] != HEAD + hashlib.sha256(body).digest() or len(body) < _COUNT:
        return NO_FRAMES
    count = int.from_bytes(body[:_COUNT], "little")
    digests = _COUNT + count * _STATE
    names = digests + count * _DIGEST
    try:
        text = bytes(body[names:]).decode()
    except UnicodeDecodeError:
        return NO_FRAMES
    paths = tuple(text.split("\n")) if text else ()
    if names > len(body) or len(paths) != count:
        return NO_FRAMES
    states = np.frombuffer(body[_COUNT:digests], "<i8").reshape(count, 3).astype(np.int64)
    sha256 = np.frombuffer(body[digests:names], np.uint8).reshape(count, _DIGEST)
    return RememberedFrames(paths, states, sha256.copy())  # or the whole content would stay


def _read_whole(file: Path) -> bytes:
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES:
            return b""
        return file.read_bytes()
    except OSError:
        return b""

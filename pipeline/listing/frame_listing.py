"""List the frames of a split with size and digest; what was read before and has not changed since is not read again."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from data_cache.contract.records import SplitIndex
from data_cache.contract.split_file import FrameListing
from pipeline.listing.frame_digests import UNKNOWN, digest_frames, read_states
from pipeline.listing.remembered_frames import RememberedFrames

# A frame that changed so shortly before it was read may change once more without another time: some file systems count
# in seconds (git calls such files racy).
SETTLED_NS = 2 * 10**9


class FrameLister:
    """Lists the frames of ``index`` below ``root``; may be stopped at any time, and then knows what it has read.

    Raises ValueError for the first folder or frame that is a symbolic link out of the root.
    """

    def __init__(self, root: Path, index: SplitIndex, remembered: RememberedFrames) -> None:
        self._root, self._index = root, index
        self._started = time.time_ns()
        self._states = read_states(root, index.paths)
        rows = remembered.find(index.paths, self._states)
        known = rows >= 0
        self._sha256 = np.zeros((len(rows), 32), np.uint8)
        self._sha256[known] = remembered.sha256[rows[known]]
        self._sizes = np.where(known, self._states[:, 0], -1)
        self._unread = np.flatnonzero(~known)
        # Until they are read.
        self._states[~known] = UNKNOWN

    @property
    def unread(self) -> int:
        """Number of frames that have to be read."""
        return len(self._unread)

    def read(self, workers: int = 0, progress: Callable[[], object] = lambda: None) -> FrameListing:
        """Read the frames that are not known; ``progress`` is called with every one of them.

        workers: as of `pipeline.listing.frame_digests.digest_frames`
        """
        paths = [self._index.paths[row] for row in self._unread]
        for row, found in zip(self._unread, digest_frames(self._root, paths, workers), strict=True):
            if found is not None:
                self._sizes[row] = found.size
                self._sha256[row] = np.frombuffer(found.sha256, np.uint8)
                self._states[row] = found.state
            progress()
        digits = self._sha256.tobytes().hex()
        sizes = self._sizes.tolist()
        return FrameListing(
            self._index,
            tuple(None if size < 0 else size for size in sizes),
            tuple(None if size < 0 else digits[64 * row : 64 * row + 64] for row, size in enumerate(sizes)),
        )

    def remembered(self) -> RememberedFrames:
        """The frames read so far, now or before, that were not changed just then."""
        size, *changed = self._states.T
        settled = (size >= 0) & (np.maximum(*changed) < self._started - SETTLED_NS)
        paths = tuple(self._index.paths[row] for row in np.flatnonzero(settled))
        return RememberedFrames(paths, self._states[settled], self._sha256[settled])

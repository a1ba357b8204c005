"""How far a run is: a bar on a terminal, a log line a minute elsewhere; frames a second and the time that is left."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from command_line.terminal.progress import clock_time, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.keypoints.chunks import ChunkResult

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0


@contextmanager
def report_progress(frames: int, stream: TextIO = sys.stderr) -> Iterator[Callable[[ChunkResult], None]]:
    """Give the function to call with every finished chunk of a run over `frames` frames."""
    if not stream.isatty():
        yield ProgressLog(frames)
        return
    with progress_bar(stream, total=frames, desc="keypoints", unit=" frames") as bar:

        def advance(result: ChunkResult) -> None:
            bar.update(result.frames)

        yield advance


class ProgressLog:
    """Logs the first finished chunk, then at most one line a minute, and the last chunk.

    Frames taken over from an earlier run cost nothing: they are done, but tell nothing of the speed.
    """

    def __init__(self, frames: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._frames = frames
        self._clock = clock
        self._start = clock()
        self._next_line = self._start
        self._done = 0
        self._estimated = 0

    def __call__(self, result: ChunkResult) -> None:
        """Count `result` and log a line if it is time."""
        self._done += result.frames
        self._estimated += 0 if result.reused else result.frames
        now = self._clock()
        if now < self._next_line and self._done < self._frames:
            return
        self._next_line = now + SECONDS_BETWEEN_LINES
        logger.info("keypoints: %d of %d frames%s", self._done, self._frames, self._pace(now - self._start))

    def _pace(self, seconds: float) -> str:
        if not self._estimated or seconds <= 0:
            return ", taken over from an earlier run"
        rate = self._estimated / seconds
        return f", {rate:.1f} frames/s, {clock_time((self._frames - self._done) / rate)} left"

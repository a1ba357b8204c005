"""How far an evaluation is: a bar on a terminal, a log line a minute elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from command_line.terminal.progress import progress_bar

_log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 60.0


@contextmanager
def clip_progress(clips: int, stream: TextIO | None = None) -> Iterator[Callable[[int], object]]:
    """Give the function to call with the number of clips that are done, `clips` in all."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield ClipLog(clips)
        return
    with progress_bar(stream, total=clips, desc="evaluate", unit=" clips") as bar:
        yield bar.update


class ClipLog:
    """Logs at most one line a minute, and one at the end."""

    def __init__(self, clips: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clips = clips
        self._clock = clock
        self._start = clock()
        self._next_line = self._start + SECONDS_BETWEEN_LINES
        self._done = 0

    def __call__(self, clips: int) -> None:
        """Count `clips` more, and log a line if it is time."""
        self._done += clips
        now = self._clock()
        if now < self._next_line and self._done < self._clips:
            return
        self._next_line = now + SECONDS_BETWEEN_LINES
        rate = self._done / max(now - self._start, 1e-9)
        _log.info("evaluate: %d of %d clips, %.1f clips/s", self._done, self._clips, rate)

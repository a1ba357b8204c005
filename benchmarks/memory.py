"""Peak memory of this process and all its children, or of these alone, sampled while they work."""

from __future__ import annotations

import threading
from types import TracebackType

import psutil

INTERVAL_SECONDS = 0.1


class PeakMemory:
    """Samples resident memory of the process tree in a thread.

    Pages that processes share are counted in each of them, so the figure is rather too high than too low.
    """

    def __init__(self, own: bool = True) -> None:
        """own: whether this process counts, or its children alone."""
        self._own = own
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._peak = self.overall = 0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def take(self) -> int:
        """Peak in bytes since the last call."""
        self._sample()
        peak, self._peak = self._peak, 0
        return peak

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            self._sample()

    def _sample(self) -> None:
        total = self._process.memory_info().rss if self._own else 0
        for child in self._process.children(recursive=True):
            try:
                total += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self._peak = max(self._peak, total)
        self.overall = max(self.overall, total)

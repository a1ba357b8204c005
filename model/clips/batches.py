"""Loads batches of clips in order, ahead of the training step that waits for them.

With `workers=0` everything happens in this process; the bytes are the same for any number of workers.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.clips.clip_reader import ClipArrays, ClipReader, ClipShape
from model.clips.clip_workers import ClipWorkers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from model.clips.augment import ImageSettings
    from model.clips.clip_files import ClipFiles
    from model.clips.clip_requests import BatchRequest


@dataclass(frozen=True, eq=False)
class ClipBatch:
    """A loaded batch; `request` says which clips these are, `arrays` hold them, infrared ones first.

    The arrays are good until the next batch is asked for: then their memory is filled anew.
    """

    request: BatchRequest
    arrays: ClipArrays

    @property
    def infrared(self) -> NDArray[np.float32]:
        """Images of the infrared clips: (Bi, T, rgb, height, width) float32."""
        return self.arrays.images[: self.request.infrared]

    @property
    def visible(self) -> NDArray[np.float32]:
        """Images of the visible clips: (Bv, T, rgb, height, width) float32."""
        return self.arrays.images[self.request.infrared :]


class BatchLoader:
    """Reads the clips of one split; a context manager, which ends its processes on exit.

    files, images: what is read, and how
    clips, frames: B and T of every batch
    workers:       processes that read; 0 reads in this one, when a batch is asked for
    prefetch:      batches that are read ahead; memory for prefetch + 1 of them is shared with the processes

    `waited_seconds` is the time that callers of `load` have waited for batches so far.
    """

    def __init__(
        self, files: ClipFiles, images: ImageSettings, clips: int, frames: int, workers: int = 0, prefetch: int = 2
    ) -> None:
        if workers < 0 or prefetch < 1:
            raise ValueError(f"workers, prefetch: expected 0 or more and 1 or more, got {workers} and {prefetch}")
        self.waited_seconds = 0.0
        self._reader = ClipReader(files, images)
        self._shape = ClipShape(clips, frames, images.height, images.width, self._reader.edge_values)
        self._workers = ClipWorkers(files, images, self._shape, workers, prefetch + 1) if workers else None
        self._loading = False

    def __enter__(self) -> BatchLoader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and close the files."""
        workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()
        self._reader.close()

    def load(self, requests: Iterable[BatchRequest]) -> Iterator[ClipBatch]:
        """Yield the batches of `requests`, in order. One such iteration at a time.

        Raises ValueError for requests of another size, and for images that are missing or broken;
        ChildProcessError when a process has been killed.
        """
        assert not self._loading, "one iteration at a time"
        self._loading = True
        try:
            yield from self._load_here(requests) if self._workers is None else self._load_ahead(requests, self._workers)
        finally:
            self._loading = False

    def _load_here(self, requests: Iterable[BatchRequest]) -> Iterator[ClipBatch]:
        arrays = self._shape.lay_out(np.zeros(self._shape.bytes, np.uint8))
        for request in requests:
            self._check(request)
            since = time.perf_counter()
            for place in range(len(request)):
                clip = ClipArrays(*(array[place] for array in arrays))
                self._reader.read(request.frames[place], request.drawn[place], clip)
            self.waited_seconds += time.perf_counter() - since
            yield ClipBatch(request, arrays)

    def _load_ahead(self, requests: Iterable[BatchRequest], workers: ClipWorkers) -> Iterator[ClipBatch]:
        free = deque(range(len(workers.arrays)))
        under_way: deque[tuple[BatchRequest, int]] = deque()
        answered = 0  # processes that have finished their part of the oldest batch
        source = iter(requests)
        try:
            while True:
                while free and (request := next(source, None)) is not None:
                    self._check(request)
                    workers.start(free[0], request)
                    under_way.append((request, free.popleft()))
                if not under_way:
                    return
                since = time.perf_counter()
                while answered < len(workers):
                    fault = workers.wait(answered)
                    answered += 1
                    if fault is not None:
                        raise ValueError(fault)
                self.waited_seconds += time.perf_counter() - since
                request, slot = under_way[0]
                yield ClipBatch(request, workers.arrays[slot])
                under_way.popleft()
                answered = 0
                free.append(slot)
        finally:
            # What was asked for and not waited for: the next iteration must not meet the answers.
            if self._workers is not None:
                self._forget(workers, len(under_way), answered)

    @staticmethod
    def _forget(workers: ClipWorkers, batches: int, answered: int) -> None:
        try:
            for batch in range(batches):
                for number in range(answered if batch == 0 else 0, len(workers)):
                    workers.wait(number)
        except ChildProcessError:
            return  # nobody is left to answer, and who loads again will be told

    def _check(self, request: BatchRequest) -> None:
        expected = (self._shape.clips, self._shape.frames)
        if request.frames.shape != expected:
            raise ValueError(
                f"batch: expected {expected[0]} clips of {expected[1]} frames, got {request.frames.shape[0]}"
                f" of {request.frames.shape[1]}"
            )

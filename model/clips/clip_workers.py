"""Processes that read clips into shared memory, batch after batch.

They are spawned, not forked, so they hold nothing of a parent with threads or open files; they end when the parent
does, however it ends, because the pipe they listen to closes. The shared memory has no name that could be left behind.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from model.clips.clip_reader import ClipReader

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from model.clips.augment import Augmentation, ImageSettings
    from model.clips.clip_files import ClipFiles
    from model.clips.clip_reader import ClipArrays, ClipShape
    from model.clips.clip_requests import BatchRequest

_log = logging.getLogger(__name__)

_END_SECONDS = 10  # for a process to end by itself


class Work(NamedTuple):
    """Part of a batch for one process: the slot of memory, and (place in the batch, frames, augmentation) of clips."""

    slot: int
    clips: list[tuple[int, list[int], Augmentation]]


class ClipWorkers:
    """`count` processes and `slots` places in memory, each for a batch of `shape`."""

    def __init__(self, files: ClipFiles, images: ImageSettings, shape: ClipShape, count: int, slots: int) -> None:
        context = multiprocessing.get_context("spawn")
        memory = [context.RawArray("B", shape.bytes) for _ in range(slots)]
        self.arrays: list[ClipArrays] = [shape.lay_out(np.frombuffer(part, np.uint8)) for part in memory]
        self._processes: list[Any] = []
        self._pipes: list[Connection] = []
        reader = ClipReader(files, images)
        for number in range(count):
            mine, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, reader, shape, memory), name=f"clip-reader-{number}", daemon=True
            )
            process.start()
            theirs.close()  # so that each end sees when the other is gone
            self._processes.append(process)
            self._pipes.append(mine)

    def start(self, slot: int, request: BatchRequest) -> None:
        """Have the clips of `request` read into `slot`; every process takes its share."""
        for number, pipe in enumerate(self._pipes):
            places = range(number, len(request), len(self._pipes))
            clips = [(place, request.frames[place].tolist(), request.drawn[place]) for place in places]
            try:
                pipe.send(Work(slot, clips))
            except OSError:
                raise self._ended(number) from None

    def wait(self, number: int) -> str | None:
        """Wait for process `number` to finish the oldest batch it was given; returns what went wrong, or None.

        Raises ChildProcessError if the process has ended.
        """
        try:
            fault: str | None = self._pipes[number].recv()
        except (EOFError, OSError):
            raise self._ended(number) from None
        return fault

    def __len__(self) -> int:
        """Number of processes."""
        return len(self._processes)

    def close(self) -> None:
        """End the processes, at once where they do not end by themselves."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()

    def _ended(self, number: int) -> ChildProcessError:
        process = self._processes[number]
        process.join(_END_SECONDS)
        return ChildProcessError(
            f"process {process.pid} that reads clips ended with status {process.exitcode}"
            " (-9: killed, perhaps for want of memory); use fewer workers, or 0 to read in the main process"
        )


def _serve(pipe: Connection, reader: ClipReader, shape: ClipShape, memory: list[Any]) -> None:
    """Read what is asked for until the other end of the pipe is gone."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's affair
    cv2.setNumThreads(1)
    slots = [shape.lay_out(np.frombuffer(part, np.uint8)) for part in memory]
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            work: Work = pipe.recv()
            pipe.send(_read(reader, work, slots[work.slot]))


def _read(reader: ClipReader, work: Work, arrays: ClipArrays) -> str | None:
    try:
        for place, frames, drawn in work.clips:
            clip = type(arrays)(*(array[place] for array in arrays))
            reader.read(np.array(frames), drawn, clip)
    except (ValueError, KeyError, OSError) as error:
        return str(error.args[0]) if isinstance(error, KeyError) else str(error)
    return None

"""Processes that read frames side by side: a function over batches of paths, results in order."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeVar

from command_line.option_types import whole_number

BATCH = 512

Result = TypeVar("Result")


def default_workers() -> int:
    """STAR_WORKERS, or else one process a core."""
    try:
        return whole_number(os.environ.get("STAR_WORKERS") or str(len(os.sched_getaffinity(0))))
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"STAR_WORKERS: {error}") from error


def _nothing() -> None:
    """A process needs no preparation."""


def map_batches(
    function: Callable[[Sequence[str]], Result],
    paths: Sequence[str],
    workers: int,
    prepare: Callable[[], None] = _nothing,
) -> Iterator[Result]:
    """Yield what ``function`` makes of each batch of consecutive ``paths``, in their order.

    workers: processes to share the work; 0 works in this one
    prepare: called once in each of these processes
    Raises OSError where a process of the pool was killed.
    """
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    workers = min(workers, len(batches))
    if workers < 1:
        yield from map(function, batches)
        return
    with _pool(workers, prepare) as pool:
        futures = [pool.submit(function, batch) for batch in batches]
        for future in futures:
            yield future.result()


@contextmanager
def _pool(workers: int, prepare: Callable[[], None]) -> Iterator[ProcessPoolExecutor]:
    """A pool that drops what has not begun when the caller is interrupted."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (prepare,))
    try:
        yield pool
    except BrokenProcessPool as error:
        raise OSError(
            "a process that reads frames was killed, most likely because the memory ran out; use fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(prepare: Callable[[], None]) -> None:
    # An interrupt reaches every process of the terminal: the first one answers it, the workers just end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare()


def _end_with_parent() -> None:
    """A killed caller closes no queue: without this its workers would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

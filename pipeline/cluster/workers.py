"""Map a function over tasks: in this process, over local Dask workers, or over any Dask scheduler that runs."""
# mypy: disable-error-code="no-untyped-call"
# (Dask's functions are not annotated.)

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pipeline.cluster import scheduler_answers
from pipeline.cluster.dask_clusters import connected_client, local_client, require_code
from pipeline.cluster.scheduler_answers import lost_cluster, thread_count

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

STALL_SECONDS = 60
LOCAL_PATIENCE = 10  # times STALL_SECONDS
# Enough that no worker waits for the next task, few enough that the scheduler holds few of them.
OUTSTANDING_PER_THREAD = 3
OUTSTANDING_AT_LEAST = 8

# Packages whose version may change a result's bits: a worker must have those of the process that maps.
RESULT_PACKAGES = ("h5py", "mmcv-lite", "mmpose", "numpy", "onnxruntime", "opencv-python-headless", "torch")


def map_unordered(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int = 0,
    scheduler: str | None = None,
) -> Generator[Result, None, None]:
    """Yield ``function(task)`` for every task, in the order in which they finish.

    workers:   0 runs in this process; N > 0 starts N local worker processes, reachable from this machine only
    scheduler: address of a running Dask scheduler, such as ``tcp://node1:8786``; `function` must be importable
               by its workers

    A worker that dies loses only what it was doing: Dask gives its tasks to others. Whatever `function` raises
    is raised here. ``ValueError`` for both kinds of workers at once or a worker with other packages,
    ``ConnectionError`` for a scheduler that does not answer, or no more, has no workers, or goes away.
    """
    if workers < 0:
        raise ValueError(f"workers: expected 0 (this process) or more, got {workers}")
    if workers and scheduler is not None:
        raise ValueError(
            f"workers, scheduler: expected one of them, got {workers} local workers and {scheduler};"
            " drop --workers (or STAR_WORKERS), or --scheduler (or STAR_SCHEDULER)"
        )
    if scheduler is not None:
        with connected_client(scheduler) as client:
            require_code(client, scheduler, function.__module__)
            # A cluster's queue may let new workers in at any time.
            yield from _map_on(client, CheckedCall(function, package_versions()), tasks, patience=None)
    elif workers:
        with local_client(workers) as client:
            yield from _map_on(client, CheckedCall(function, package_versions()), tasks, patience=LOCAL_PATIENCE)
    else:
        yield from map(function, tasks)


def threads_per_worker(workers: int, scheduler: str | None) -> int | None:
    """CPU threads for the estimator of each worker: an equal share of this machine's cores.

    None leaves it to the worker: on a cluster its cores are not ours to count, and OMP_NUM_THREADS is the user's
    own word.
    """
    if scheduler is not None or ("OMP_NUM_THREADS" in os.environ and not workers):
        return None
    return max(1, len(os.sched_getaffinity(0)) // max(1, workers))


@lru_cache(maxsize=1)
def package_versions() -> tuple[tuple[str, str], ...]:
    """Name and version of Python and of every package that may change a result's bits, local labels dropped."""
    found = [("python", ".".join(platform.python_version_tuple()[:2]))]
    for name in RESULT_PACKAGES:
        try:
            # torch 2.13.0+cpu and 2.13.0+cu128 are one release for different machines.
            found.append((name, metadata.version(name).split("+")[0]))
        except metadata.PackageNotFoundError:
            found.append((name, "none"))
    return tuple(found)


@dataclass(frozen=True)
class CheckedCall(Generic[Task, Result]):
    """A function that runs only where the packages are those of the process that sent it."""

    function: Callable[[Task], Result]
    versions: tuple[tuple[str, str], ...]

    def __call__(self, task: Task) -> Result:
        """The function's result; ``ValueError`` that names the packages that differ."""
        differing = [
            f"{name} {here} instead of {there}"
            for (name, here), (_, there) in zip(package_versions(), self.versions, strict=True)
            if here != there
        ]
        if differing:
            raise ValueError(
                f"worker on {platform.node()} (process {os.getpid()}): {', '.join(differing)}; start the workers from"
                " the same environment as this command"
            )
        return self.function(task)


def _map_on(
    client: Client, call: CheckedCall[Task, Result], tasks: Iterable[Task], patience: int | None
) -> Iterator[Result]:
    waiting = iter(tasks)
    running: set[Future[Any]] = set()
    try:
        while True:
            room = max(OUTSTANDING_AT_LEAST, OUTSTANDING_PER_THREAD * thread_count(client)) - len(running)
            running |= {client.submit(call, task, pure=False) for task in islice(waiting, max(0, room))}
            if not running:
                return
            done, running = _wait_for_first(client, running, patience)
            for future in done:
                yield _result_of(client, future)
    finally:
        client.cancel(list(running), force=True)


def _wait_for_first(
    client: Client, running: set[Future[Any]], patience: int | None
) -> tuple[set[Future[Any]], set[Future[Any]]]:
    """The futures that are done and those that are not, as soon as there is one of the first kind.

    patience: how many times in a row the cluster may be found without workers; None: no limit
    """
    from distributed import wait

    stalls = 0
    while True:
        try:
            with client.as_current():
                done, running = wait(running, timeout=STALL_SECONDS, return_when="FIRST_COMPLETED")
            return done, running
        except TimeoutError:
            stalls = 0 if thread_count(client) else stalls + 1
        except CancelledError as error:
            raise lost_cluster() from error
        if stalls:
            logger.warning("the Dask scheduler has no worker left; waiting for one")
        if stalls == patience:
            raise ChildProcessError("the local workers died and do not start again; --workers 0 shows where it fails")


def _result_of(client: Client, future: Future[Any]) -> Any:
    """What the work returned or raised; it is fetched by way of the scheduler, and made again where it was lost."""
    from distributed.scheduler import KilledWorker

    try:
        while True:
            try:
                return future.result(timeout=scheduler_answers.ANSWER_SECONDS)
            except TimeoutError:
                if future.status == "error":  # the work's own
                    raise
                thread_count(client)  # raises where the scheduler is what does not answer
    except KilledWorker as error:
        raise ChildProcessError(
            "a piece of work killed every worker that tried it, the last on"
            f" {error.last_worker.address} (out of memory? see the worker's log); --workers 0 shows where it fails"
        ) from error
    except CancelledError as error:
        raise lost_cluster() from error

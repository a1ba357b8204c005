"""Map a function over tasks: in this process, over local Dask workers, or over any Dask scheduler that runs."""
# mypy: disable-error-code="no-untyped-call"
# (Dask's functions are not annotated.)

from __future__ import annotations

import logging
import os
import platform
import signal
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_SECONDS = 30
FIRST_WORKER_SECONDS = 60
STALL_SECONDS = 60
# Enough that no worker waits for the next task, few enough that the scheduler holds few of them.
OUTSTANDING_PER_THREAD = 3
OUTSTANDING_AT_LEAST = 8

LOCAL_CLUSTER = {
    # A busy machine takes long to start a process.
    "distributed.comm.timeouts.connect": "120s",
    "distributed.nanny.pre-spawn-environ.PYTHONWARNINGS": "ignore",
}

# Packages whose version may change a result's bits: a worker must have those of the process that maps.
RESULT_PACKAGES = ("h5py", "mmcv-lite", "mmpose", "numpy", "onnxruntime", "torch")


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
    ``ConnectionError`` for a scheduler that does not answer, has no workers, or goes away.
    """
    if workers < 0:
        raise ValueError(f"workers: expected 0 (this process) or more, got {workers}")
    if workers and scheduler is not None:
        raise ValueError(
            f"workers, scheduler: expected one of them, got {workers} local workers and {scheduler};"
            " drop --workers (or STAR_WORKERS), or --scheduler (or STAR_SCHEDULER)"
        )
    if scheduler is not None:
        with _connected_client(scheduler) as client:
            _require_code(client, scheduler, function.__module__)
            yield from _map_on(client, CheckedCall(function, package_versions()), tasks)
    elif workers:
        with _local_client(workers) as client:
            yield from _map_on(client, CheckedCall(function, package_versions()), tasks)
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


@contextmanager
def _local_client(workers: int) -> Iterator[Client]:
    import dask.config

    distributed = _quiet_dask()
    with _environment_restored(), dask.config.set(LOCAL_CLUSTER):
        with _interrupts_blocked():
            cluster = distributed.LocalCluster(
                n_workers=workers,
                processes=True,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                # Dask's own limit pauses a worker for good when the network alone takes most of it.
                memory_limit=None,
            )
        try:
            with distributed.Client(cluster, set_as_default=False) as client:
                yield client
        finally:
            # Closing while a nanny restarts its worker fails inside Dask; the processes end with this one.
            with suppress(AssertionError, TimeoutError):
                cluster.close()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C reaches this process only: threads and processes started in here never see it.

    A worker is started by a thread of the cluster, which inherits the mask and hands it on; so the workers do not
    each print a traceback, and are closed by us.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment_restored() -> Iterator[None]:
    """Dask writes what its workers shall inherit, OMP_NUM_THREADS among it, into our own environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _connected_client(address: str) -> Iterator[Client]:
    distributed = _quiet_dask()
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConnectionError(
            f"{address}: no Dask scheduler answers there within {CONNECT_SECONDS} s ({type(error).__name__});"
            " start one with `dask scheduler`, or correct --scheduler"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except TimeoutError as error:
            raise ConnectionError(
                f"{address}: the Dask scheduler has had no workers for {FIRST_WORKER_SECONDS} s; start some with"
                f" `dask worker {address}`, or wait until the cluster's queue has let them in"
            ) from error
        yield client


def _require_code(client: Client, address: str, module: str) -> None:
    """Refuse a cluster whose processes cannot import `module`: such a worker would die of the first task.

    `exec` because it is there without our code.
    """
    statement = f"import {module}"
    found = dict(client.run(exec, statement, on_error="return"))
    try:
        client.run_on_scheduler(exec, statement)
    except ImportError as error:
        found[address] = error
    for where, failure in found.items():
        if failure is not None:
            raise ConnectionError(
                f"{where}: this process of the Dask cluster cannot import {module} ({failure}); start scheduler and"
                " workers in this command's environment, with the project's folder in PYTHONPATH"
            )


def _quiet_dask() -> ModuleType:
    """Dask's `distributed`, which tells of every worker that comes and goes, to say nothing.

    What matters reaches the user as an error or a warning of ours.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about another package that it finds
        import distributed
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed


def _map_on(client: Client, call: CheckedCall[Task, Result], tasks: Iterable[Task]) -> Iterator[Result]:
    waiting = iter(tasks)
    running: set[Future[Any]] = set()
    try:
        while True:
            threads = sum(client.nthreads().values())
            room = max(OUTSTANDING_AT_LEAST, OUTSTANDING_PER_THREAD * threads) - len(running)
            running |= {client.submit(call, task, pure=False) for task in islice(waiting, max(0, room))}
            if not running:
                return
            done, running = _wait_for_first(client, running)
            for future in done:
                yield _result_of(future)
    finally:
        client.cancel(list(running), force=True)


def _wait_for_first(client: Client, running: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
    """The futures that are done and those that are not, as soon as there is one of the first kind."""
    from distributed import wait

    while True:
        try:
            with client.as_current():
                done, running = wait(running, timeout=STALL_SECONDS, return_when="FIRST_COMPLETED")
            return done, running
        except TimeoutError:
            if not client.nthreads():
                logger.warning("the Dask scheduler has no worker left; waiting for one")
        except CancelledError as error:
            raise _lost_cluster() from error


def _result_of(future: Future[Any]) -> Any:
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise ChildProcessError(
            "a piece of work killed every worker that tried it, the last on"
            f" {error.last_worker.address} (out of memory? see the worker's log); --workers 0 shows where it fails"
        ) from error
    except CancelledError as error:
        raise _lost_cluster() from error


def _lost_cluster() -> ConnectionError:
    return ConnectionError("the Dask scheduler went away; start it again, then the same command: finished work is kept")

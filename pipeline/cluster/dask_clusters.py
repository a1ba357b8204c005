"""Dask clusters to work on: one of local processes for the time of a run, or one that runs already."""
# mypy: disable-error-code="no-untyped-call"
# (Dask's functions are not annotated.)

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import ModuleType
from typing import TYPE_CHECKING

from pipeline.cluster.scheduler_answers import ask, thread_count

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 30
FIRST_WORKER_SECONDS = 60
WORKER_POLL_SECONDS = 0.1
CLOSE_SECONDS = 30

LOCAL_CLUSTER = {
    # A busy machine takes long to start a process.
    "distributed.comm.timeouts.connect": "120s",
    "distributed.deploy.lost-worker-timeout": "1d",  # or Dask gives up a worker that is being started again
    "distributed.nanny.pre-spawn-environ.PYTHONWARNINGS": "ignore",
}


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """A cluster of `workers` processes of one thread each, which listens on the loopback only."""
    import dask.config

    distributed = _quiet_dask()
    with _environment_restored(), dask.config.set(LOCAL_CLUSTER):
        with _interrupts_blocked():
            cluster = distributed.LocalCluster(
                n_workers=workers,
                processes=True,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                # Dask's own limit pauses a worker for good when the network alone takes most of it.
                memory_limit=None,
            )
        try:
            with distributed.Client(cluster, set_as_default=False) as client:
                try:
                    yield client
                finally:
                    # Dask stumbles over a worker that is just being started again when it closes.
                    with suppress(TimeoutError):
                        client.wait_for_workers(workers, timeout=CLOSE_SECONDS)
        finally:
            # What Dask was seen to trip over where workers die as it closes; it must not hide what ended the run.
            with suppress(AssertionError, KeyError, TimeoutError):
                cluster.close(timeout=CLOSE_SECONDS)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C reaches this process only: threads and processes started in here never see it.

    A worker is started by a thread of the cluster, which inherits the mask and hands it on; so the workers do not
    each print a traceback, and are closed by us.
    """
    # It is started with the first process otherwise, and lets interrupts through again in the thread that does so.
    resource_tracker.ensure_running()
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
def connected_client(address: str) -> Iterator[Client]:
    """The cluster of the scheduler at `address`; ``ConnectionError`` if it does not answer or has no workers."""
    client = _start_client(address)
    try:
        _wait_for_first_worker(client, address)
        yield client
    finally:
        with suppress(TimeoutError):  # of a scheduler that does not answer; it must not hide what ended the run
            client.close(timeout=CLOSE_SECONDS)


def _wait_for_first_worker(client: Client, address: str) -> None:
    end = time.monotonic() + FIRST_WORKER_SECONDS
    while not thread_count(client):
        if time.monotonic() > end:
            raise ConnectionError(
                f"{address}: the Dask scheduler has had no workers for {FIRST_WORKER_SECONDS} s; start some with"
                f" `dask worker {address}`, or wait until the cluster's queue has let them in"
            )
        time.sleep(WORKER_POLL_SECONDS)


def _start_client(address: str) -> Client:
    distributed = _quiet_dask()
    failure = ""
    try:
        asyncio.run(_shake_hands(address))
        client: Client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        return client
    except (OSError, TimeoutError, ValueError) as error:
        failure = type(error).__name__
    # Dask closes a client that did not start when the garbage collector meets it; if that happens while another
    # client starts, both wait for one lock for ever. So it goes now, and no error's traceback may hold it.
    gc.collect()
    raise ConnectionError(
        f"{address}: no Dask scheduler answers there within {CONNECT_SECONDS} s ({failure});"
        " start one with `dask scheduler`, or correct --scheduler"
    )


async def _shake_hands(address: str) -> None:
    """A client waits for ever where the system takes its connection and the scheduler does not say a word."""
    from distributed.comm.core import connect

    comm = await asyncio.wait_for(connect(address, timeout=CONNECT_SECONDS), CONNECT_SECONDS)
    comm.abort()


def require_code(client: Client, address: str, module: str) -> None:
    """Refuse a cluster whose processes cannot import `module`: such a worker would die of the first task.

    `exec` because it is there without our code.
    """
    statement = f"import {module}"
    found = dict(ask(client, lambda seconds: client.run(exec, statement, on_error="return", callback_timeout=seconds)))
    try:
        ask(client, lambda seconds: client.run_on_scheduler(exec, statement, callback_timeout=seconds))
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
    # asyncio's own complains of what Dask's tasks leave behind when a wait for lost work is interrupted.
    for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return distributed

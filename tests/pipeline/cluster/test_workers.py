"""Mapping over workers: the same results from each kind, and one sentence for whatever goes wrong with them."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import distributed
import pytest

from pipeline.cluster import dask_clusters
from pipeline.cluster.workers import (
    OUTSTANDING_AT_LEAST,
    CheckedCall,
    map_unordered,
    package_versions,
    threads_per_worker,
)
from tests.pipeline.cluster.dask_cluster import (
    DaskCluster,
    fail_with_a_full_disk,
    kill_own_process,
    process_and_scheduler,
    square,
    wait_for_ever,
)
from tests.pipeline.keypoints.stub_estimator import begun, wait_until


def test_in_this_process_results_come_one_by_one_and_in_order() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(7):
            taken.append(number)
            yield number

    results = map_unordered(square, tasks())
    assert next(results) == 0
    assert taken == [0]
    assert list(results) == [1, 4, 9, 16, 25, 36]


def test_local_workers_give_every_result_once_and_few_tasks_wait_at_a_time() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(53):
            taken.append(number)
            yield number

    results = map_unordered(square, tasks(), workers=2)
    first = next(results)
    assert len(taken) == OUTSTANDING_AT_LEAST
    assert sorted([first, *results]) == [number**2 for number in range(53)]


def test_local_workers_are_processes_that_only_this_machine_reaches() -> None:
    before = dict(os.environ)
    found = list(map_unordered(process_and_scheduler, range(2), workers=1))
    assert len({process for process, _ in found}) == 1
    assert os.getpid() not in {process for process, _ in found}
    assert all(address.startswith("tcp://127.0.0.1:") for _, address in found)
    assert dict(os.environ) == before


def test_what_a_worker_raises_is_raised_here() -> None:
    with pytest.raises(OSError, match="the disk is full") as failure:
        list(map_unordered(fail_with_a_full_disk, ["a.h5"], workers=1))
    assert (failure.value.errno, failure.value.filename) == (28, "a.h5")


def test_work_that_kills_every_worker_ends_with_a_sentence() -> None:
    with pytest.raises(ChildProcessError, match=r"killed every worker that tried it.*--workers 0 shows where"):
        list(map_unordered(kill_own_process, [1], workers=1))


@pytest.mark.parametrize(
    ("workers", "scheduler", "message"),
    [(-1, None, r"workers: expected 0 \(this process\) or more, got -1"), (2, "tcp://a:1", "expected one of them")],
)
def test_wrong_numbers_of_workers_are_refused(workers: int, scheduler: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(map_unordered(square, [1], workers=workers, scheduler=scheduler))


def test_a_worker_with_other_packages_is_refused() -> None:
    versions = package_versions()
    assert CheckedCall(square, versions)(3) == 9
    assert dict(versions)["python"] == "3.11"
    place = [name for name, _ in versions].index("numpy")
    other = (*versions[:place], ("numpy", "1.0.7"), *versions[place + 1 :])
    with pytest.raises(ValueError, match=rf"numpy {versions[place][1]} instead of 1\.0\.7; start the workers from"):
        CheckedCall(square, other)(3)


def test_threads_are_an_equal_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(11)))
    assert [threads_per_worker(workers, None) for workers in (0, 1, 3, 11, 13)] == [11, 11, 3, 1, 1]
    assert threads_per_worker(0, "tcp://node1:8786") is None
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert threads_per_worker(0, None) is None
    assert threads_per_worker(3, None) == 3


def test_a_scheduler_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_clusters, "CONNECT_SECONDS", 1)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, but nobody listens
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"{address}: no Dask scheduler answers there"):
            list(map_unordered(square, [1], scheduler=address))


@pytest.mark.parametrize("address", ["nonsense://node1:1", "node1", "tcp://node1:port"])
def test_what_is_no_address_is_a_sentence(address: str) -> None:
    with pytest.raises(ConnectionError, match=f"{address}: no Dask scheduler answers there.*correct --scheduler"):
        list(map_unordered(square, [1], scheduler=address))


def test_a_client_that_did_not_start_is_gone_with_its_error() -> None:
    """Left to the garbage collector, it stops the next client's start for ever."""
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ConnectionError):
            list(map_unordered(square, [1], scheduler="tcp://node1:port"))
        assert [client.status for client in gc.get_objects() if type(client) is distributed.Client] == []
    finally:
        gc.enable()


def test_a_scheduler_without_workers_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_clusters, "FIRST_WORKER_SECONDS", 1)
    with (
        DaskCluster(tmp_path) as cluster,
        pytest.raises(ConnectionError, match="has had no workers for 1 s; start some with `dask worker tcp:"),
    ):
        list(map_unordered(square, [1], scheduler=cluster.address))


def test_a_worker_without_our_code_is_a_sentence(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        cluster.start_worker(python_path="")
        without = r"import tests\.pipeline\.cluster\.dask_cluster .*project's folder in PYTHONPATH"
        with pytest.raises(ConnectionError, match=without):
            list(map_unordered(square, [1], scheduler=cluster.address))


def test_a_scheduler_without_our_code_is_a_sentence(tmp_path: Path) -> None:
    with DaskCluster(tmp_path, python_path="") as cluster:
        from tests.pipeline.cluster.dask_cluster import PROJECT

        cluster.start_worker(python_path=PROJECT)
        with pytest.raises(
            ConnectionError, match=f"{cluster.address}: .* cannot import tests.pipeline.cluster.dask_cluster"
        ):
            list(map_unordered(square, [1], scheduler=cluster.address))


def test_a_scheduler_that_goes_away_is_a_sentence(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        cluster.start_worker()

        def kill_scheduler() -> None:
            wait_until(lambda: bool(begun(tmp_path)))
            cluster.scheduler.kill()

        killer = threading.Thread(target=kill_scheduler)
        killer.start()
        with (
            pytest.raises(ConnectionError, match="the Dask scheduler went away"),
            closing(map_unordered(wait_for_ever, [str(tmp_path)], scheduler=cluster.address)) as results,
        ):
            list(results)
        killer.join()

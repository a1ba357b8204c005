"""A scheduler that is there and does not answer, and Ctrl-C while lost work is waited for: a sentence each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cluster import dask_clusters, scheduler_answers, workers
from pipeline.cluster.workers import map_unordered
from tests.pipeline.cluster.dask_cluster import PROJECT, DaskCluster, square, wait_at_the_gate, wait_for_ever
from tests.pipeline.keypoints.stub_estimator import begun, wait_until


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Waits for results shortly; the function returned makes it wait shortly for the scheduler's answers too."""
    monkeypatch.setattr(workers, "STALL_SECONDS", 0.1)
    before = scheduler_answers.ANSWER_SECONDS

    def from_now_on() -> None:
        monkeypatch.setattr(scheduler_answers, "ANSWER_SECONDS", 0.2)

    monkeypatch.setattr(scheduler_answers, "ANSWER_SECONDS", min(before, 5.0))
    return from_now_on


def in_background(steps: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=steps)
    thread.start()
    return thread


def test_a_scheduler_that_is_stopped_is_warned_of_and_given_up(
    tmp_path: Path, impatient: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with DaskCluster(tmp_path) as cluster:
        cluster.start_worker()

        def stop() -> None:
            wait_until(lambda: bool(begun(tmp_path)))
            cluster.scheduler.send_signal(signal.SIGSTOP)
            impatient()

        stopping = in_background(stop)
        with (
            pytest.raises(
                ConnectionError, match=rf"{cluster.address}: the Dask scheduler has not answered for 2 s, .*"
            ),
            closing(map_unordered(wait_for_ever, [str(tmp_path)], scheduler=cluster.address)) as results,
        ):
            list(results)
        stopping.join()
    warned = [message for message in caplog.messages if "has not answered for" in message]
    assert len(warned) >= scheduler_answers.PATIENCE - 1
    assert warned[0].startswith(f"{cluster.address}: the Dask scheduler has not answered for ")


def test_a_scheduler_that_goes_on_is_worked_with(
    tmp_path: Path, impatient: Callable[[], None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler_answers, "PATIENCE", 10**6)
    with DaskCluster(tmp_path) as cluster:
        cluster.start_worker()

        def stop_and_go_on() -> None:
            wait_until(lambda: bool(begun(tmp_path)))
            cluster.scheduler.send_signal(signal.SIGSTOP)
            impatient()
            wait_until(lambda: "has not answered for" in caplog.text)
            cluster.scheduler.send_signal(signal.SIGCONT)
            (tmp_path / "go").touch()

        stopping = in_background(stop_and_go_on)
        results = map_unordered(wait_at_the_gate, [(str(tmp_path), n) for n in range(11)], scheduler=cluster.address)
        assert sorted(results) == [n**2 for n in range(11)]
        stopping.join()


def test_a_scheduler_that_is_stopped_before_the_start_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_clusters, "CONNECT_SECONDS", 1)
    with DaskCluster(tmp_path) as cluster:
        cluster.scheduler.send_signal(signal.SIGSTOP)
        with pytest.raises(ConnectionError, match=f"{cluster.address}: no Dask scheduler answers there within 1 s"):
            list(map_unordered(square, [1], scheduler=cluster.address))


def test_ctrl_c_after_a_worker_died_is_one_line(tmp_path: Path) -> None:
    script = Path(__file__).with_name("interrupted_map.py")
    run = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": PROJECT},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: (tmp_path / "asking").exists() or run.poll() is not None)
        (worker,) = begun(tmp_path)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(begun(tmp_path)) == 2 or run.poll() is not None)
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate()
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    lines = [line for line in errors.splitlines() if not line.startswith("INFO ")]
    assert lines == ["interrupted: what was finished is kept, the same command goes on from there"]
    assert run.returncode == 130


def test_the_works_own_timeout_is_raised() -> None:
    with pytest.raises(TimeoutError, match="the work's own"):
        list(map_unordered(time_out, [1], workers=1))


def time_out(_: int) -> None:
    raise TimeoutError("the work's own")

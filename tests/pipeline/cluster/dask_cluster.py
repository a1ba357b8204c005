"""A real Dask scheduler and its workers, each a process of its own on the loopback, and work to give them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.pipeline.keypoints.stub_estimator import wait_until

PROJECT = str(Path(__file__).resolve().parents[3])


class DaskCluster:
    """Context manager: `dask scheduler` on a free port, workers as they are asked for, all ended at the end."""

    def __init__(self, folder: Path, python_path: str = PROJECT) -> None:
        self.folder = folder
        self.python_path = python_path
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> DaskCluster:
        file = self.folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        self.address: str = json.loads(file.read_text())["address"]
        return self

    def start_worker(self, python_path: str | None = None) -> subprocess.Popen[bytes]:
        """One worker in one process with one thread; nobody starts it again when it is gone."""
        options = ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", str(self.folder))
        return self._start("worker", self.address, *options, python_path=python_path)

    def _start(self, *command: str, python_path: str | None = None) -> subprocess.Popen[bytes]:
        path = self.python_path if python_path is None else python_path
        with (self.folder / f"{command[0]}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command, "--no-dashboard"],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def square(number: int) -> int:
    return number * number


def process_and_scheduler(_: int) -> tuple[int, str]:
    """The process this runs in, and the address of the scheduler that sent it."""
    from distributed import get_worker

    return os.getpid(), get_worker().scheduler.address


def fail_with_a_full_disk(file: str) -> None:
    raise OSError(28, "the disk is full", file)


def kill_own_process(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever(folder: str) -> None:
    Path(folder, f"begun-{os.getpid()}").touch()
    while True:
        time.sleep(60)


def wait_at_the_gate(task: tuple[str, int]) -> int:
    """The number's square, once the file `go` is in the folder."""
    folder, number = task
    Path(folder, f"begun-{os.getpid()}").touch()
    wait_until(Path(folder, "go").exists)
    return number**2

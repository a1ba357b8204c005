"""The processes of the training-step benchmark, one a network: phases are asked for by name, and timed there."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from benchmarks.training.step_workload import Workload

OURS, TORCH = "MindSpore", "torch"
PHASES = ("load", "forward", "backward", "update", "step")


class Timing(NamedTuple):
    """One phase: wall seconds, peak memory of the process so far in bytes, and the loss terms where there are any."""

    seconds: float
    peak: int
    terms: list[float] | None


class Side:
    """One of the two networks, in its own process: phases are asked for by name."""

    def __init__(self, name: str, pipe: Connection, process: Any) -> None:
        self._name, self._pipe, self._process = name, pipe, process

    def time(self, phase: str) -> Timing:
        """Run a phase there and wait for it. Raises ChildProcessError where the process ended."""
        try:
            self._pipe.send(phase)
            timing: Timing = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise ChildProcessError(
                f"{self._name}: {phase}: the process ended with status {self._process.exitcode}"
                " (-9: killed, perhaps for want of memory); try fewer --persons"
            ) from None
        return timing


@contextmanager
def started(name: str, workload: Workload) -> Iterator[Side]:
    """The network `name` in a spawned process, built and ready. MindSpore's writes the weights, so it starts first."""
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, name, workload), daemon=True)
    process.start()
    theirs.close()
    try:
        side = Side(name, mine, process)
        side.time("ready")
        yield side
    finally:
        mine.close()
        process.join()


def _serve(pipe: Connection, name: str, workload: Workload) -> None:
    phases = _build(name, workload)
    while True:
        try:
            phase = pipe.recv()
        except EOFError:
            return
        began = time.perf_counter()
        terms = getattr(phases, phase)() if phase in PHASES else None
        seconds = time.perf_counter() - began
        pipe.send(Timing(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, terms))


def _build(name: str, workload: Workload) -> Any:
    if name == TORCH:
        os.environ.pop("ONEDNN_MAX_CPU_ISA", None)  # that is for MindSpore's oneDNN; torch's own is slower with it
        from benchmarks.training.torch_step import TorchStep

        return TorchStep(workload)
    from benchmarks.training.mindspore_step import MindSporeStep

    return MindSporeStep(workload)

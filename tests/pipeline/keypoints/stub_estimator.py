"""A pose estimator without a network, for what surrounds one: its joints follow from the frame's size and colours.

Importable by worker processes. It can tell that it has begun and wait for the test, so that a process can be
killed in the middle of its work without guessing how long anything takes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOINTS = 17


@dataclass(frozen=True)
class StubSource:
    """An `EstimatorSource`; `gain` is in the recipe.

    gate: a folder, not in the recipe: before estimating, a process puts a file `begun-<pid>` there and waits
    until the test has made the file `go`.
    free: how many calls a process makes before it waits at the gate.
    """

    gain: float = 1.0
    gate: str | None = None
    free: int = 0

    def recipe(self) -> dict[str, Any]:
        return {"name": "stub", "gain": self.gain}

    def build(self, threads: int | None = None) -> StubEstimator:
        return StubEstimator(self)


class StubEstimator:
    def __init__(self, source: StubSource) -> None:
        self.source = source
        self.calls = 0

    def estimate(self, images: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.calls += 1
        if self.source.gate is not None and self.calls > self.source.free:
            gate = Path(self.source.gate)
            (gate / f"begun-{os.getpid()}").touch()
            wait_until((gate / "go").exists)
        keypoints = np.empty((len(images), JOINTS, 2), np.float32)
        score = np.empty((len(images), JOINTS), np.float32)
        for row, image in enumerate(images):
            height, width = image.shape[:2]
            share = np.arange(1, JOINTS + 1) / (JOINTS + 1)
            blue, green, red = image.mean((0, 1)) / 255
            keypoints[row] = np.stack([share * width * blue, share * height * green], axis=1) * self.source.gain
            score[row] = share * red
        return keypoints, score


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for another process; the limit only ends a test that is lost anyway."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("what the test waits for did not happen")
        time.sleep(0.005)


def begun(gate: Path) -> list[int]:
    """The processes that have begun to estimate, by id."""
    return sorted(int(file.name.removeprefix("begun-")) for file in gate.glob("begun-*"))

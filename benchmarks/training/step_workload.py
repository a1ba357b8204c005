"""What both networks of the training-step benchmark are given, and the process each of them runs in."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.training.loader import write_stub_caches
from data_cache.contract.records import SplitIndex, Tracks
from model.clips.augment import ImageSettings
from model.clips.clip_files import ClipFiles
from model.clips.clip_requests import BatchRequest, training_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.draws import StepPosition
from model.clips.sampler import BatchSettings
from model.clips.training_persons import training_persons
from model.run.config import RunConfig
from pipeline.datasets.split_index import read_split

OURS, TORCH = "MindSpore", "torch"
BATCHES = 8  # different ones, used over and over
PHASES = ("load", "forward", "backward", "update", "step")


@dataclass(frozen=True, eq=False)
class Workload:
    """run: network, losses, batch and optimizer; files, images, requests: what is loaded; persons: classes;
    weights: file (.npz) through which the network in torch gets MindSpore's weights.
    """

    run: RunConfig
    files: ClipFiles
    images: ImageSettings
    requests: tuple[BatchRequest, ...]
    persons: int
    weights: Path


class Timing(NamedTuple):
    """One phase: wall seconds, peak memory of the process so far in bytes, and the loss terms where there are any."""

    seconds: float
    peak: int
    terms: list[float] | None


def all_persons(root: Path) -> SplitIndex:
    """Both splits of the sample as one: a batch takes more persons than its training split has."""
    train, test = (read_split(root, "sample", split) for split in ("train", "test"))
    frames = len(train.paths)
    columns = {
        n: np.concatenate([getattr(i.tracks, n) for i in (train, test)]) for n in ("person", "camera", "modality")
    }
    bounds = {
        n: np.concatenate([getattr(train.tracks, n), getattr(test.tracks, n) + frames]) for n in ("start", "stop")
    }
    return SplitIndex("sample", "train", (*train.paths, *test.paths), Tracks(**columns, **bounds))


def prepare(run: RunConfig, root: Path, folder: Path) -> Workload:
    """Make caches of the frames under `root` in `folder`, and choose the batches."""
    index = all_persons(root)
    files = write_stub_caches(root, index, folder)
    settings = ClipSettings(run.model.frames, run.data.min_frames)
    tracks = clip_tracks(index.tracks, np.zeros(len(index.paths), np.uint8), settings)
    persons = training_persons(tracks, run.data.persons)
    data = run.data
    images = ImageSettings(run.model.image_height, run.model.image_width, data.pad, data.flip, data.random_erasing)
    source = training_requests(
        persons,
        BatchSettings(data.persons, data.tracks_per_modality),
        images,
        StepPosition(run.train.seed, 0, 0),
        BATCHES,
    )
    requests = tuple(next(source) for _ in range(BATCHES))
    return Workload(run, files, images, requests, len(persons), folder / "weights.npz")


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

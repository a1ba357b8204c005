"""Frames a second that the loader reads, augments and normalises to 288×144, per core, on data/sample.

python -m benchmarks.training.loader [--root data/sample] [--batches 8] [--workers 0 1 2]

The caches are made here from a stand-in for the pose network: what is measured is the loader. The last line compares
it, in one process and batch by batch in turn, with a plain loop through torch's DataLoader over the same clips.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.stub_estimator import StubSource
from data_cache.contract.records import SplitIndex
from data_cache.contract.skeleton import PARTS, part_mask
from data_cache.contract.writer import CacheWriter
from data_cache.files.frame_images import read_image
from model.clips.augment import ImageSettings
from model.clips.batches import BatchLoader
from model.clips.clip_files import ClipFiles
from model.clips.clip_requests import BatchRequest, training_requests
from model.clips.clips import ClipSettings, clip_tracks
from model.clips.draws import StepPosition
from model.clips.sampler import BatchSettings
from model.clips.training_persons import training_persons
from pipeline.datasets.split_index import read_split
from pipeline.skeletons.edges import pairwise_edges
from pipeline.skeletons.graphs import graph_nodes, spatial_edges

IMAGES = ImageSettings(height=288, width=144, pad=10, flip=0.5, random_erasing=0.0)
FRAMES = 6
TRACKS = 2


def write_stub_caches(root: Path, index: SplitIndex, folder: Path) -> ClipFiles:
    """Edges and graphs of every frame of a split, of a standing person."""
    images = [read_image(root, path) for path in index.paths]
    whole = [image for image in images if image is not None]
    assert len(whole) == len(images), "the sample has no missing frames"
    estimator = StubSource().build()
    parts = [estimator.estimate([image]) for image in whole]
    keypoints, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    height = np.array([image.shape[0] for image in whole], np.int32)
    seen = score >= np.float32(0.3)
    status = np.zeros(len(whole), np.uint8)
    files = ClipFiles(root, folder / "edges.h5", folder / "graphs.h5")
    recipe: dict[str, Any] = {"angle": "arctan", "min_score": 0.3, "keypoints": StubSource().recipe()}
    with CacheWriter(files.edges, "edges", index, recipe, status=status) as writer:
        writer.append({"edges": pairwise_edges(keypoints, seen, height)})
    with CacheWriter(files.graphs, "graphs", index, recipe, status=status) as writer:
        writer.append({"nodes": graph_nodes(keypoints, score, seen, height), "seen": seen})
        writer.put("/graph/spatial_edges", spatial_edges())
        writer.put("/graph/parts", part_mask())
        writer.put("/graph/part_names", tuple(PARTS))
    return files


def beside_torch(files: ClipFiles, requests: list[BatchRequest], rounds: int) -> tuple[float, float, float]:
    """Frames/s of the loader and of torch's DataLoader, both in this process, and the median of their ratio.

    `requests` are read by both in turn, over and over, after a pass that reads every chunk of the caches once.
    """
    from benchmarks.training.torch_loader import torch_batches

    clips, frames = requests[0].frames.shape
    seconds: list[tuple[float, float]] = []
    with BatchLoader(files, IMAGES, clips, frames) as loader:
        ways = (loader.load(cycle(requests)), iter(torch_batches(files, IMAGES, requests * (rounds + 1))))
        for number in range(len(requests) * (rounds + 1)):
            times = []
            for way in ways:
                since = time.perf_counter()
                next(way)
                times.append(time.perf_counter() - since)
            if number >= len(requests):
                seconds.append((times[0], times[1]))
    ours, theirs = (clips * frames / median(column) for column in zip(*seconds, strict=True))
    return ours, theirs, median(b / a for a, b in seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("data/sample"))
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="*", default=(0, 1, 2))
    args = parser.parse_args()
    index = read_split(args.root, "sample", "train")
    with tempfile.TemporaryDirectory() as folder:
        files = write_stub_caches(args.root, index, Path(folder))
        tracks = clip_tracks(index.tracks, np.zeros(len(index.paths), np.uint8), ClipSettings(FRAMES, 12))
        people = len(np.unique(index.tracks.person))
        persons = training_persons(tracks, people)
        settings = BatchSettings(people, TRACKS)
        for workers in args.workers:
            requests = training_requests(persons, settings, IMAGES, StepPosition(0, 0, 0), 100)
            clips = people * TRACKS * 2
            with BatchLoader(files, IMAGES, clips, FRAMES, workers) as loader:
                batches = loader.load(requests)
                next(batches)  # processes have started, files are open
                since = time.perf_counter(), time.process_time()
                for _ in islice(batches, args.batches):
                    pass
                wall, processor = time.perf_counter() - since[0], time.process_time() - since[1]
            frames = args.batches * clips * FRAMES
            line = f"{workers} workers: {frames / wall:.0f} frames/s"
            if workers == 0:
                line += f", {frames / processor:.0f} frames/s of one core's time"
            print(line, flush=True)
        requests = list(islice(training_requests(persons, settings, IMAGES, StepPosition(0, 0, 0), 100), args.batches))
        ours, theirs, ratio = beside_torch(files, requests, rounds=2)
        print(f"in turn with torch's DataLoader: {ours:.0f} and {theirs:.0f} frames/s, {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()

"""What both networks of the training-step benchmark are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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

BATCHES = 8  # different ones, used over and over


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

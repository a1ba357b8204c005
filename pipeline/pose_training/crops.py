"""Labelled crops in memory, and their augmentation into the batches of an epoch, in processes of their own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import mmpose.datasets  # noqa: F401  (registers CocoDataset and the transforms)
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.pose_training import augment  # noqa: F401  (registers the transforms that the config names)

SampleKey = tuple[int, int]
"""(epoch, crop): all that a sample's random numbers depend on, besides the training seed."""


class LabelledCrops(Dataset[dict[str, Any]]):
    """MMPose's CocoDataset with its crops decoded once and kept in memory.

    dataset: the `dataset` part of an MMPose dataloader config. A sample is asked for by (epoch, crop); its augmentation
    is a pure function of (seed, epoch, crop), so it depends neither on the worker nor on what was drawn before it.
    """

    def __init__(self, dataset: Config, seed: int) -> None:
        init_default_scope("mmpose")
        settings = dict(dataset)
        self.pipeline = Compose(settings.pop("pipeline"))
        self.labels = DATASETS.build(dict(settings, pipeline=[]))
        self.seed = seed
        self.images = [read_crop(Path(self.labels.get_data_info(i)["img_path"])) for i in range(len(self.labels))]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: SampleKey) -> dict[str, Any]:
        """The packed sample (inputs, data_samples) of one crop in one epoch."""
        epoch, crop = key
        np.random.seed(np.random.SeedSequence((self.seed, epoch, crop)).generate_state(4))
        sample: dict[str, Any] = self.pipeline(dict(self.labels.get_data_info(crop), img=self.images[crop]))
        return sample


class EpochOrder(Sampler[SampleKey]):
    """The keys of one epoch in an order that is a pure function of (seed, epoch); an incomplete batch is dropped."""

    def __init__(self, crops: int, batch_size: int, seed: int, epoch: int) -> None:
        self.crops, self.batch_size, self.seed, self.epoch = crops, batch_size, seed, epoch

    def __len__(self) -> int:
        return self.crops // self.batch_size * self.batch_size

    def __iter__(self) -> Iterator[SampleKey]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.crops)
        return ((self.epoch, int(crop)) for crop in order[: len(self)])


def read_crop(path: Path) -> NDArray[np.uint8]:
    """Decode one crop to (y, x, bgr) uint8."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: expected a readable JPEG, got none; copy data/pose-labels again")
    return np.asarray(image, np.uint8)


def augment_epoch(crops: LabelledCrops, batch_size: int, epoch: int, workers: int) -> list[bytes]:
    """All batches of one epoch, augmented by `workers` processes (0: in this process) and pickled.

    The epoch is made before its first step rather than during it: two threads that compute one convolution wait for
    each other, so that a third busy process on two cores made the steps 1.5 to 2 times slower, while augmenting an
    epoch at once on all cores takes a twentieth of its time. Pickled, because tensors sent by torch's own queue keep a
    file open each. 256x192 crops take 0.35 MB each.
    """
    loader = DataLoader(
        crops,
        batch_size=batch_size,
        sampler=EpochOrder(len(crops), batch_size, crops.seed, epoch),
        num_workers=workers,
        collate_fn=pickle_batch,
        worker_init_fn=run_single_threaded,
    )
    return list(loader)


def pickle_batch(samples: list[dict[str, Any]]) -> bytes:
    """Samples collated as MMPose's models expect them, as bytes."""
    return pickle.dumps(pseudo_collate(samples), protocol=pickle.HIGHEST_PROTOCOL)


def run_single_threaded(_worker: int) -> None:
    """Keep OpenCV of a worker on one thread."""
    cv2.setNumThreads(0)

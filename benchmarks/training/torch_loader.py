"""Clips through torch's DataLoader, as anybody would write it: cv2 and NumPy, one clip an item.

What to read and how to augment it comes in, to be compared with `model.clips.batches` clip by clip. Skeletons
are read once, before anything is timed, and kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.torch_network.torch_star import TorchClips
from data_cache.contract.reader import open_cache
from model.clips.augment import DEVIATION, MEAN, Augmentation, ImageSettings
from model.clips.clip_files import ClipFiles
from model.clips.clip_requests import BatchRequest
from model.clips.skeletons.skeleton_inputs import edge_values, flip_edges, flip_nodes, joint_places, move_nodes

Item = tuple[NDArray[np.int64], Augmentation]


class ClipDataset(Dataset[tuple[NDArray[Any], ...]]):
    """Item (rows of /frames (T,), augmentation) → images (T, 3, height, width), edges (T, E), nodes (T, J, 3),
    seen (T, J) and places (T, J, 2) of one clip.
    """

    def __init__(self, files: ClipFiles, images: ImageSettings) -> None:
        self.root, self.images = files.root, images
        with open_cache(files.edges, "edges") as edges, open_cache(files.graphs, "graphs") as graphs:
            self.paths, self.angle = edges.paths, str(edges.recipe["angle"])
            self.edges = edges.read("edges", 0, edges.frames)
            self.nodes, self.seen = (graphs.read(name, 0, graphs.frames) for name in ("nodes", "seen"))

    def __getitem__(self, item: Item) -> tuple[NDArray[Any], ...]:
        rows, drawn = item
        frames = [cv2.imread(str(self.root / self.paths[row])) for row in rows]
        images = np.stack([self.augmented(frame, drawn) for frame in frames])
        edges, nodes, seen = self.edges[rows], self.nodes[rows], self.seen[rows].astype(np.float32)
        size = np.array([frame.shape[:2] for frame in frames], np.float64)
        if drawn.flip:
            aspect = (size[:, 1] - 1) / size[:, 0]
            edges, (nodes, seen) = flip_edges(edges, self.angle), flip_nodes(nodes, seen, aspect)
        shift = np.array([drawn.right / self.images.width, drawn.down / self.images.height])
        move_nodes(nodes, seen, shift * size[:, ::-1] / size[:, :1])
        return (
            images,
            edge_values(edges, self.angle, seen),
            nodes,
            seen,
            joint_places(nodes, seen, size).astype(np.float32),
        )

    def augmented(self, frame: NDArray[np.uint8], drawn: Augmentation) -> NDArray[np.float32]:
        """Resize, flip, pad, crop, normalise: (height, width, bgr) uint8 → (rgb, height, width) float32."""
        height, width, pad = self.images.height, self.images.width, self.images.pad
        image = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), (width, height))
        if drawn.flip:
            image = image[:, ::-1]
        image = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
        top, left = pad - drawn.down, pad - drawn.right
        image = image[top : top + height, left : left + width]
        normalised = (image.astype(np.float32) / 255 - np.float32(MEAN)) / np.float32(DEVIATION)
        if drawn.erased is not None:
            first, last, start, stop = drawn.erased
            normalised[first:last, start:stop] = 0
        return normalised.transpose(2, 0, 1)


def torch_batches(files: ClipFiles, images: ImageSettings, requests: Sequence[BatchRequest]) -> Iterable[list[Tensor]]:
    """A DataLoader over the clips of `requests`, in this process: images, edges, nodes, seen, places of each batch."""
    batches: Any = [list(zip(request.frames, request.drawn, strict=True)) for request in requests]
    return DataLoader(ClipDataset(files, images), batch_sampler=batches)


def as_clips(batch: Sequence[Tensor], infrared: int) -> TorchClips:
    """A batch of `torch_batches` as the network reads it, its first `infrared` clips being infrared."""
    images, *skeletons = batch
    return TorchClips(images[:infrared], images[infrared:], *skeletons)


def labels(request: BatchRequest) -> Tensor:
    """(B,) int64, 0-based classes."""
    return torch.from_numpy(request.label.astype(np.int64))

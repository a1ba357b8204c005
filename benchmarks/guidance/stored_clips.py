"""Clips of a split whose frames are decoded once and stay in memory: thousands of steps read a few thousand frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.skeleton import JOINTS
from model.clips.augment import ImageSettings
from model.clips.batches import ClipBatch
from model.clips.clip_files import ClipFiles, SplitFiles, open_split
from model.clips.clip_reader import ClipArrays, ClipReader, ClipShape
from model.clips.clip_requests import BatchRequest
from model.clips.clips import ClipSettings, ClipTracks, clip_tracks
from model.clips.skeletons.skeleton_inputs import PAIRS

Control = Callable[[ClipArrays], ClipArrays]


class StoredReader(ClipReader):
    """A `ClipReader` that decodes every frame once."""

    def __init__(self, files: ClipFiles, images: ImageSettings) -> None:
        super().__init__(files, images)
        self._stored: dict[int, NDArray[np.uint8]] = {}

    def _image(self, row: int) -> NDArray[np.uint8]:
        if row not in self._stored:
            self._stored[row] = super()._image(row)
        return self._stored[row]


class StoredClips(NamedTuple):
    """The clips of one split.

    reader, tracks: of it; control: what is done to the arrays of every batch before the network reads them
    """

    reader: StoredReader
    tracks: ClipTracks
    control: Control

    def load(self, requests: Iterable[BatchRequest]) -> Iterator[ClipBatch]:
        """The batches of `requests`; their arrays are good until the next one is asked for."""
        images = self.reader.images
        shape: ClipShape | None = None
        for request in requests:
            wanted = ClipShape(*request.frames.shape, images.height, images.width, self.reader.edge_values)
            if shape != wanted:
                shape = wanted
                arrays = shape.lay_out(np.zeros(shape.bytes, np.uint8))
            for place in range(len(request)):
                clip = ClipArrays(*(array[place] for array in arrays))
                self.reader.read(request.frames[place], request.drawn[place], clip)
            yield ClipBatch(request, self.control(arrays))


def open_clips(files: ClipFiles, dataset: str, split: str, images: ImageSettings, frames: int) -> StoredClips:
    """The clips of T = `frames` frames of a split."""
    found: SplitFiles = open_split(files, dataset, split)
    tracks = clip_tracks(found.tracks, found.status, ClipSettings(frames, 12))
    return StoredClips(StoredReader(files, images), tracks, lambda arrays: arrays)


def constant_nodes(arrays: ClipArrays) -> ClipArrays:
    """Everybody's joints in the same place, all seen: a figure that stands in the middle of its frame."""
    nodes = np.broadcast_to(np.concatenate([STANDING, np.ones((len(JOINTS), 1))], 1), arrays.nodes.shape)
    places = STANDING * (2.0, 1.0)  # frames are twice as high as wide
    return arrays._replace(
        nodes=nodes.astype(np.float32),
        seen=np.ones_like(arrays.seen),
        places=np.broadcast_to(places, arrays.places.shape).astype(np.float32),
    )


def without_angles(arrays: ClipArrays) -> ClipArrays:
    """Distances alone: whatever is read of angles is 0."""
    edges = arrays.edges.copy()
    edges.reshape(*edges.shape[:2], len(PAIRS[0]), -1)[..., 1:] = 0
    return arrays._replace(edges=edges)


def of_another(names: tuple[str, ...], step: int) -> Control:
    """The arrays in `names` moved within the batch, so that every clip has those of the clip `step` before it."""
    return partial(_moved, names=names, step=step)


def _moved(arrays: ClipArrays, names: tuple[str, ...], step: int) -> ClipArrays:
    return arrays._replace(**{name: np.roll(getattr(arrays, name), step, axis=0) for name in names})


# x and y over the crop's height, by `data_cache.contract.skeleton.JOINTS`; its left is on the right of the picture.
STANDING = np.array(
    [
        (0.25, 0.12), (0.26, 0.11), (0.24, 0.11), (0.27, 0.12), (0.23, 0.12),
        (0.31, 0.23), (0.19, 0.23), (0.33, 0.36), (0.17, 0.36), (0.33, 0.48), (0.17, 0.48),
        (0.28, 0.51), (0.22, 0.51), (0.28, 0.71), (0.22, 0.71), (0.28, 0.91), (0.22, 0.91),
    ]
)  # fmt: skip

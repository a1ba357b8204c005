"""Reads one clip: images from the JPEG tree, skeletons from the caches, flipped together.

The files are opened when the first clip is read, once in every process that reads, and stay open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from data_cache.contract.reader import CacheReader
from data_cache.contract.skeleton import JOINTS
from data_cache.files.frame_images import read_image
from model.clips.augment import Augmentation, ImageSettings, write_frame
from model.clips.skeletons.filled_gaps import fill_edges, fill_gaps
from model.clips.skeletons.skeleton_inputs import (
    EDGE_VALUES,
    edge_value_count,
    edge_values,
    flip_edges,
    flip_nodes,
    joint_places,
    move_nodes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.clips.clip_files import ClipFiles

_ALIGNMENT = 64  # bytes


class ClipArrays(NamedTuple):
    """The contents of clips; of one clip without the first axis.

    images: (B, T, rgb, height, width) float32, normalised
    edges:  (B, T, E) float32, see `model.clips.skeletons.skeleton_inputs.edge_values`
    nodes:  (B, T, joint, [x, y, score]) float32, x and y over the crop's height, moved with the image; 0 where unseen
    seen:   (B, T, joint) float32, 1 seen and 0 not; between, for a joint filled in from other frames of the track
    places: (B, T, joint, [column, row]) float32, where joints lie in the image, 0…1 of its width and height
    """

    images: NDArray[np.float32]
    edges: NDArray[np.float32]
    nodes: NDArray[np.float32]
    seen: NDArray[np.float32]
    places: NDArray[np.float32]


class ClipShape(NamedTuple):
    """B clips of T frames of height × width pixels and E edge values: what memory is laid out for."""

    clips: int
    frames: int
    height: int
    width: int
    edge_values: int = EDGE_VALUES

    @property
    def arrays(self) -> tuple[tuple[tuple[int, ...], type[np.generic]], ...]:
        """Shape and dtype of each of `ClipArrays`."""
        lead = (self.clips, self.frames)
        joints = len(JOINTS)
        return (
            ((*lead, 3, self.height, self.width), np.float32),
            ((*lead, self.edge_values), np.float32),
            ((*lead, joints, 3), np.float32),
            ((*lead, joints), np.float32),
            ((*lead, joints, 2), np.float32),
        )

    @property
    def bytes(self) -> int:
        """Memory of one batch, each array beginning on a border of 64 bytes."""
        return sum(_aligned(_size(*array)) for array in self.arrays)

    def lay_out(self, memory: NDArray[np.uint8]) -> ClipArrays:
        """Arrays over `memory`, which has `bytes` values."""
        arrays: list[NDArray[Any]] = []
        place = 0
        for shape, kind in self.arrays:
            size = _size(shape, kind)
            arrays.append(memory[place : place + size].view(kind).reshape(shape))
            place += _aligned(size)
        return ClipArrays(*arrays)


def _size(shape: tuple[int, ...], kind: type[np.generic]) -> int:
    return int(np.prod(shape)) * np.dtype(kind).itemsize


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


class ClipReader:
    """Reads clips of one split; may be sent to another process, where it opens the files anew."""

    def __init__(self, files: ClipFiles, images: ImageSettings) -> None:
        self.files = files
        self.images = images
        self._edges = CacheReader(files.edges, "edges")
        self._graphs = CacheReader(files.graphs, "graphs")

    @property
    def edge_values(self) -> int:
        """E, which follows from the angle that the edges were made with."""
        return edge_value_count(self._edges.recipe.get("angle"))

    def read(self, frames: NDArray[np.int64], drawn: Augmentation, out: ClipArrays) -> None:
        """Write one clip into `out`.

        frames: (T,) rows of /frames; drawn: how the clip is augmented, all its frames alike
        out:    the arrays of one clip: (T, …)
        Raises ValueError for an image that is not there or does not decode, or leaves the root.
        """
        size = np.empty((len(frames), 2))
        for place, row in enumerate(frames.tolist()):
            image = self._image(row)
            size[place] = image.shape[:2]
            write_frame(image, self.images, drawn, out.images[place])
        angle = str(self._edges.recipe.get("angle"))
        edges, nodes, seen = self._skeletons(frames, size[:, 0], angle)
        if drawn.flip:
            edges = flip_edges(edges, angle)
            nodes, seen = flip_nodes(nodes, seen, (size[:, 1] - 1) / size[:, 0])
        shift = np.array([drawn.right / self.images.width, drawn.down / self.images.height])
        move_nodes(nodes, seen, shift * size[:, ::-1] / size[:, :1])
        out.edges[...] = edge_values(edges, angle, seen)
        out.nodes[...] = nodes
        out.seen[...] = seen
        out.places[...] = joint_places(nodes, seen, size)

    def _skeletons(
        self, frames: NDArray[np.int64], height: NDArray[np.float64], angle: str
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Edges, nodes and how far each joint is to be believed, of the rows `frames` of one track."""
        edges = self._edges.read_frames("edges", frames)
        if not self.files.fill_gaps:
            seen = self._graphs.read_frames("seen", frames)
            return edges, self._graphs.read_frames("nodes", frames), seen.astype(np.float32)
        start, stop = self._track_of(frames)
        whole, seen = (self._graphs.read(name, start, stop) for name in ("nodes", "seen"))
        nodes, weight = fill_gaps(whole, seen, frames - start)
        unit = height if self._edges.recipe.get("normalize") == "none" else np.ones_like(height)
        return fill_edges(edges, nodes, weight, angle, unit), nodes, weight

    def _track_of(self, frames: NDArray[np.int64]) -> tuple[int, int]:
        """First row, and the row after the last, of the track that all of `frames` belong to."""
        tracks = self._graphs.tracks
        row = int(np.argmax((tracks.start <= frames.min()) & (frames.max() < tracks.stop)))
        return int(tracks.start[row]), int(tracks.stop[row])

    def close(self) -> None:
        """Close the files; they open again when something is read."""
        self._edges.close()
        self._graphs.close()

    def _image(self, row: int) -> NDArray[np.uint8]:
        path = self._edges.paths[row]
        image = read_image(self.files.root, path)
        if image is None:
            raise ValueError(
                f"{self.files.root / path}: expected an image, as it was when {self.files.edges} was made,"
                " got no file that decodes; put it back, or make the caches again with dvc repro"
            )
        return image

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
from model.clips.skeleton_inputs import EDGE_VALUES, edge_values, flip_edges, flip_nodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from model.clips.clip_files import ClipFiles

_ALIGNMENT = 64  # bytes


class ClipArrays(NamedTuple):
    """The contents of clips; of one clip without the first axis.

    images: (B, T, rgb, height, width) float32, normalised
    edges:  (B, T, 272) float32, see `model.clips.skeleton_inputs.edge_values`
    nodes:  (B, T, joint, [x, y, score]) float32, x and y over the crop's height, zeros where unseen
    seen:   (B, T, joint) bool
    """

    images: NDArray[np.float32]
    edges: NDArray[np.float32]
    nodes: NDArray[np.float32]
    seen: NDArray[np.bool_]


class ClipShape(NamedTuple):
    """B clips of T frames of height × width pixels: what memory is laid out for."""

    clips: int
    frames: int
    height: int
    width: int

    @property
    def arrays(self) -> tuple[tuple[tuple[int, ...], type[np.generic]], ...]:
        """Shape and dtype of each of `ClipArrays`."""
        lead = (self.clips, self.frames)
        joints = len(JOINTS)
        return (
            ((*lead, 3, self.height, self.width), np.float32),
            ((*lead, EDGE_VALUES), np.float32),
            ((*lead, joints, 3), np.float32),
            ((*lead, joints), np.bool_),
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

    def read(self, frames: NDArray[np.int64], drawn: Augmentation, out: ClipArrays) -> None:
        """Write one clip into `out`.

        frames: (T,) rows of /frames; drawn: how the clip is augmented, all its frames alike
        out:    the arrays of one clip: (T, …)
        Raises ValueError for an image that is not there or does not decode, or leaves the root.
        """
        edges = self._edges.read_frames("edges", frames)
        nodes = self._graphs.read_frames("nodes", frames)
        seen = self._graphs.read_frames("seen", frames)
        aspect = np.empty(len(frames))
        for place, row in enumerate(frames.tolist()):
            image = self._image(row)
            aspect[place] = (image.shape[1] - 1) / image.shape[0]
            write_frame(image, self.images, drawn, out.images[place])
        if drawn.flip:
            edges = flip_edges(edges, str(self._edges.recipe.get("angle")))
            nodes, seen = flip_nodes(nodes, seen, aspect)
        out.edges[...] = edge_values(edges)
        out.nodes[...] = nodes
        out.seen[...] = seen

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

"""A small split to cut clips from: JPEG files, and edges and graphs that the pipeline's own formulas made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import Modality, SplitIndex, Status, Tracks
from data_cache.contract.writer import CacheWriter
from model.clips.clip_files import ClipFiles
from pipeline.skeletons.edges import pairwise_edges
from pipeline.skeletons.graphs import graph_nodes
from pipeline.skeletons.seen_keypoints import seen_joints
from tests.factories import JOINTS, put_graph

MIN_SCORE = 0.3
FOLDERS = {Modality.INFRARED: "ir", Modality.VISIBLE: "rgb"}


@dataclass(frozen=True)
class Track:
    """One track to be made."""

    person: int
    modality: Modality
    camera: int
    frames: int


def person_tracks(person: int, infrared: int, visible: int, frames: int = 13) -> list[Track]:
    """So many tracks of each modality; cameras do not overlap."""
    return [Track(person, Modality.INFRARED, 2, frames) for _ in range(infrared)] + [
        Track(person, Modality.VISIBLE, 1 + 2 * (number % 2), frames) for number in range(visible)
    ]


def track_table(tracks: list[Track]) -> Tracks:
    """Tracks that tile the frames in the given order."""
    stop = np.cumsum([track.frames for track in tracks])
    return Tracks(
        person=np.array([track.person for track in tracks], np.int32),
        camera=np.array([track.camera for track in tracks], np.int16),
        modality=np.array([int(track.modality) for track in tracks], np.uint8),
        start=np.concatenate([[0], stop[:-1]]).astype(np.int64),
        stop=stop.astype(np.int64),
    )


@dataclass(frozen=True, eq=False)
class ClipTree:
    """Files on disk, and what they were made from; keypoints are whole pixels, so their mirror images are exact."""

    files: ClipFiles
    index: SplitIndex
    status: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]
    size: NDArray[np.int32]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(frame, joint) bool."""
        return seen_joints(self.score, self.status, MIN_SCORE)


def write_clip_tree(
    root: Path,
    tracks: list[Track],
    *,
    status: NDArray[np.uint8] | None = None,
    split: str = "train",
    dataset: str = "sample",
    seed: int = 0,
    angle: str = "arctan",
) -> ClipTree:
    """Write images of some 31 × 17 pixels, no two alike, and their caches."""
    random = np.random.default_rng(seed)
    table = track_table(tracks)
    frames = int(table.stop[-1])
    paths = [
        f"{split.title()}/{track.person:04d}/{FOLDERS[track.modality]}/D{track.camera}/{number}-{frame}.jpg"
        for number, track in enumerate(tracks)
        for frame in range(track.frames)
    ]
    status = np.zeros(frames, np.uint8) if status is None else status
    size = random.integers([29, 13], [41, 23], (frames, 2)).astype(np.int32)
    for path, frame_status, (height, width) in zip(paths, status, size, strict=True):
        if frame_status == Status.OK:
            write_image(root / path, random.integers(0, 256, (height, width, 3)).astype(np.uint8))
    size[status != Status.OK] = 0
    keypoints = random.integers(0, 13, (frames, JOINTS, 2)).astype(np.float32)
    score = random.uniform(0, 1, (frames, JOINTS)).astype(np.float32)
    files = ClipFiles(root, root / "caches" / f"edges-{split}.h5", root / "caches" / f"graphs-{split}.h5")
    files.edges.parent.mkdir(exist_ok=True)
    tree = ClipTree(files, SplitIndex(dataset, split, tuple(paths), table), status, keypoints, score, size)
    write_caches(tree, {"min_score": MIN_SCORE, "keypoints": {"seed": seed}}, angle)
    return tree


def write_caches(tree: ClipTree, recipe: dict[str, Any], angle: str = "arctan") -> None:
    """Write edges and graphs of a tree by the pipeline's own formulas."""
    height, seen = tree.size[:, 0], tree.seen
    with CacheWriter(tree.files.edges, "edges", tree.index, {**recipe, "angle": angle}, status=tree.status) as writer:
        writer.append({"edges": pairwise_edges(tree.keypoints, seen, height, angle)})  # type: ignore[arg-type]
    with CacheWriter(tree.files.graphs, "graphs", tree.index, recipe, status=tree.status) as writer:
        writer.append({"nodes": graph_nodes(tree.keypoints, tree.score, seen, height), "seen": seen})
        put_graph(writer)


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a JPEG of high quality."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 95])

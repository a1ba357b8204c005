"""The files that clips are read from: JPEG tree, edges and graphs of one split, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.pair_measures import ANGLES
from data_cache.contract.reader import CacheReader, open_cache
from data_cache.contract.verified_content import verified_origin
from data_cache.files.frame_images import frame_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_cache.contract.origin import Origin
    from data_cache.contract.records import Tracks
    from model.clips.clips import ClipTracks

_AGAIN = "make the caches again with dvc repro"


@dataclass(frozen=True)
class ClipFiles:
    """root: folder that frame paths are relative to; edges, graphs: cache files of one split.

    fill_gaps: whether joints that a frame does not show are read from other frames of its track (`model.fill_gaps`)
    """

    root: Path
    edges: Path
    graphs: Path
    fill_gaps: bool = False


@dataclass(frozen=True, eq=False)
class SplitFiles:
    """The files of one split that were found to fit each other.

    tracks:  every track of the split
    status:  (frame,) uint8, a `Status`
    paths:   file of each frame, relative to the root
    recipes: what made the files, by kind: `edges` and `graphs`
    origins: what they were made from and hold, verified to their last byte
    """

    files: ClipFiles
    tracks: Tracks
    status: NDArray[np.uint8]
    paths: tuple[str, ...]
    recipes: dict[str, dict[str, Any]]
    origins: dict[str, Origin]


def open_split(files: ClipFiles, dataset: str, split: str) -> SplitFiles:
    """Check that edges and graphs are those of `split` of `dataset`, made from the same keypoints.

    Raises FileNotFoundError for a missing file or folder, ValueError with both values for files that do not fit.
    """
    if not files.root.is_dir():
        raise FileNotFoundError(f"{files.root}: no such folder; set root to the folder of the data set's frames")
    for path in (files.edges, files.graphs):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such cache file of the {split} split; {_AGAIN}")
    with open_cache(files.edges, "edges") as edges, open_cache(files.graphs, "graphs") as graphs:
        for reader in (edges, graphs):
            for name, expected, got in (("dataset", dataset, reader.dataset), ("split", split, reader.split)):
                if got != expected:
                    raise ValueError(f"{reader.path}: {name}: expected {expected!r}, got {got!r}; {_AGAIN}")
        _check_same(edges, graphs)
        if edges.recipe.get("angle") not in ANGLES:
            raise ValueError(
                f"{edges.path}: recipe: angle: expected one of {', '.join(ANGLES)}, got {edges.recipe.get('angle')!r};"
                " without it clips cannot be flipped"
            )
        recipes = {"edges": edges.recipe, "graphs": graphs.recipe}
        origins = {"edges": verified_origin(edges), "graphs": verified_origin(graphs)}
        _check_same_keypoints(files, origins)
        return SplitFiles(files, edges.tracks, edges.status, edges.paths, recipes, origins)


def _check_same(edges: CacheReader, graphs: CacheReader) -> None:
    both = f"{edges.path} and {graphs.path}"
    if edges.frames != graphs.frames:
        raise ValueError(f"{both}: expected as many frames in both, got {edges.frames} and {graphs.frames}; {_AGAIN}")
    if len(edges.tracks) != len(graphs.tracks):
        counts = f"{len(edges.tracks)} and {len(graphs.tracks)}"
        raise ValueError(f"{both}: expected as many tracks in both, got {counts}; {_AGAIN}")
    columns = graphs.tracks.columns()
    same = all(np.array_equal(values, columns[name]) for name, values in edges.tracks.columns().items())
    if not same or edges.paths != graphs.paths or not np.array_equal(edges.status, graphs.status):
        raise ValueError(f"{both}: expected the same frames and tracks in both, got others; {_AGAIN}")
    for key in ("keypoints", "min_score"):
        if edges.recipe.get(key) != graphs.recipe.get(key):
            raise ValueError(
                f"{both}: recipe: {key}: expected the same in both,"
                f" got {edges.recipe.get(key)} and {graphs.recipe.get(key)}; {_AGAIN}"
            )


def _check_same_keypoints(files: ClipFiles, origins: dict[str, Origin]) -> None:
    edges, graphs = (origins[kind].find("keypoints") for kind in ("edges", "graphs"))
    if edges is not None and graphs is not None and edges.content != graphs.content:
        raise ValueError(
            f"{files.edges} and {files.graphs}: origin: expected the same keypoints in both,"
            f" got sha256 {edges.content} and {graphs.content}; {_AGAIN}"
        )


def check_images(split: SplitFiles, tracks: ClipTracks) -> None:
    """Look whether the first and the last good frame of every track lie below the root.

    Raises ValueError with the numbers where some do not: the images are another data set's, or incomplete.
    """
    wanted = [row for track in range(len(tracks)) for row in tracks.end_frames(track)]
    missing = [row for row in wanted if not frame_file(split.files.root, split.paths[row]).is_file()]
    if missing:
        raise ValueError(
            f"{split.files.root}: expected the images that {split.files.edges} was made from, but"
            f" {len(missing)} of {len(wanted)} looked for are not there, the first {split.paths[missing[0]]};"
            " set root to the folder of this data set, or make the caches again with dvc repro"
        )

"""The edges or graphs file beside a keypoints file, if there is one and it was made from these keypoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.run_command import one_line
from data_cache.contract.hdf5_checks import AGAIN
from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.viewer.frame_names import FrameNames

if TYPE_CHECKING:
    from data_cache.contract.reader import CacheReader


@dataclass(frozen=True, eq=False)
class GuidanceFile:
    """Edges or graphs to look at; without a reader, `problem` says why and what to do."""

    reader: CacheReader | None
    names: FrameNames | None
    problem: str

    def close(self) -> None:
        """Close the file if it is open."""
        if self.reader is not None and self.names is not None:
            self.reader.close()
            self.names.close()


def open_guidance(kind: str, keypoints: CacheReader, named: Path | None) -> GuidanceFile:
    """Open the file of `kind` that belongs to `keypoints`: `named`, else the one in the folder beside.

    Raises what `open_cache` raises, and ValueError for another split or other keypoints, for a file that was
    named; for one that was only looked for that is its `problem`.
    """
    if named is not None:
        return _open(kind, keypoints, named)
    beside = keypoints.path.absolute().parent.parent / kind / f"{keypoints.split}.h5"
    if not beside.exists():
        problem = f"no {kind} here: {beside} does not exist; `dvc repro {kind}` makes it, or name it with --{kind} FILE"
        return GuidanceFile(None, None, problem)
    try:
        return _open(kind, keypoints, beside)
    except (ValueError, OSError) as error:
        return GuidanceFile(None, None, f"no {kind} here: {one_line(error)}")


def _open(kind: str, keypoints: CacheReader, path: Path) -> GuidanceFile:
    reader = open_cache(path, kind)
    try:
        _check_fit(reader, keypoints)
        return GuidanceFile(reader, FrameNames(path, kind), "")
    except BaseException:
        reader.close()
        raise


def _check_fit(reader: CacheReader, keypoints: CacheReader) -> None:
    for name in ("dataset", "split", "frames"):
        wanted, found = getattr(keypoints, name), getattr(reader, name)
        if wanted != found:
            raise ValueError(f"{reader.path}: expected {name} {wanted!r} as in the keypoints file, got {found!r}")
    for name, values in keypoints.tracks.columns().items():
        if name != "role" and not np.array_equal(values, getattr(reader.tracks, name)):
            raise ValueError(
                f"{reader.path}: /tracks/{name}: expected that of the keypoints file, got another; {AGAIN}"
            )
    if reader.recipe.get("keypoints") != keypoints.recipe:
        raise ValueError(f"{reader.path}: expected it to be made from these keypoints, got another recipe; {AGAIN}")


def edges_of(file: GuidanceFile, row: int, path: str) -> dict[str, Any]:
    """Return distance and angle of every pair of joints of a frame, (joint, other_joint) lists, and what they are in.

    Raises ValueError when the row is another frame than `path`.
    """
    reader = _same_frame(file, row, path)
    edges = reader.read("edges", row, row + 1)[0]
    normalize = reader.recipe.get("normalize")
    return {
        "usable": bool(reader.status[row] == Status.OK),
        "distance": edges[..., 0].tolist(),
        "angle": edges[..., 1].tolist(),
        "unit": "pixels" if normalize == "none" else "crop heights",
        "min_score": reader.recipe.get("min_score"),
    }


def graph_of(file: GuidanceFile, row: int, path: str) -> dict[str, Any]:
    """Return nodes (joint, x y score), seen flags, spatial edges and parts of a frame, and the temporal rule.

    Raises ValueError when the row is another frame than `path`.
    """
    reader = _same_frame(file, row, path)
    edges, parts = reader.layout.find("/graph/spatial_edges"), reader.layout.find("/graph/parts")
    return {
        "usable": bool(reader.status[row] == Status.OK),
        "nodes": reader.read("nodes", row, row + 1)[0].tolist(),
        "seen": reader.read("seen", row, row + 1)[0].tolist(),
        "spatial_edges": reader.read(edges.name, 0, edges.shape(0, 0)[0]).T.tolist(),
        "parts": reader.read(parts.name, 0, parts.shape(0, 0)[0]).tolist(),
        "part_names": list(reader.read_names("/graph/part_names")),
        "temporal": reader.layout.texts["/graph", "temporal"],
        "min_score": reader.recipe.get("min_score"),
    }


def _same_frame(file: GuidanceFile, row: int, path: str) -> CacheReader:
    assert file.reader is not None
    assert file.names is not None
    if file.names[row] != path:
        raise ValueError(f"{file.reader.path}: frame {row}: expected {path!r}, got {file.names[row]!r}; {AGAIN}")
    return file.reader

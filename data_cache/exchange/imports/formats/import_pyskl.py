"""Skeletons out of a pickle of PYSKL and mmaction2 (https://github.com/kennymckormick/pyskl, `tools/data`).

``{"split": …, "annotations": [{frame_dir, total_frames, img_shape: (height, width), keypoint: (person, frame, joint,
xy), keypoint_score: (person, frame, joint), …}, …]}``, or the list of annotations alone; one annotation a track. Read
without calling anything that the file names (`data_cache.exchange.imports.formats.plain_pickle`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.exports.exported_frames import track_name
from data_cache.exchange.imports.formats.plain_pickle import load_plain
from data_cache.exchange.imports.frame_names import without_ending
from data_cache.exchange.imports.skeleton_table import MAX_EXTENT, is_blank, shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.exchange.imports.skeleton_table import SkeletonTable

# Of our own export: the frames of the annotation, their sizes, and the track's row in /tracks.
PATHS_KEY, SIZES_KEY, TRACK_KEY = "frame_paths", "frame_sizes", "track"
_BLOCK_BYTES = 1 << 20


def read_pyskl(source: Path, table: SkeletonTable) -> dict[str, str]:
    """Fill `table` with the annotations of `source`; of several persons in a frame, that with the highest mean score.

    A frame in which all coordinates and scores of a person are 0 or NaN has none of that person. Returns what the
    recipe says of the file: name and sha256. Raises ValueError naming the file, and the annotation where there is one.
    """
    digest = _digest(source)
    content = load_plain(source)
    annotations = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(annotations, list) or not all(isinstance(entry, dict) for entry in annotations):
        raise ValueError(f"{source}: expected a list of annotations, or a dictionary with one, found something else")
    tracks = _TracksByName(table)
    for number, annotation in enumerate(annotations):
        _offer_annotation(f"{source}: annotation {number}", annotation, table, tracks)
    return {"source": source.name, "sha256": digest}


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


class _TracksByName:
    """The rows of the track that a `frame_dir` names.

    Names are: the track's row in /tracks, from 0 (`17`, `000017`); the name that our own export gives it
    (`track00017_person0007_camera2_infrared`); the path of its first frame, with or without its ending; the folder of
    its frames, where no other track has frames in it.
    """

    def __init__(self, table: SkeletonTable) -> None:
        index = table.index
        self._rows_of_paths = table.rows_of_paths()
        self._taken: set[int] = set()
        self._ranges = list(zip(index.tracks.start.tolist(), index.tracks.stop.tolist(), strict=True))
        self._names: dict[str, set[int]] = {}
        for track, (start, stop) in enumerate(self._ranges):
            first = index.paths[start]
            folders = {path.rpartition("/")[0] for path in index.paths[start:stop]}
            for name in {first, without_ending(first), track_name(index.tracks, track), *folders}:
                self._names.setdefault(name, set()).add(track)

    def find(self, where: str, name: str) -> list[int] | None:
        """Rows of the track of this name, None if there is none; ValueError for a name that several tracks have."""
        if name.isascii() and name.isdigit() and len(name) <= 10:
            return list(range(*self._ranges[int(name)])) if int(name) < len(self._ranges) else None
        tracks = self._names.get(name.strip("/"), set())
        if len(tracks) > 1:
            raise ValueError(
                f"{where}: frame_dir {name[:80]!r}: expected the name of one track, found that of {len(tracks)}: name"
                f" it by its row in /tracks ({min(tracks)}, …) or by the path of its first frame"
            )
        return list(range(*self._ranges[tracks.copy().pop()])) if tracks else None

    def find_paths(self, where: str, paths: object, track: object) -> list[int] | None:
        """Rows of these frames, in their order; None if they are not of the split.

        A path may stand for frames of several tracks: then `track`, the row in /tracks, says which, if it fits.
        """
        if not isinstance(paths, list | tuple) or not paths or not all(isinstance(path, str) for path in paths):
            raise ValueError(f"{where}: {PATHS_KEY}: expected a list of paths, found something else")
        found = [self._rows_of_paths.get(path, []) for path in paths]
        if not all(found):
            return None
        starts = found[0]
        if isinstance(track, int) and 0 <= track < len(self._ranges):
            starts = [self._ranges[track][0], *starts]
        for start in starts:
            rows = list(range(start, start + len(paths)))
            if all(row in places for row, places in zip(rows, found, strict=True)):
                return rows
        return [places[0] for places in found]

    def take(self, row: int) -> bool:
        """Take the frames from `row` on; False if they were taken before."""
        new = row not in self._taken
        self._taken.add(row)
        return new


def _offer_annotation(where: str, annotation: dict[Any, Any], table: SkeletonTable, tracks: _TracksByName) -> None:
    keypoints, score = _joints(where, annotation)
    rows = _rows(where, annotation, keypoints.shape[1], table, tracks)
    if rows is None:
        table.strangers += keypoints.shape[1]
        return
    _check_shapes(where, annotation)
    sizes = _sizes(where, annotation, len(rows))
    for place, row in enumerate(rows):
        if sizes is not None:
            table.note_size(row, *sizes[place])
        for person in range(len(keypoints)):
            xy, values = keypoints[person, place], score[person, place]
            if not is_blank(xy, values):
                table.offer(row, xy, values)


def _joints(where: str, annotation: dict[Any, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(person, frame, joint, xy) and (person, frame, joint) numbers."""
    found = []
    for key, tail in (("keypoint", (len(JOINTS), 2)), ("keypoint_score", (len(JOINTS),))):
        array = annotation.get(key)
        if not isinstance(array, np.ndarray) or array.ndim != 2 + len(tail) or array.shape[2:] != tail:
            shape = f"shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            axes = ", ".join(("person", "frame", *map(str, tail)))
            raise ValueError(
                f"{where}: {key}: expected an array ({axes}) of the {len(JOINTS)} COCO joints, found {shape}"
            )
        found.append(array)
    keypoints, score = found
    if keypoints.shape[:2] != score.shape[:2] or not keypoints.shape[0]:
        raise ValueError(
            f"{where}: expected keypoint and keypoint_score of as many persons and frames, at least one person, found"
            f" {keypoints.shape[:2]} and {score.shape[:2]}"
        )
    total = annotation.get("total_frames")
    if total is not None and (not isinstance(total, int) or total != keypoints.shape[1]):
        raise ValueError(
            f"{where}: expected total_frames {keypoints.shape[1]} as the keypoints have, found {shown(total)}"
        )
    return keypoints, score


def _rows(
    where: str, annotation: dict[Any, Any], frames: int, table: SkeletonTable, tracks: _TracksByName
) -> list[int] | None:
    """Rows of the annotation's frames, None where it is of no track of the split."""
    name = annotation.get("frame_dir")
    if not isinstance(name, str):
        raise ValueError(f"{where}: frame_dir: expected the name of a track, found {type(name).__name__}")
    paths = annotation.get(PATHS_KEY)
    rows = tracks.find(where, name) if paths is None else tracks.find_paths(where, paths, annotation.get(TRACK_KEY))
    if rows is None:
        return None
    if len(rows) != frames:
        raise ValueError(
            f"{where}: frame_dir {name[:80]!r}: expected {len(rows)} frames as the track has, found {frames}; name the"
            " split that the annotations were made of with --frames"
        )
    if table.offered[rows].any() or not tracks.take(rows[0]):
        raise ValueError(
            f"{where}: frame_dir {name[:80]!r}: expected one annotation a track, found a second one of the same frames"
        )
    return rows


def _sizes(where: str, annotation: dict[Any, Any], frames: int) -> NDArray[Any] | None:
    """Height and width of each frame, (frame, 2), as our own export has them; None: the file does not say.

    `img_shape` is one size a video, so it is nobody's: the crops of a tracklet differ in size.
    """
    sizes = annotation.get(SIZES_KEY)
    if sizes is None or (isinstance(sizes, np.ndarray) and sizes.shape == (frames, 2)):
        return sizes
    raise ValueError(f"{where}: {SIZES_KEY}: expected an array of shape ({frames}, 2), found another")


def _check_shapes(where: str, annotation: dict[Any, Any]) -> None:
    """ValueError where the keypoints are not in pixels of the frames: `img_shape` is another than `original_shape`."""
    shape, original = (_extents(where, key, annotation.get(key)) for key in ("img_shape", "original_shape"))
    if shape is not None and original is not None and original != shape:
        raise ValueError(
            f"{where}: expected img_shape (height, width), and original_shape the same, found {shape} and {original};"
            " scale the keypoints to the frames, and img_shape with them"
        )


def _extents(where: str, key: str, value: object) -> tuple[int, int] | None:
    """Height and width, two whole numbers, out of a tuple, list or array; None for None."""
    if value is None:
        return None
    pair = value.tolist() if isinstance(value, np.ndarray) and value.shape == (2,) else value
    if isinstance(pair, tuple | list):
        if len(pair) == 2 and all(type(extent) is int and 0 <= extent <= MAX_EXTENT for extent in pair):
            return pair[0], pair[1]
        found = ", ".join(map(shown, pair[:4])) or "nothing"
    else:
        found = shown(value)
    raise ValueError(f"{where}: expected {key} (height, width) in whole pixels, found {found}")

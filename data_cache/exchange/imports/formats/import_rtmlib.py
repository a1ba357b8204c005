"""Skeletons out of arrays of rtmlib (https://github.com/Tau-J/rtmlib), saved with `numpy.savez`.

rtmlib returns keypoints (person, joint, xy) and scores (person, joint) of an image and saves nothing; what people
save is ``keypoints`` (frame, joint, xy) or (frame, person, joint, xy) and ``scores`` (frame, joint) or (frame, person,
joint). An array ``paths`` says which frames they are; without it they are all frames of the split in their order. An
`.npy` has one array, whose last axis is x, y, score.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.imports.formats.plain_arrays import load_arrays
from data_cache.exchange.imports.frame_names import within_split
from data_cache.exchange.imports.skeleton_table import is_blank, shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.exchange.imports.skeleton_table import SkeletonTable

# rtmlib's layouts that begin with COCO's 17 joints in their order: COCO, Halpe, COCO-WholeBody.
_BEGIN_WITH_COCO = {17: "Body", 26: "BodyWithFeet", 133: "Wholebody"}
_OPENPOSE = (18, 27, 134)  # the same by to_openpose=True: a neck more, in another order
_BLOCK_BYTES = 1 << 20


def read_rtmlib(source: Path, table: SkeletonTable) -> dict[str, str]:
    """Fill `table` with the arrays of `source`; of several persons in a frame, that with the highest mean score.

    A person whose values are all 0 or NaN is not in the frame: how frames with fewer persons are filled up. Returns
    what the recipe says of the file: name and sha256. Raises ValueError naming the file for anything that is not as
    above.
    """
    arrays = load_arrays(source, ("keypoints", "scores", "paths"))
    keypoints, score = _joints(source, arrays)
    for place, rows in enumerate(_rows(source, arrays.get("paths"), len(keypoints), table)):
        table.strangers += not rows
        for row in rows:
            for xy, values in zip(keypoints[place], score[place], strict=True):
                if not is_blank(xy, values):
                    table.offer(row, xy, values)
    with source.open("rb") as file:
        return {"source": source.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _joints(source: Path, arrays: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(frame, person, joint, xy) and (frame, person, joint) numbers of our joints."""
    keypoints, score = arrays.get("keypoints"), arrays.get("scores")
    if keypoints is not None and score is None and keypoints.ndim > 1 and keypoints.shape[-1] == 3:
        keypoints, score = keypoints[..., :2], keypoints[..., 2]
    if keypoints is None or score is None:
        missing = "keypoints" if keypoints is None else "scores"
        raise ValueError(
            f"{source}: expected keypoints and scores, found no {missing}: without scores nothing says which joints"
            " were seen; save them with numpy.savez(FILE, keypoints=…, scores=…, paths=…)"
        )
    if keypoints.dtype.kind == "U" or score.dtype.kind == "U":
        raise ValueError(
            f"{source}: expected keypoints and scores as numbers, found {keypoints.dtype} and {score.dtype}"
        )
    if keypoints.ndim not in (3, 4) or keypoints.shape[-1] != 2 or score.shape != keypoints.shape[:-1]:
        raise ValueError(
            f"{source}: expected keypoints (frame, joint, 2) or (frame, person, joint, 2) and scores of the same shape"
            f" without the last axis, found {keypoints.shape} and {score.shape}"
        )
    count = keypoints.shape[-2]
    if count not in _BEGIN_WITH_COCO:
        known = ", ".join(f"{number} ({name})" for number, name in _BEGIN_WITH_COCO.items())
        reason = "in OpenPose's order: run it with to_openpose=False" if count in _OPENPOSE else "other joints"
        raise ValueError(f"{source}: expected {known} joints, found {count}, {reason}")
    if keypoints.ndim == 3:
        keypoints, score = keypoints[:, None], score[:, None]
    return keypoints[..., : len(JOINTS), :], score[..., : len(JOINTS)]


def _rows(source: Path, paths: NDArray[Any] | None, count: int, table: SkeletonTable) -> list[list[int]]:
    """Rows of each of `count` frames in the table; none for a frame that is not of the split."""
    frames = len(table.index.paths)
    if paths is None:
        if count != frames:
            raise ValueError(
                f"{source}: expected an array paths, or the {frames} frames of the split in their order, found {count};"
                " save the frames' paths with numpy.savez(FILE, keypoints=…, scores=…, paths=…)"
            )
        table.in_order = True
        return [[row] for row in range(frames)]
    if paths.dtype.kind != "U" or paths.shape != (count,):
        raise ValueError(f"{source}: expected {count} paths as text, found {paths.dtype} of shape {paths.shape}")
    rows = table.rows_of_paths()
    known = {within_split(path): places for path, places in rows.items()} | rows
    found = []
    taken: set[int] = set()
    for name in paths.tolist():
        places = known.get(name, [])
        if not taken.isdisjoint(places):
            raise ValueError(f"{source}: paths: expected every frame once, found {shown(name)} again; leave one out")
        taken.update(places)
        found.append(places)
    return found

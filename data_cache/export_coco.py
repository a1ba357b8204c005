"""COCO keypoint results from a keypoints file, for pycocotools, xtcocotools and what else reads them.

`<out>` is COCO's results format (a list of ``{image_id, category_id, keypoints, score}``, one a frame with status
ok), `<out>` with the ending ``.images.json`` the data set that the results refer to (images, the person category, no
annotations): ``COCO("results.images.json").loadRes("results.json")``. Formats: https://cocodataset.org, "data format"
and "results format". COCO counts joints of its skeleton from 1; so do the image ids: row of /frames + 1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.published_file import publish_files
from data_cache.reader import open_cache
from data_cache.records import Status
from data_cache.skeleton import JOINTS, limb_indices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.partial_file import PartialFile
    from data_cache.reader import CacheReader

PERSON = 1
ROWS = 2048


@dataclass(frozen=True)
class CocoExport:
    """What was written: the two files, how many frames have results and how many were left out."""

    results: Path
    images: Path
    written: int
    left_out: int


def images_path(out: Path) -> Path:
    """Return the name of the data set part that belongs to the results file `out` (ending .json)."""
    return out.with_suffix(".images.json")


def export_coco(path: Path, out: Path) -> CocoExport:
    """Write the results of the keypoints file `path` to `out`, and the images beside it; both whole or neither.

    Memory does not grow with the number of frames. Raises ValueError for a file that is not an intact keypoints
    file, and OSError where `out` cannot be written.
    """
    images = images_path(out)
    with open_cache(path, "keypoints") as reader, publish_files(out, images) as (results_file, images_file):
        written = _write_results(reader, results_file)
        _write_images(reader, images_file)
        return CocoExport(out, images, written, reader.frames - written)


def _write_results(reader: CacheReader, file: PartialFile) -> int:
    written = 0
    file.write(b"[")
    for rows in reader.rows(ROWS):
        ok = np.flatnonzero(reader.status[rows] == Status.OK)
        score = reader.read("score", rows.start, rows.stop)[ok]
        keypoints = reader.read("keypoints", rows.start, rows.stop)[ok]
        wrong = ~(np.isfinite(score).all(axis=1) & np.isfinite(keypoints).all(axis=(1, 2)))
        if wrong.any():
            row = rows.start + int(ok[wrong.argmax()])
            raise ValueError(
                f"{reader.path}: /frames/keypoints, /frames/score: expected numbers in row {row}, whose status is ok,"
                " got NaN or infinity; `check` lists what is wrong with the file"
            )
        _append_lines(file, result_lines(rows.start + ok + 1, keypoints, score), first=written == 0)
        written += len(ok)
    file.write(b"\n]\n")
    return written


def _append_lines(file: PartialFile, lines: Sequence[str], *, first: bool) -> None:
    if lines:
        file.write(("\n" if first else ",\n").encode() + ",\n".join(lines).encode())
        file.check()


def result_lines(image_id: NDArray[np.int64], keypoints: NDArray[np.float32], score: NDArray[np.float32]) -> list[str]:
    """Return one JSON object a frame.

    image_id: (frame,) integers; keypoints: (frame, joint, xy) float32; score: (frame, joint) float32, all finite.
    Numbers have the fewest digits that give the same float32 back. A frame's own score is the mean of its joints'.
    """
    table = np.concatenate([keypoints, score[:, :, None]], axis=2).reshape(len(score), 3 * len(JOINTS))
    texts = table.astype(np.str_).tolist()
    means = score.mean(axis=1, dtype=np.float64).astype(np.float32).astype(np.str_).tolist()
    return [
        f'{{"image_id": {number}, "category_id": {PERSON}, "keypoints": [{", ".join(values)}], "score": {mean}}}'
        for number, values, mean in zip(image_id.tolist(), texts, means, strict=True)
    ]


def person_category() -> dict[str, Any]:
    """Return COCO's `person` category with this project's joints and limbs, counted from 1 as COCO does."""
    return {
        "id": PERSON,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(JOINTS),
        "skeleton": (limb_indices() + 1).tolist(),
    }


def _write_images(reader: CacheReader, file: PartialFile) -> None:
    info = {
        "description": f"Frames of {reader.dataset}, split {reader.split}",
        "recipe": reader.recipe,
        "image_id": "row of /frames + 1",
    }
    head = {"info": info, "licenses": [], "categories": [person_category()], "annotations": []}
    file.write(f'{json.dumps(head)[:-1]}, "images": ['.encode())
    for rows in reader.rows(ROWS):
        size = reader.read("size", rows.start, rows.stop).tolist()
        lines = [
            json.dumps({"id": row + 1, "file_name": name, "height": height, "width": width})
            for row, name, (height, width) in zip(range(rows.start, rows.stop), reader.paths[rows], size, strict=True)
        ]
        _append_lines(file, lines, first=rows.start == 0)
    file.write(b"\n]}\n")

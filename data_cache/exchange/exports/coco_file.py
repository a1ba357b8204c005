"""What COCO's two kinds of files share: lists written item by item, images, and the person category.

Format: https://cocodataset.org, "data format". COCO counts the joints of its skeleton from 1; so do the image ids here:
row of /frames + 1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.skeleton import JOINTS, limb_indices
from data_cache.exchange.exports.exported_frames import split_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader
    from data_cache.files.partial_file import PartialFile

PERSON = 1


class JsonList:
    """A JSON list, one item a line, that is written while it is made."""

    def __init__(self, file: PartialFile) -> None:
        self.count = 0
        self._file = file
        file.write(b"[")

    def add(self, lines: Sequence[str]) -> None:
        """Append items, each given as JSON; OSError with a remedy if they cannot be written."""
        if lines:
            self._file.write((",\n" if self.count else "\n").encode() + ",\n".join(lines).encode())
            self._file.check()
            self.count += len(lines)

    def end(self) -> None:
        """Close the list."""
        self._file.write(b"\n]")


def person_category() -> dict[str, Any]:
    """Return COCO's `person` category with this project's joints and limbs, counted from 1 as COCO does."""
    return {
        "id": PERSON,
        "name": "person",
        "supercategory": "person",
        "keypoints": list(JOINTS),
        "skeleton": (limb_indices() + 1).tolist(),
    }


def write_images(
    file: PartialFile, reader: CacheReader, ranges: Sequence[range], info: Mapping[str, Any], rest: Mapping[str, Any]
) -> None:
    """Write the start of a data set file: what it is, the category, `rest`, and an image for each row of `ranges`.

    The object stays open: its last brace is the caller's. A frame whose status is not ok has size 0 × 0.
    """
    about = {
        "description": f"Frames of {reader.dataset}, split {reader.split}",
        "recipe": reader.recipe,
        "image_id": "row of /frames + 1",
        **info,
    }
    head = {"info": about, "licenses": [], "categories": [person_category()], **rest}
    file.write(f'{json.dumps(head)[:-1]}, "images": '.encode())
    images = JsonList(file)
    for rows in split_rows(ranges):
        size = reader.read("size", rows.start, rows.stop).tolist()
        images.add(
            [
                json.dumps({"id": row + 1, "file_name": reader.paths[row], "height": height, "width": width})
                for row, (height, width) in zip(rows, size, strict=True)
            ]
        )
    images.end()


def shortest_texts(values: NDArray[np.float32]) -> list[list[str]]:
    """Return (row, column) float32 as text with the fewest digits that give the same float32 back."""
    texts: list[list[str]] = values.astype(np.str_).tolist()
    return texts

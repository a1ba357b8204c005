"""Skeletons out of COCO keypoint results and the data set JSON that they refer to (https://cocodataset.org).

Results: a list of ``{image_id, category_id, keypoints: [x, y, score, …], score}``; data set: ``images`` with ``id``,
``file_name`` (the frame's path from the data set's root), ``height`` and ``width``, and ``categories`` with the
person's ``keypoints``, whose names say which joint is which.

AlphaPose's results are the same, but refer to no data set: their ``image_id`` is the image's name, their joints are in
COCO's order (https://github.com/MVIG-SJTU/AlphaPose, docs/output.md).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.imports.formats.json_items import read_items
from data_cache.exchange.imports.frame_names import within_split
from data_cache.exchange.imports.skeleton_table import shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.exchange.imports.skeleton_table import SkeletonTable

_EXACT = 1 << 53  # up to here a float64 is one whole number


def read_coco(source: Path, images: Path | None, table: SkeletonTable) -> dict[str, str]:
    """Fill `table` with the results of `source`; of several for an image, the one with the highest score.

    images: the data set's JSON; None: `image_id` is the name of the image, as AlphaPose writes it

    Returns what the recipe says of the files: names and sha256. Raises ValueError naming the file, and the frame where
    there is one, for anything that is not as above.
    """
    described = {}
    if images is None:
        frames: _DataSet | _NamedImages = _NamedImages(source, table)
    else:
        images_digest = hashlib.sha256()
        frames = _DataSet(images, table)
        for key, item in read_items(images, images_digest):
            frames.take(key, item)
        described = {"images": images.name, "images_sha256": images_digest.hexdigest()}
    category, order = frames.finish()
    digest = hashlib.sha256()
    for number, (key, result) in enumerate(read_items(source, digest)):
        where = f"{source}: result {number}"
        if key is not None or not isinstance(result, dict):
            raise ValueError(
                f"{source}: expected a list of results, found {'an object' if key is not None else repr(result)[:40]};"
                " give the results file here and the data set's JSON with --images"
            )
        rows = frames.rows_of_image(where, result.get("image_id"))
        if result.get("category_id") != category:
            raise ValueError(
                f"{where}: expected category_id {category} ({images or 'AlphaPose'}: person), found"
                f" {shown(result.get('category_id'))}"
            )
        table.strangers += not rows
        for row in rows:
            joints = _joint_table(table, row, result.get("keypoints"))[order]
            table.offer(row, joints[:, :2], joints[:, 2], _rank(table, row, result.get("score")))
    return {"source": source.name, "sha256": digest.hexdigest(), **described}


def _joint_table(table: SkeletonTable, row: int, values: object) -> NDArray[Any]:
    wanted = f"{3 * len(JOINTS)} numbers x, y, score"
    if not isinstance(values, list) or len(values) != 3 * len(JOINTS):
        found = f"{len(values)}" if isinstance(values, list) else type(values).__name__
        raise table.refusal(row, wanted, found)
    if not all(type(value) in (int, float) for value in values):
        raise table.refusal(row, wanted, "other values")
    try:
        return np.array(values, np.float64).reshape(len(JOINTS), 3)
    except OverflowError:
        raise table.refusal(row, wanted, "a number of hundreds of digits") from None


def _rank(table: SkeletonTable, row: int, score: object) -> float:
    if not isinstance(score, int | float) or isinstance(score, bool) or not abs(score) < 1e300:
        raise table.refusal(row, "a number as the result's score", shown(score))
    return float(score)


def _whole(value: object) -> int | None:
    """An id as a whole number, None for what is none; tables with gaps turn 7 into 7.0."""
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value if type(value) is int else None


class _DataSet:
    """Images and categories of the data set's JSON, as far as the split's frames need them."""

    def __init__(self, path: Path, table: SkeletonTable) -> None:
        self._path = path
        self._table = table
        table.sizes_source = path
        self._rows = table.rows_of_paths()
        self._taken: dict[str, int] = {}
        self._row_of: dict[object, int | None] = {}
        self._persons: list[dict[str, Any]] = []

    def take(self, key: str | None, item: object) -> None:
        """Look at one item of the file."""
        if key == "images":
            self._take_image(item)
        elif key == "categories" and isinstance(item, dict) and item.get("name") == "person":
            self._persons.append(item)

    def _take_image(self, image: object) -> None:
        number = _whole(image.get("id")) if isinstance(image, dict) else None
        if not isinstance(image, dict) or not isinstance(image.get("file_name"), str) or number is None:
            raise ValueError(f"{self._path}: images: expected id and file_name, found {repr(image)[:80]}")
        name = image["file_name"]
        if number in self._row_of:
            raise ValueError(
                f"{self._path}: images: expected every id once, found {shown(number)} again"
                f" ({name[:80]}); give each image its own"
            )
        rows = self._rows.get(name)
        if rows is None:
            self._row_of[number] = None
            return
        taken = self._taken.get(name, 0)
        if taken == len(rows):
            raise ValueError(f"{self._path}: images: expected {name} {taken} times as in the split, found it again")
        self._taken[name] = taken + 1
        self._row_of[number] = rows[taken]
        height, width = image.get("height"), image.get("width")
        if height is not None or width is not None:
            self._table.note_size(rows[taken], height, width)

    def finish(self) -> tuple[object, NDArray[np.int64]]:
        """The person category's id and the place of each of our joints among its keypoints."""
        if len(self._persons) != 1:
            raise ValueError(
                f"{self._path}: categories: expected one category named person with its keypoints' names, found"
                f" {len(self._persons)}; give the JSON of the data set (images, categories) with --images"
            )
        names = self._persons[0].get("keypoints")
        if not isinstance(names, list) or sorted(map(str, names)) != sorted(JOINTS):
            found = f"{len(names)}: {', '.join(map(str, names))}"[:120] if isinstance(names, list) else "none"
            raise ValueError(
                f"{self._path}: categories: expected the {len(JOINTS)} COCO joints by name ({JOINTS[0]} …"
                f" {JOINTS[-1]}), found {found}"
            )
        if self._row_of and not self._taken:
            raise ValueError(
                f"{self._path}: images: no file_name is a frame of the split: expected paths from the data set's root"
                f" such as {self._table.index.paths[0]}; name the split's own file with --frames, or rename the images"
            )
        return self._persons[0].get("id"), np.array([names.index(joint) for joint in JOINTS])

    def rows_of_image(self, where: str, image_id: object) -> list[int]:
        """Row of an image, none for one that is no frame of the split; ValueError for an id that has no image."""
        number = _whole(image_id)
        if number not in self._row_of:
            raise ValueError(
                f"{where}: expected an image_id of {self._path}, a whole number, found {shown(image_id)}; give the JSON"
                " of the data set that the results are of with --images"
            )
        row = self._row_of[number]
        return [] if row is None else [row]


class _NamedImages:
    """Images that are known by their names: the frame's path, without the split's folder, or its basename alone."""

    def __init__(self, source: Path, table: SkeletonTable) -> None:
        self._source = source
        self._table = table
        self._rows = table.rows_of_paths()
        self._paths: dict[str, list[str]] = {}
        for path in self._rows:
            for name in {path, within_split(path), path.rpartition("/")[2]}:
                self._paths.setdefault(name, []).append(path)

    def finish(self) -> tuple[object, NDArray[np.int64]]:
        """AlphaPose's number of a person, and its joints in our order, which is COCO's."""
        return 1, np.arange(len(JOINTS))

    def rows_of_image(self, where: str, image_id: object) -> list[int]:
        """Rows of the frame of this name, none if it is of no frame of the split.

        Raises ValueError for what is no name, and for one that several frames have.
        """
        if not isinstance(image_id, str):
            raise ValueError(
                f"{where}: expected the data set's JSON, which says which image is which frame: name it with --images"
                f" FILE.images.json, or give the image's name as image_id, found {shown(image_id)}"
            )
        paths = self._paths.get(image_id, [])
        if len(paths) > 1:
            raise ValueError(
                f"{where}: image_id {shown(image_id)}: expected the name of one frame, found that of {len(paths)}:"
                f" {paths[0]}, {paths[1]}; AlphaPose keeps an image's basename alone: put the path from the data set's"
                " root there"
            )
        return self._rows[paths[0]] if paths else []

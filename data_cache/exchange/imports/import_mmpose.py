"""Skeletons out of the predictions of MMPose's inferencer: ``MMPoseInferencer(…)(images, pred_out_dir=FOLDER)``.

The inferencer writes one JSON an image, a list of the persons in it: ``{keypoints: [[x, y], …], keypoint_scores: […],
bbox, bbox_score}`` (mmpose 1.1.0, `BaseMMPoseInferencer.postprocess`). It names the file by the image's basename alone,
so that frames `1.jpg` of different folders overwrite each other: a data set like HITSZ-VCM has to be run a folder at a
time, into a tree that mirrors its own.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from data_cache.exchange.imports.frame_names import find_clash, first_match, whole, within_split
from data_cache.files.frame_images import frame_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_cache.exchange.imports.frame_names import Spelling
    from data_cache.exchange.imports.skeleton_table import SkeletonTable

MAX_BYTES = 1 << 23  # of one prediction
_EACH_FOLDER = (
    "run the inferencer a folder at a time, with pred_out_dir=PREDICTIONS/<folder of the frames>, and import"
    " PREDICTIONS"
)


def read_mmpose(source: Path, table: SkeletonTable) -> dict[str, str]:
    """Fill `table` with the predictions in folder `source`; of several persons, the one with the highest mean score.

    A frame without a prediction, or with nobody in it, gets no skeleton. Returns what the recipe says of the folder:
    its name, and the sha256 of names and content of the predictions used. Raises ValueError naming the file for
    anything that is no such prediction, and where two frames would share one.
    """
    if not source.is_dir():
        raise ValueError(
            f"{source}: expected the folder of the inferencer's predictions (pred_out_dir), found no folder"
        )
    rows = table.rows_of_paths()
    names = _prediction_names(source, rows)
    digest = hashlib.sha256()
    used = 0
    for path, places in rows.items():
        data = _read(source, names[path])
        if data is None:
            continue
        used += 1
        digest.update(f"{names[path]}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        for person in _persons(source / names[path], data):
            for row in places:
                table.offer(row, person["keypoints"], person["keypoint_scores"])
    table.strangers = max(0, _count_predictions(source) - used)
    return {"source": source.resolve().name, "sha256": digest.hexdigest()}


def _prediction_names(source: Path, paths: Iterable[str]) -> dict[str, str]:
    """The prediction of every frame, relative to `source`: in a tree like the data set's, or flat."""
    spellings = [_mirrored(whole), _mirrored(within_split), _flat]
    naming = first_match(spellings, paths, lambda name: (source / name).is_file())
    if naming is None:
        raise ValueError(
            f"{source}: no prediction is of a frame of the split, expected names such as"
            f" {_mirrored(within_split)(next(iter(paths), '0001/rgb/D3/1.jpg'))}; name the folder that was given to the"
            " inferencer as pred_out_dir, and the split's own file with --frames"
        )
    clash = find_clash(naming, paths)
    if clash is not None:
        name, first, second = clash
        raise ValueError(
            f"{source}: {name} would be the prediction of {first} and of {second}: MMPose names predictions by the"
            f" image's basename, so that later ones overwrite earlier ones; {_EACH_FOLDER}"
        )
    return {path: naming(path) for path in paths}


def _flat(path: str) -> str:
    return f"{PurePosixPath(path).stem}.json"


def _mirrored(spelling: Spelling) -> Spelling:
    return lambda path: str(PurePosixPath(spelling(path)).with_suffix(".json"))


def _read(source: Path, name: str) -> bytes | None:
    """Content of a prediction, None where there is none; ValueError for a link out of the folder or a huge file."""
    target = frame_file(source, name)
    if not target.is_file():
        return None
    with target.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{source / name}: expected a prediction of one image, found more than {MAX_BYTES >> 20} MiB")
    return data


def _persons(path: Path, data: bytes) -> list[dict[str, Any]]:
    again = "run the inferencer on this image again"
    try:
        persons = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected whole JSON, found none ({error}); {again}") from None
    if not isinstance(persons, list) or not all(isinstance(person, dict) for person in persons):
        raise ValueError(
            f"{path}: expected a list of persons as the inferencer writes it, found {type(persons).__name__}"
        )
    for person in persons:
        if "instances" in person:
            raise ValueError(
                f"{path}: expected the prediction of an image, found that of a video, whose frames have no names; run"
                " the inferencer on the images"
            )
        if not {"keypoints", "keypoint_scores"} <= person.keys():
            found = ", ".join(map(str, person))[:80] or "nothing"
            raise ValueError(f"{path}: expected keypoints and keypoint_scores of each person, found {found}; {again}")
    return persons


def _count_predictions(source: Path) -> int:
    return sum(name.endswith(".json") for _, _, names in os.walk(source) for name in names)

"""Skeletons out of a folder of predictions, one file an image, as pose estimators write them (`prediction_formats`).

They name a prediction by the image's basename alone, so that frames `1.jpg` of different folders overwrite each other:
a data set like HITSZ-VCM has to be run a folder at a time, into a tree that mirrors its own.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from command_line.json_data import parse_json
from data_cache.exchange.imports.frame_names import find_clash, first_match, whole, within_split
from data_cache.files.frame_images import frame_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_cache.exchange.imports.formats.prediction_formats import PredictionFormat
    from data_cache.exchange.imports.frame_names import Spelling
    from data_cache.exchange.imports.skeleton_table import SkeletonTable

MAX_BYTES = 1 << 23  # of one prediction


def read_predictions(source: Path, table: SkeletonTable, form: PredictionFormat) -> dict[str, str]:
    """Fill `table` with the predictions in folder `source`; of several persons, the one with the highest mean score.

    A frame without a prediction, or with nobody in it, gets no skeleton. Returns what the recipe says of the folder:
    its name, and the sha256 of names and content of the predictions used. Raises ValueError naming the file for
    anything that is no such prediction, and where two frames would share one.
    """
    if not source.is_dir():
        raise ValueError(
            f"{source}: expected the folder of {form.program}'s predictions ({form.option}), found no folder"
        )
    table.shares = form.shares
    rows = table.rows_of_paths()
    names = _prediction_names(source, rows, form)
    digest = hashlib.sha256()
    used = 0
    for path, places in rows.items():
        data = _read(source, names[path])
        if data is None:
            continue
        used += 1
        digest.update(f"{names[path]}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        file = source / names[path]
        for keypoints, score in form.persons(file, _parse(file, data)):
            for row in places:
                table.offer(row, keypoints, score)
    table.strangers = max(0, _count_predictions(source, PurePosixPath(form.names[0]).suffix) - used)
    return {"source": source.resolve().name, "sha256": digest.hexdigest()}


def _prediction_names(source: Path, paths: Iterable[str], form: PredictionFormat) -> dict[str, str]:
    """The prediction of every frame, relative to `source`: in a tree like the data set's, or flat."""
    spellings = [_named(folder, pattern) for pattern in form.names for folder in (whole, within_split, _basename)]
    naming = first_match(spellings, paths, lambda name: (source / name).is_file())
    if naming is None:
        example = _named(within_split, form.names[0])(next(iter(paths), "0001/rgb/D3/1.jpg"))
        raise ValueError(
            f"{source}: no prediction is of a frame of the split, expected names such as {example}; name the folder"
            f" of {form.program}'s predictions ({form.option}), and the split's own file with --frames"
        )
    clash = find_clash(naming, paths)
    if clash is not None:
        name, first, second = clash
        raise ValueError(
            f"{source}: {name} would be the prediction of {first} and of {second}: {form.program} names predictions by"
            f" the image's basename, so that those of two folders get one name; run it a folder at a time, with"
            f" {form.apart}, and import PREDICTIONS"
        )
    return {path: naming(path) for path in paths}


def _basename(path: str) -> str:
    return PurePosixPath(path).name


def _named(folder: Spelling, pattern: str) -> Spelling:
    """`{}.json` of `0001/rgb/D3/1.jpg` is `0001/rgb/D3/1.json`."""

    def name(path: str) -> str:
        place = PurePosixPath(folder(path))
        return str(place.parent / pattern.format(place.stem))

    return name


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


def _parse(path: Path, data: bytes) -> Any:
    kind = "JSON" if path.suffix == ".json" else "text"
    try:
        text = data.decode("utf-8-sig")
        return parse_json(text, finite=False) if kind == "JSON" else text
    except ValueError as error:
        raise ValueError(
            f"{path}: expected whole {kind}, found none ({error}); make the prediction of this image again"
        ) from None


def _count_predictions(source: Path, ending: str) -> int:
    return sum(name.endswith(ending) for _, _, names in os.walk(source) for name in names)

"""The frames and tracks of one split as a JSON file: what skeletons from elsewhere are brought into line with.

``{"format": "star-reid.split", "version": 1, "dataset": …, "split": …, "paths": [path, …], "tracks": [[person, camera,
modality, start, stop, role], …]}``; the fields and numbers are those of `SplitIndex` and `Tracks`
(`data_cache.contract.records`).

History of `VERSION`:
1  first layout
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data_cache.contract.reader import copy_index, open_cache
from data_cache.contract.records import SplitIndex, Tracks
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT, VERSION = "star-reid.split", 1
COLUMNS = {"person": "i4", "camera": "i2", "modality": "u1", "start": "i8", "stop": "i8", "role": "u1"}  # with dtypes
_KEYS = ("format", "version", "dataset", "split", "paths", "tracks")
_MAX_BYTES = 1 << 28
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
REMEDY = "write it again with `star index --root DIR --split SPLIT --frames-out FILE.json`"


def write_split_file(path: Path, index: SplitIndex) -> None:
    """Write `index` to `path`, whole or not at all; the same index gives the same bytes.

    Raises OSError where `path` cannot be written, OutputBusyError while another run writes it.
    """
    columns = index.tracks.columns()
    rows = np.stack([columns[name].astype(np.int64) for name in COLUMNS], axis=1).tolist()
    head = {"format": FORMAT, "version": VERSION, "dataset": index.dataset, "split": index.split}
    with publish_files(path) as (file,):
        file.write(f'{json.dumps(head)[:-1]},\n"paths": ['.encode())
        file.write(",".join(f"\n{json.dumps(frame, ensure_ascii=False)}" for frame in index.paths).encode())
        file.write(b'],\n"tracks": [' + ",".join(f"\n{json.dumps(row)}" for row in rows).encode() + b"]}\n")


def read_frames(path: Path) -> SplitIndex:
    """Frames and tracks from a split file, or from any cache file (.h5) of the split.

    Raises ValueError for a file that is neither, FileNotFoundError or another OSError if it cannot be opened.
    """
    with path.open("rb") as file:
        is_cache = file.read(len(_SIGNATURE)) == _SIGNATURE
    if not is_cache:
        return read_split_file(path)
    with open_cache(path) as reader:
        return copy_index(reader)


def read_split_file(path: Path) -> SplitIndex:
    """Read what `write_split_file` wrote.

    Raises ValueError (file, key, expected, found, remedy) for anything else, OSError if it cannot be read.
    """
    content = _read_object(path)
    _expect(path, "format", FORMAT, content["format"])
    _expect(path, "version", VERSION, content["version"])
    for name in ("dataset", "split"):
        if not isinstance(content[name], str):
            raise _refusal(path, name, "text", type(content[name]).__name__)
    paths = content["paths"]
    if not (isinstance(paths, list) and all(isinstance(frame, str) for frame in paths)):
        raise _refusal(path, "paths", "a list of paths", "something else")
    try:
        return SplitIndex(content["dataset"], content["split"], tuple(paths), _tracks(path, content["tracks"]))
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(f"{path}:") else f"{path}: {message}; {REMEDY}") from None


def _read_object(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise _refusal(path, "file", f"at most {_MAX_BYTES >> 20} MiB", "more")
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _refusal(path, "file", "whole JSON", f"none ({error})") from None
    if not isinstance(content, dict) or not set(_KEYS) <= content.keys():
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise _refusal(path, "file", f"the keys {', '.join(_KEYS)}", (found or "nothing")[:80])
    return content


def _expect(path: Path, key: str, expected: object, found: object) -> None:
    if type(found) is not type(expected) or found != expected:
        raise _refusal(path, key, repr(expected), repr(found)[:80])


def _tracks(path: Path, rows: object) -> Tracks:
    if not isinstance(rows, list):
        raise _refusal(path, "tracks", "a list", type(rows).__name__)
    for number, row in enumerate(rows):
        fits = isinstance(row, list) and len(row) == len(COLUMNS)
        if not (fits and all(type(value) is int and abs(value) < 1 << 62 for value in row)):
            raise _refusal(path, f"tracks[{number}]", f"the whole numbers {', '.join(COLUMNS)}", repr(row)[:80])
    table: NDArray[np.int64] = np.array(rows, np.int64).reshape(len(rows), len(COLUMNS))
    columns: dict[str, NDArray[Any]] = {}
    for (name, dtype), values in zip(COLUMNS.items(), table.T, strict=True):
        limits = np.iinfo(dtype)
        outside = (values < limits.min) | (values > limits.max)
        if outside.any():
            number = int(outside.argmax())
            expected = f"{name} within {limits.min} to {limits.max}"
            raise _refusal(path, f"tracks[{number}]", expected, str(values[number]))
        columns[name] = values.astype(dtype)
    return Tracks(**columns)


def _refusal(path: Path, key: str, expected: str, found: str) -> ValueError:
    return ValueError(f"{path}: {key}: expected {expected}, found {found}; {REMEDY}")

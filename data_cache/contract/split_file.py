"""The frames and tracks of one split as a JSON file, with or without what was in the frames.

``{"format": "star-reid.split", "version": 1, "dataset": …, "split": …, "paths": [path, …], "tracks": [[person, camera,
modality, start, stop, role], …]}``; the fields and numbers are those of `SplitIndex` and `Tracks` in
`data_cache.contract.records`.
Version 2 is a frame listing: `sizes` and `sha256`, of every path, stand before `tracks` (null: there was no file).
Version 1 is what skeletons from elsewhere are brought into line with; a listing does for that as well.

History of `VERSION`:
1  first layout
2  `sizes` and `sha256`
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from command_line.json_data import parse_json
from data_cache.contract.origin import MISSING, frames_digest
from data_cache.contract.records import SplitIndex, Tracks
from data_cache.files.output_lock import lock_output
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

FORMAT, VERSION = "star-reid.split", 2
COLUMNS = {"person": "i4", "camera": "i2", "modality": "u1", "start": "i8", "stop": "i8", "role": "u1"}  # with dtypes
_KEYS = ("format", "version", "dataset", "split", "paths", "tracks")
_LISTED = ("sizes", "sha256")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MAX_BYTES = 1 << 28
_PIECE = 4096  # entries that are text at the same time
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
REMEDY = "write it again with `star index --root DIR --split SPLIT --frames-out FILE.json`"
LIST_AGAIN = "list the frames again with `star frames --root DIR --dataset NAME --split SPLIT --out FILE`"


@dataclass(frozen=True, eq=False)
class FrameListing:
    """The frames of one split as they were when they were listed.

    index:  the split
    sizes:  N sizes in bytes; None where there was no file
    sha256: N digests of the frames' bytes, 64 hexadecimal digits; None where there was no file

    A frame that was there and could not be read has size 0 and the digest of nothing. Raises ValueError for lists that
    are not of the index's length, disagree on which frames are missing, or hold anything else.
    """

    index: SplitIndex
    sizes: tuple[int | None, ...]
    sha256: tuple[str | None, ...]

    def __post_init__(self) -> None:
        for name in _LISTED:
            found = len(getattr(self, name))
            if found != len(self.index.paths):
                raise ValueError(f"{name}: expected one for each of {len(self.index.paths)} paths, found {found}")
        for row, (size, digest) in enumerate(zip(self.sizes, self.sha256, strict=True)):
            if size is None and digest is None:
                continue
            if type(size) is not int or not 0 <= size < 1 << 62:
                raise ValueError(f"sizes[{row}]: expected a number of bytes, or null in both lists, found {size!r:.80}")
            if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
                expected = "64 hexadecimal digits, or null in both lists"
                raise ValueError(f"sha256[{row}]: expected {expected}, found {digest!r:.80}")

    @property
    def content(self) -> str:
        """Digest of which frames there are and what is in them (`frames_digest`), in hexadecimal digits."""
        digests = b"".join(MISSING if digest is None else bytes.fromhex(digest) for digest in self.sha256)
        return frames_digest(self.index.paths, digests)

    @property
    def missing(self) -> int:
        """Number of frames without a file."""
        return self.sha256.count(None)


def write_split_file(path: Path, index: SplitIndex) -> None:
    """Write `index` to `path`, whole or not at all; the same index gives the same bytes.

    Raises OSError where `path` cannot be written, OutputBusyError while another run writes it.
    """
    _publish(path, _encode(index, 1, {}))


def write_frame_listing(path: Path, listing: FrameListing) -> bool:
    """Write `listing` to `path` where these bytes are not there already, whole or not at all; whether it was written.

    The same listing gives the same bytes. Raises OSError where `path` cannot be written, OutputBusyError while another
    run writes it.
    """
    listed = {name: getattr(listing, name) for name in _LISTED}
    with lock_output(path):
        if _holds(path, _encode(listing.index, VERSION, listed)):
            return False
        _publish(path, _encode(listing.index, VERSION, listed))
        return True


def _encode(index: SplitIndex, version: int, listed: dict[str, Sequence[Any]]) -> Iterator[bytes]:
    columns = index.tracks.columns()
    tracks = np.stack([columns[name].astype(np.int64) for name in COLUMNS], axis=1)
    head = {"format": FORMAT, "version": version, "dataset": index.dataset, "split": index.split}
    yield json.dumps(head)[:-1].encode()
    for name, values in {"paths": index.paths, **listed}.items():
        yield f',\n"{name}": ['.encode()
        for row in range(0, len(values), _PIECE):
            text = json.dumps(values[row : row + _PIECE], ensure_ascii=False, separators=(",\n", ":"))
            yield f"{',' if row else ''}\n{text[1:-1]}".encode()
        yield b"]"
    start = "\n" if len(tracks) else ""
    text = json.dumps(tracks.tolist()).replace("], [", "],\n[")
    yield f',\n"tracks": [{start}{text[1:-1]}]}}\n'.encode()


def _holds(path: Path, pieces: Iterable[bytes]) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)


def _publish(path: Path, pieces: Iterable[bytes]) -> None:
    with publish_files(path) as (file,):
        for piece in pieces:
            file.write(piece)


def read_frames(path: Path) -> SplitIndex:
    """Frames and tracks from a split file, or from any cache file (.h5) of the split.

    Raises ValueError for a file that is neither, FileNotFoundError or another OSError if it cannot be opened.
    """
    with path.open("rb") as file:
        is_cache = file.read(len(_SIGNATURE)) == _SIGNATURE
    if not is_cache:
        return read_split_file(path)
    from data_cache.contract.reader import copy_index, open_cache  # h5py, which text needs not

    with open_cache(path) as reader:
        return copy_index(reader)


def read_split_file(path: Path) -> SplitIndex:
    """Read the frames and tracks of a split file of either version.

    Raises ValueError (file, key, expected, found, remedy) for anything else, OSError if it cannot be read.
    """
    content = _read(path, REMEDY)
    return content.index if isinstance(content, FrameListing) else content


def read_frame_listing(path: Path) -> FrameListing:
    """Read what `write_frame_listing` wrote.

    Raises ValueError (file, key, expected, found, remedy) for anything else, a split file without digests included,
    OSError if it cannot be read.
    """
    content = _read(path, LIST_AGAIN)
    if not isinstance(content, FrameListing):
        raise ValueError(f"{path}: version: expected 2, with sizes and digests of frames, found 1; {LIST_AGAIN}")
    return content


def _read(path: Path, remedy: str) -> SplitIndex | FrameListing:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    try:
        return _decode(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {remedy}") from None


def _decode(data: bytes) -> SplitIndex | FrameListing:
    content = _read_object(data)
    if content["format"] != FORMAT:
        raise _refusal("format", repr(FORMAT), repr(content["format"])[:80])
    version = content["version"]
    if type(version) is not int or not 1 <= version <= VERSION:
        raise _refusal("version", f"1 to {VERSION}", repr(version)[:80])
    for name in ("dataset", "split"):
        if not isinstance(content[name], str):
            raise _refusal(name, "text", type(content[name]).__name__)
    paths = content["paths"]
    if not (isinstance(paths, list) and all(isinstance(frame, str) for frame in paths)):
        raise _refusal("paths", "a list of paths", "something else")
    index = SplitIndex(content["dataset"], content["split"], tuple(paths), _tracks(content["tracks"]))
    if version == 1:
        return index
    for name in _LISTED:
        if not isinstance(content.get(name), list):
            raise _refusal(name, "a list", type(content.get(name)).__name__)
    return FrameListing(index, tuple(content["sizes"]), tuple(content["sha256"]))


def _read_object(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise _refusal("file", f"at most {_MAX_BYTES >> 20} MiB", "more")
    try:
        content = parse_json(data)
    except ValueError as error:
        raise _refusal("file", "whole JSON", f"none ({error})") from None
    if not isinstance(content, dict) or not set(_KEYS) <= content.keys():
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise _refusal("file", f"the keys {', '.join(_KEYS)}", (found or "nothing")[:80])
    return content


def _tracks(rows: object) -> Tracks:
    if not isinstance(rows, list):
        raise _refusal("tracks", "a list", type(rows).__name__)
    for number, row in enumerate(rows):
        fits = isinstance(row, list) and len(row) == len(COLUMNS)
        if not (fits and all(type(value) is int and abs(value) < 1 << 62 for value in row)):
            raise _refusal(f"tracks[{number}]", f"the whole numbers {', '.join(COLUMNS)}", repr(row)[:80])
    table: NDArray[np.int64] = np.array(rows, np.int64).reshape(len(rows), len(COLUMNS))
    columns: dict[str, NDArray[Any]] = {}
    for (name, dtype), values in zip(COLUMNS.items(), table.T, strict=True):
        limits = np.iinfo(dtype)
        outside = (values < limits.min) | (values > limits.max)
        if outside.any():
            number = int(outside.argmax())
            expected = f"{name} within {limits.min} to {limits.max}"
            raise _refusal(f"tracks[{number}]", expected, str(values[number]))
        columns[name] = values.astype(dtype)
    return Tracks(**columns)


def _refusal(key: str, expected: str, found: str) -> ValueError:
    return ValueError(f"{key}: expected {expected}, found {found}")

"""Whether a cache file still holds what was written: read once to its last byte, then remembered by size and times.

The checksums of the format tell most damage when it is read; files of before version 3 have none over their index of
chunks, in which one flipped bit reads as other numbers. Beside `train.h5` the file `.train.h5.verified` remembers, as
JSON, what was found: ``{"state": [size, mtime_ns, ctime_ns], "content": sha256}``. It is no error where it is not
there, not whole, or cannot be written: the file is read again.
"""

from __future__ import annotations

import json
import logging
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from command_line.json_data import parse_json
from data_cache.contract.hdf5_checks import refusal
from data_cache.contract.origin import ContentDigest, Origin
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from pathlib import Path

    from data_cache.contract.reader import CacheReader

logger = logging.getLogger(__name__)

# A file that changed so shortly before it was read may change once more without another time: some file systems count
# in seconds.
_SETTLED_NS = 2 * 10**9
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 1 << 12


def verified_origin(reader: CacheReader) -> Origin:
    """The origin of an open cache file, with the digest of what it really holds.

    Where the file does not say its origin (before version 3), the digest is all that is known.
    Raises ValueError naming the file where it does not hold what was written, or cannot be read to its end.
    """
    found = _remembered(reader.path)
    if found is None:
        logger.info("%s: verifying its %d frames, once", reader.path, reader.frames)
        state, started = _state(reader.path), time.time_ns()
        found = content_digest(reader)
        _compare(reader, found)
        if max(state[1:]) < started - _SETTLED_NS:
            _remember(reader.path, state, found)
    _compare(reader, found)
    return reader.origin or Origin(found)


def content_digest(reader: CacheReader) -> str:
    """`ContentDigest` of every array of an open cache file, in hexadecimal digits. Raises ValueError for damage."""
    digest = ContentDigest()
    for spec in reader.layout.arrays:
        for values in reader.blocks(spec.name):
            digest.update(spec.name, values)
    return digest.hexdigest()


def _compare(reader: CacheReader, found: str) -> None:
    said = reader.origin
    if said is not None and said.content != found:
        raise refusal(reader.path, "content", f"sha256 {said.content}, as it was written", f"sha256 {found}")


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


def _remembered(path: Path) -> str | None:
    beside = _beside(path)
    try:
        if beside.stat().st_size > _MOST_BYTES:
            return None
        known = parse_json(beside.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(known, dict) or known.get("state") != _state(path):
        return None
    content = known.get("content")
    return content if isinstance(content, str) and _DIGEST.fullmatch(content) else None


def _remember(path: Path, state: list[int], content: str) -> None:
    # A folder that cannot be written, or another process that writes the same at this moment, costs only time.
    with suppress(OSError, ValueError), publish_files(_beside(path)) as (file,):
        file.write(json.dumps({"state": state, "content": content}).encode())

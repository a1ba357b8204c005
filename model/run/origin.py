"""What a run was made of, by content: the files it read and the code that decides its numbers.

Settings and recipes say how something was made, not of what: with corrected labels, another frame under the same name
or a mended loss they are the same, and a finished training would be taken for that of the new state.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from command_line.digests import file_sha256, folder_digest

if TYPE_CHECKING:
    from model.clips.clip_files import ClipFiles

# The rooms that decide the numbers of a training; what commands say and where files lie is elsewhere.
ROOMS = ("data_cache/contract", "data_cache/files", "model/clips", "model/network", "model/training")
_TOP = Path(__file__).resolve().parents[2]


def data_origin(files: ClipFiles) -> dict[str, str]:
    """sha256 of the files that clips of a split are read from, in hexadecimal digits.

    `edges`, `graphs`: of the cache files, which hold tracks and labels too; `frames`: of the list beside them of the
    frames with the digest of each, where `star frames` (and so `dvc repro`) has written it.
    Raises FileNotFoundError for a cache file.
    """
    found = {"edges": file_sha256(files.edges), "graphs": file_sha256(files.graphs)}
    listing = files.edges.parents[1] / "frames" / f"{files.edges.stem}.json"
    return {**found, "frames": file_sha256(listing)} if listing.is_file() else found


def code_origin() -> dict[str, str]:
    """sha256 of the code in each of `ROOMS`, in hexadecimal digits."""
    return {room: folder_digest(_TOP / room) for room in ROOMS}

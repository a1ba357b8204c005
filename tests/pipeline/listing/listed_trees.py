"""What a listing has to be, by a loop over pathlib and hashlib, and one that tells which frames it read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from data_cache.contract.split_file import FrameListing
from pipeline.datasets.split_index import read_split
from pipeline.listing.frame_listing import FrameLister
from pipeline.listing.remembered_frames import NO_FRAMES, RememberedFrames


def expected_frames(root: Path, split: str = "train") -> list[tuple[int, str] | None]:
    """Size and sha256 of every frame of a sound tree, None where there is no file."""
    found: list[tuple[int, str] | None] = []
    for path in read_split(root, "x", split).paths:
        file = root / path
        data = file.read_bytes() if file.exists() else None
        found.append(None if data is None else (len(data), hashlib.sha256(data).hexdigest()))
    return found


@dataclass(frozen=True)
class Listed:
    """One listing: its frames as `expected_frames` has them, how many were read for it, and what it leaves behind."""

    listing: FrameListing
    frames: list[tuple[int, str] | None]
    read: int
    remembered: RememberedFrames


def list_tree(root: Path, remembered: RememberedFrames = NO_FRAMES, workers: int = 0) -> Listed:
    lister = FrameLister(root, read_split(root, "x", "train"), remembered)
    listing = lister.read(workers)
    pairs = zip(listing.sizes, listing.sha256, strict=True)
    frames = [None if size is None or digest is None else (size, digest) for size, digest in pairs]
    return Listed(listing, frames, lister.unread, lister.remembered())

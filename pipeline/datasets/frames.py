"""Bytes of a frame that an index names, inside the fence around its data set."""

from __future__ import annotations

from pathlib import Path

from data_cache.files.frame_bytes import read_bytes
from pipeline.datasets.root_boundary import outside_message, resolve_inside, resolve_root


def read_frame_bytes(root: Path, relative: str) -> bytes | None:
    """The bytes of the frame at ``relative`` (posix) below ``root``, None where no file is or a link leads to none.

    Something that is there but cannot be read as a file gives empty bytes (`read_bytes`): the frame is unreadable,
    not missing.
    Raises ValueError for a path that is absolute, climbs with '..' or leaves the root through a link.
    """
    real_root = resolve_root(root)
    real = resolve_inside(real_root, relative)
    if real is None:
        raise ValueError(outside_message(f"{root}/{relative}", real_root))
    return read_bytes(real)

"""The fence around a data set: nothing outside of its root is opened, whatever names or links say."""

from __future__ import annotations

import os
from pathlib import Path


def require_folder(root: Path) -> None:
    """Raise FileNotFoundError or NotADirectoryError, with a remedy, where ``root`` is no folder."""
    if not root.exists():
        raise FileNotFoundError(f"{root}: expected the data set's folder, found nothing; check the path")
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: expected the data set's folder, found a file; unpack the data set first")


def resolve_root(root: Path) -> str:
    """The real path of the data set's root; the root itself may be a symbolic link."""
    return os.path.realpath(root)


def resolve_inside(real_root: str, relative: str) -> str | None:
    """The real path of ``relative`` below ``real_root``, or None when its links lead out of the root.

    real_root: as `resolve_root` gives it.
    relative:  posix path; raises ValueError where it is absolute or climbs with '..'.
    """
    if relative.startswith("/") or "\0" in relative or ".." in relative.split("/"):
        raise ValueError(f"{relative!r}: expected a path relative to the data set's root and below it, without '..'")
    real = os.path.realpath(f"{real_root}/{relative}")
    inside = real == real_root or real.startswith(real_root.rstrip("/") + "/")
    return real if inside else None


def outside_message(path: str | Path, real_root: str) -> str:
    """What to tell the user about a link that leaves the root."""
    return (
        f"{path}: expected a file or folder inside the data set's root {real_root}, got a symbolic link that"
        f" leaves it ({os.path.realpath(path)}); move the files into the root, or link the whole root"
    )

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


class RealPaths:
    """Real paths of many files below one root; the links of each folder are resolved once.

    What is asked for is a path as `SplitIndex` holds it: relative, posix, without '..'.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = resolve_root(root)
        self._folders: dict[str, str] = {}

    def beside_links(self, relative: str) -> str:
        """The path with its folders' links resolved; the file itself may be a link, which must not be followed.

        Raises ValueError where a folder leaves the root through a link.
        """
        folder, _, name = relative.rpartition("/")
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = self._inside(folder)
        return f"{real}/{name}"

    def through_links(self, relative: str) -> str:
        """The path with all links resolved; raises ValueError where they leave the root."""
        return self._inside(relative)

    def _inside(self, relative: str) -> str:
        real = resolve_inside(self._real_root, relative)
        if real is None:
            raise ValueError(outside_message(f"{self._root}/{relative}", self._real_root))
        return real


def outside_message(path: str | Path, real_root: str) -> str:
    """What to tell the user about a link that leaves the root."""
    return (
        f"{path}: expected a file or folder inside the data set's root {real_root}, got a symbolic link that"
        f" leaves it ({os.path.realpath(path)}); move the files into the root, or link the whole root"
    )

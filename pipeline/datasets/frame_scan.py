"""Which frames are on disk: every folder is listed once, and links that leave the root are refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import SplitIndex
from pipeline.datasets.findings import Findings
from pipeline.datasets.root_boundary import outside_message, resolve_inside, resolve_root


@dataclass(frozen=True, eq=False)
class FrameScan:
    """Which frames of a split are on disk.

    frames:  number of frames of the split
    missing: (missing frame,) int64, rows of the split's frames without a file, ascending
    """

    frames: int
    missing: NDArray[np.int64]


@dataclass(frozen=True)
class Folder:
    """``names`` of all that is in one folder, and the ``folders`` among them."""

    names: frozenset[str]
    folders: tuple[str, ...]


EMPTY = Folder(frozenset(), ())


def list_folder(real_root: str, folder: str, findings: Findings) -> Folder:
    """List one ``folder`` (posix, relative to the root); one that is not there is empty.

    A folder, or an entry, that resolves outside of the root is an error and is left out. Links are resolved
    for the folder and for entries that are links: two system calls for most folders.
    """
    full = f"{real_root}/{folder}"
    if resolve_inside(real_root, folder) is None:
        findings.error("outside-root", real_root, outside_message(full, real_root))
        return EMPTY
    names, folders = [], []
    try:
        with os.scandir(full) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if resolve_inside(real_root, f"{folder}/{entry.name}") is None:
                        findings.error("outside-root", real_root, outside_message(entry.path, real_root))
                        continue
                    if not Path(entry.path).exists():
                        continue
                if entry.is_dir():
                    folders.append(entry.name)
                names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return EMPTY
    return Folder(frozenset(names), tuple(sorted(folders)))


def missing_rows(paths: Iterable[str], listed: Mapping[str, frozenset[str]]) -> NDArray[np.int64]:
    """Rows of ``paths`` whose name is not ``listed`` in its folder: (missing frame,) int64."""
    nothing: frozenset[str] = frozenset()
    rows = []
    for row, path in enumerate(paths):
        folder, _, name = path.rpartition("/")
        if name not in listed.get(folder, nothing):
            rows.append(row)
    return np.array(rows, np.int64)


def scan_frames(root: Path, index: SplitIndex) -> FrameScan:
    """Find out which frames of ``index`` have no file below ``root``; nothing is opened.

    Raises ValueError for the first folder or frame that is a symbolic link out of the root.
    """
    real_root = resolve_root(root)
    strict = Findings(strict=True)
    folders = sorted({path.rpartition("/")[0] for path in index.paths})
    listed = {folder: list_folder(real_root, folder, strict).names for folder in folders}
    return FrameScan(len(index.paths), missing_rows(index.paths, listed))


def walk_frames(root: Path, tops: Iterable[str], findings: Findings) -> dict[str, frozenset[str]]:
    """List every folder below ``tops`` (folders in the root): folder → names of all that is in it.

    Links within the root are followed, but not back into a folder they lie in.
    """
    real_root = resolve_root(root)
    listed: dict[str, frozenset[str]] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [(top, ()) for top in tops]
    while waiting:
        folder, above = waiting.pop()
        real = os.path.realpath(f"{real_root}/{folder}")
        if real in above:
            continue
        content = list_folder(real_root, folder, findings)
        listed[folder] = content.names
        waiting += [(f"{folder}/{name}", (*above, real)) for name in content.folders]
    return listed

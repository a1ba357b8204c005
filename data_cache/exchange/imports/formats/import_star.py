"""Skeletons out of HDF5 with one dataset a frame, the layout that the public STAR code reads.

That code (mindspore-lab/models, research/arxiv_papers/STAR-ReID, `data_loader_ms.py`) takes a frame's skeleton from
``file["0001"]["rgb"]["D3"]["1"]``: groups named person, modality and camera, a dataset named by the frame's number, and
the network takes it as 17 rows of x, y, score. The program that writes such files is not public.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.hdf5_checks import Refused, verify_size, verify_storage
from data_cache.contract.skeleton import JOINTS
from data_cache.exchange.imports.frame_names import find_clash, first_match, whole, within_split, without_ending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.exchange.imports.frame_names import Spelling
    from data_cache.exchange.imports.skeleton_table import SkeletonTable

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BLOCK_BYTES = 1 << 20
_SHAPES = ((len(JOINTS), 3), (1, len(JOINTS), 3))


def read_star(source: Path, table: SkeletonTable) -> dict[str, str]:
    """Fill `table` with the datasets of `source`.

    Returns what the recipe says of the file: name and sha256. Raises ValueError naming file and dataset for a file that
    is not HDF5, has no dataset named by a frame, or one of another shape or kind, or kept outside the file.
    """
    digest = _digest(source)
    rows = table.rows_of_paths()
    with _errors(source, "file"):
        file = h5py.File(source, "r", locking=False)
    with file:
        size = source.stat().st_size
        spelling = _find_spelling(source, file, table, rows)
        group: h5py.Group | None = None
        folder = None
        for path, places in rows.items():
            parent, _, name = spelling(path).rpartition("/")
            with _errors(source, spelling(path)):
                if parent != folder:  # frames of a folder follow each other
                    folder, group = parent, _find_group(file, parent)
                values = None if group is None else _read_frame(group, name, size)
            for row in places if values is not None else ():
                assert values is not None, "the loop's own condition"
                table.offer(row, values[:, :2], values[:, 2])
    return {"source": source.name, "sha256": digest}


@contextmanager
def _errors(source: Path, name: str) -> Iterator[None]:
    """Turn what h5py raises for damaged or foreign bytes into one sentence."""
    try:
        yield
    except Refused as refused:
        expected, found = refused.args[:2]
        raise ValueError(f"{source}: {name}: expected {expected}, found {found}; nothing was written") from None
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{source}: {name}: expected intact HDF5, found damage ({reason}); copy it again") from None


def _digest(source: Path) -> str:
    """Sha256 of the file; ValueError for a folder, or a file that is not HDF5."""
    if not source.is_file():
        if not source.exists():
            raise FileNotFoundError(2, os.strerror(2), str(source))
        raise ValueError(f"{source}: expected an HDF5 file, found a folder or device; name the file")
    digest = hashlib.sha256()
    with source.open("rb") as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            raise ValueError(f"{source}: expected an HDF5 file, found another kind of file; name another --format")
        file.seek(0)
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _find_spelling(source: Path, file: h5py.File, table: SkeletonTable, rows: dict[str, list[int]]) -> Spelling:
    bases: list[Spelling] = [
        lambda path: without_ending(within_split(path)),
        lambda path: without_ending(whole(path)),
        within_split,
        whole,
    ]

    def exists(name: str) -> bool:
        parent, _, last = name.rpartition("/")
        group = _find_group(file, parent)
        return group is not None and group.get(last, getlink=True) is not None

    with _errors(source, "file"):
        spelling = first_match([*bases, *map(_in_one_name, bases)], rows, exists)
        first = ", ".join(list(file)[:3]) or "nothing"
    if spelling is None:
        expected = bases[0](table.index.paths[0]) if table.index.paths else "0001/rgb/D3/1"
        raise ValueError(
            f"{source}: no dataset is named by a frame of the split, expected names such as {expected}, found"
            f" {first[:80]} at the top; see that both are of the same data set and split"
        )
    clash = find_clash(spelling, rows)
    if clash is not None:
        name, one, other = clash
        raise ValueError(
            f"{source}: {name} would be the skeleton of {one} and of {other}, expected one dataset a frame"
        )
    return spelling


def _in_one_name(spelling: Spelling) -> Spelling:
    """`0001/rgb/D3/1` becomes `0001_rgb_D3_1`."""
    return lambda path: spelling(path).replace("/", "_")


def _find_group(file: h5py.File, name: str) -> h5py.Group | None:
    """The group of this name by hard links only, None where there is none."""
    node = file
    for part in name.split("/") if name else ():
        node = _follow(node, part)
        if node is None:
            return None
        if not isinstance(node, h5py.Group):
            raise Refused("a group", "a dataset or type")
    return node


def _follow(group: h5py.Group, name: str) -> Any:
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise Refused("data in this file", "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link")
    return group[name]


def _read_frame(group: h5py.Group, name: str, file_size: int) -> NDArray[Any] | None:
    """(joint, (x, y, score)) numbers of a dataset, None where there is none; nothing is read before it is checked."""
    node = _follow(group, name)
    if node is None:
        return None
    if not isinstance(node, h5py.Dataset):
        raise Refused("a dataset", "a group or type")
    verify_storage(node)
    if node.dtype.kind not in "iuf" or node.dtype.itemsize > 8:
        raise Refused("numbers", f"{node.dtype}")
    if node.shape not in _SHAPES:
        raise Refused(f"x, y and score of {len(JOINTS)} joints, shape {_SHAPES[0]}", f"shape {node.shape}")
    verify_size(node, file_size)
    values: NDArray[Any] = np.asarray(node[()])
    return values.reshape(_SHAPES[0])

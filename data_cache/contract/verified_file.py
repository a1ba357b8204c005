"""Opens a cache file and holds it against its schema before anything is read from it.

Files come from outside: every link, dtype, shape, filter and claimed size is checked first, so that a foreign,
damaged or hostile file ends in one sentence and never leads to another file or to huge allocations. Only the
names that the schema knows are looked at.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from command_line.json_data import parse_json
from data_cache.contract.hdf5_checks import (
    AGAIN,
    Refused,
    hdf5_errors,
    read_integer,
    read_text,
    refusal,
    verify_dataset,
    verify_version,
)
from data_cache.contract.origin import Origin, parse_origin
from data_cache.contract.records import SPLITS
from data_cache.contract.schema import FIRST_VERSION, FORMATS, ORIGIN_SINCE, VERSION, Format
from data_cache.contract.skeleton import JOINTS, limb_indices, mirror_indices

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Of each dataset, unpacked: all keypoints and scores of a real split, so that a clip is unpacked in one epoch only.
_CHUNK_CACHE_BYTES = 64 << 20
_CHUNK_CACHE_SLOTS = 20011  # a prime, several times the chunks that fit


@dataclass(frozen=True)
class VerifiedFile:
    """An open cache file that keeps to its schema.

    datasets: name → dataset, every one the schema lists
    frames, tracks: N and M
    origin:   what it was made from; None: a file of before version 3, which does not say
    """

    file: h5py.File
    layout: Format
    dataset: str
    split: str
    recipe: dict[str, Any]
    origin: Origin | None
    datasets: dict[str, h5py.Dataset]
    frames: int
    tracks: int


def open_verified(path: Path, kind: str | None = None) -> VerifiedFile:
    """Open the cache file `path`, of `kind` if given.

    Raises FileNotFoundError or another OSError if it cannot be opened, ValueError naming file, key, what was
    expected, what was found and what to do for anything else that is not as the schema of this version says.
    """
    file = _open(path)
    try:
        return _verify(file, path, kind)
    except BaseException:
        with suppress(OSError, RuntimeError):
            file.close()
        raise


def _open(path: Path) -> h5py.File:
    try:
        # Not blocking, so that a pipe under this name cannot hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        remedy = AGAIN if error.errno == errno.ENOENT else "see that you may read it"
        reason = (error.strerror or str(error)).lower()
        raise type(error)(error.errno, f"cannot open this cache file ({reason}); {remedy}", str(path)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise refusal(path, "file", "an HDF5 file", "a folder or device", "name a file")
        signature = os.read(descriptor, len(_SIGNATURE))
    finally:
        os.close(descriptor)
    if signature != _SIGNATURE:
        found = "an empty file" if not signature else "another kind of file"
        raise refusal(path, "file", "an HDF5 file of this project", found)
    try:
        # A published file never changes, so it is read without locks (which some file systems do not have).
        return h5py.File(path, "r", locking=False, rdcc_nbytes=_CHUNK_CACHE_BYTES, rdcc_nslots=_CHUNK_CACHE_SLOTS)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise refusal(path, "file", "a whole HDF5 file", f"a truncated or damaged one ({reason})") from error


def _verify(file: h5py.File, path: Path, kind: str | None) -> VerifiedFile:
    layout = _verify_format(file, path, kind)
    with hdf5_errors(path, "attribute dataset"):
        dataset = read_text(file, "dataset")
    with hdf5_errors(path, "attribute split"):
        split = read_text(file, "split")
        if split not in SPLITS:
            raise Refused(" or ".join(SPLITS), repr(split))
    with hdf5_errors(path, "attribute recipe"):
        recipe = _parse_recipe(read_text(file, "recipe"))
    with hdf5_errors(path, "attribute origin"):
        origin = _parse_origin(read_text(file, "origin")) if layout.version >= ORIGIN_SINCE else None
    size = path.stat().st_size
    datasets: dict[str, h5py.Dataset] = {}
    lengths: dict[str, int] = {}
    for spec in layout.arrays:
        with hdf5_errors(path, spec.name):
            datasets[spec.name] = verify_dataset(file, spec, lengths, size)
    _verify_skeleton(path, datasets)
    frames, tracks = lengths["frame"], lengths.get("track", 0)
    return VerifiedFile(file, layout, dataset, split, recipe, origin, datasets, frames, tracks)


def _verify_format(file: h5py.File, path: Path, kind: str | None) -> Format:
    names = {layout.name: layout for layout in FORMATS.values()}
    with hdf5_errors(path, "attribute format"):
        expected = FORMATS[kind].name if kind is not None else f"one of {', '.join(names)}"
        if "format" not in file.attrs:
            raise Refused(expected, "no such attribute, so another program's file", "name a file of this project")
        name = read_text(file, "format")
        if name not in names or kind not in (None, names[name].kind):
            raise Refused(expected, repr(name), "name a file of that format")
    with hdf5_errors(path, "attribute version"):
        version = verify_version(read_integer(file, "version"), FIRST_VERSION, VERSION)
    return names[name].at(version)


def _parse_recipe(text: str) -> dict[str, Any]:
    try:
        recipe = parse_json(text)
    except ValueError as error:
        raise Refused("JSON", f"{text[:40]!r} ({error})") from None
    if not isinstance(recipe, dict):
        raise Refused("a JSON object", f"{text[:40]!r}")
    return recipe


def _parse_origin(text: str) -> Origin:
    try:
        return parse_origin(parse_json(text))
    except ValueError as error:
        raise Refused("what the file was made from, as JSON", f"{text[:40]!r} ({error})") from None


def _verify_skeleton(path: Path, datasets: dict[str, h5py.Dataset]) -> None:
    expected: dict[str, NDArray[Any]] = {
        "/skeleton/joints": np.array([joint.encode() for joint in JOINTS]),
        "/skeleton/limbs": limb_indices(),
        "/skeleton/mirror": mirror_indices(),
    }
    for name, values in expected.items():
        with hdf5_errors(path, name):
            if not np.array_equal(datasets[name][...], values):
                raise Refused("the 17 joints of COCO, in its order", "another skeleton")

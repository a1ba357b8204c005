"""One chunk's keypoints as a small HDF5 file that is published whole, carries its recipe, and knows if it is intact."""

from __future__ import annotations

import io
import os
import socket
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.hdf5_checks import Refused, read_integer, read_text, verify_size, verify_storage
from data_cache.contract.hdf5_layout import fill_value, set_texts
from data_cache.contract.records import FrameKeypoints
from data_cache.contract.writer import LIBRARY_VERSIONS
from data_cache.files.partial_file import output_error, uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

FORMAT = "star-reid.keypoint-chunk"
# History: 1 first; 2 metadata with checksums. A chunk of another version is estimated anew.
VERSION = 2

# Signature and version of the superblock: in a damaged file of older ones the HDF5 library can run without end.
_HEAD = b"\x89HDF\r\n\x1a\n\x03"
_ARRAYS = ("keypoints", "score", "size", "status")
_UNFINISHED = ".unfinished"
# What the HDF5 library raises over broken bytes depends on where they lie.
_BROKEN = (OSError, ValueError, KeyError, RuntimeError, TypeError, Refused)


class DamagedChunkError(ValueError):
    """A chunk file that is not what its name promises: truncated, flipped bits, other recipe or format."""


def write_chunk(file: Path, frames: FrameKeypoints, recipe: str, damaged: Sequence[int] = ()) -> None:
    """Write `frames` to `file` under a private name and rename it when it is whole and on the disk.

    Layout: attributes `format`, `version`, `key` (the file's stem) and `recipe`; datasets `keypoints`
    (frame, joint, xy) float32, `score` (frame, joint) float32, `size` (frame, 2) int32, `status` (frame,) uint8,
    each with fletcher32; where some frames are `damaged` inside, an attribute `damaged` with their places.
    ``OSError`` with a remedy when the disk is full or the folder may not be written.
    """
    private = file.with_name(f"{file.stem}.{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}{_UNFINISHED}")
    try:
        with private.open("xb") as stream:
            stream.write(_encode(frames, recipe, file.stem, damaged))
            stream.flush()
            os.fsync(stream.fileno())
        private.replace(file)
    except OSError as error:
        known = output_error(error, file)
        raise OSError(known.errno, f"{known.strerror}; finished chunks are kept", str(file)) from error
    finally:
        private.unlink(missing_ok=True)


def _encode(frames: FrameKeypoints, recipe: str, key: str, damaged: Sequence[int]) -> bytes:
    """The file's bytes, made in memory: HDF5 itself reports a full disk late, sometimes only at exit."""
    image = io.BytesIO()
    with uninterrupted(), h5py.File(image, "w", libver=LIBRARY_VERSIONS) as chunk:
        chunk.attrs.create("version", VERSION, dtype="<i4")
        set_texts(chunk, format=FORMAT, key=key, recipe=recipe)
        if damaged:
            chunk.attrs["damaged"] = np.array(damaged, np.int32)
        for name in _ARRAYS:
            values = getattr(frames, name)
            fill = fill_value(values.dtype)
            # Flushed now: where its values lie must not depend on when Python lets go of it, which a profiler delays.
            chunk.create_dataset(name, data=values, chunks=values.shape, fletcher32=True, fillvalue=fill).flush()
    return image.getvalue()


def read_chunk(file: Path, recipe: str, frames: int) -> FrameKeypoints:
    """Read the chunk of `frames` frames back, checksums verified.

    ``FileNotFoundError`` when there is none; `DamagedChunkError` when it is not intact, not of this `recipe`, not
    the chunk its name says, or of another format or length.
    """
    data = file.read_bytes()
    try:
        if not data.startswith(_HEAD):
            raise ValueError("expected an HDF5 file whose metadata have checksums, got another")
        with uninterrupted(), h5py.File(io.BytesIO(data), "r") as chunk:
            if read_integer(chunk, "version") != VERSION:
                raise ValueError(f"expected version {VERSION}, got {chunk.attrs['version']}")
            for name, value in {"format": FORMAT, "key": file.stem, "recipe": recipe}.items():
                found = read_text(chunk, name)
                if found != value:
                    raise ValueError(f"expected {name} {value!r}, got {found!r}")
            return FrameKeypoints(**dict(_read_arrays(chunk, frames, len(data))))
    except _BROKEN as error:
        raise _not_intact(file, error) from error


def _not_intact(file: Path, error: BaseException) -> DamagedChunkError:
    reason = " ".join(str(error).split())
    return DamagedChunkError(
        f"{file}: not an intact chunk ({reason}); start the same command again, it is estimated anew"
    )


def read_damaged(file: Path, frames: int) -> tuple[int, ...]:
    """Places of the frames of an intact chunk of `frames` frames that were used though they are damaged inside.

    None in chunks made before that was asked. `DamagedChunkError` for anything but ascending places of its frames.
    """
    data = file.read_bytes()
    try:
        with uninterrupted(), h5py.File(io.BytesIO(data), "r") as chunk:
            stored = np.asarray(chunk.attrs.get("damaged", np.empty(0, np.int32)))
        places = stored.tolist()
        if stored.dtype != np.int32 or places != sorted(set(places) & set(range(frames))):
            raise ValueError(f"expected ascending places of {frames} frames as damaged, got {places}")
    except _BROKEN as error:
        raise _not_intact(file, error) from error
    return tuple(places)


def _read_arrays(chunk: h5py.File, frames: int, file_size: int) -> Iterator[tuple[str, NDArray[Any]]]:
    for name in _ARRAYS:
        if not isinstance(chunk.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"expected {name} in this file, got a link or nothing")
        dataset = chunk[name]
        if not isinstance(dataset, h5py.Dataset) or dataset.shape[:1] != (frames,):
            raise ValueError(f"expected {name} of {frames} frames, got {dataset}")
        verify_storage(dataset)  # chunks of somebody else's may come along with an artifacts folder
        verify_size(dataset, file_size)
        yield name, dataset[()]


def remove_unfinished(folder: Path) -> None:
    """Remove what killed runs left half-written in `folder`; only for the holder of the output's lock."""
    for leftover in folder.glob(f"*{_UNFINISHED}"):
        leftover.unlink(missing_ok=True)

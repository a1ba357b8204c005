"""Lays a cache file out in HDF5: groups, attributes, index, skeleton, and datasets ready for the content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.schema import INDEX_ARRAYS, ArraySpec
from data_cache.contract.skeleton import JOINTS, limb_indices, mirror_indices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from data_cache.contract.records import SplitIndex
    from data_cache.contract.schema import Format

BLOCK_ROWS = 4096  # rows written at once: a multiple of every chunk's rows
GZIP_LEVEL = 4
# Unpacking is what a clip of 24 frames costs: 64 rows of keypoints a chunk read twice as fast as 256.
_CHUNK_BYTES = 14 << 10
_MIN_CHUNK_ROWS = 16


def chunk_shape(spec: ArraySpec, shape: tuple[int, ...], itemsize: int) -> tuple[int, ...] | None:
    """Return the HDF5 chunk of an array: a power of two of rows, up to 14 KiB or 16 rows, no more than there are.

    None for an empty array.
    """
    if 0 in shape:
        return None
    rows = BLOCK_ROWS
    while rows > _MIN_CHUNK_ROWS and rows * itemsize * int(np.prod(spec.tail)) > _CHUNK_BYTES:
        rows //= 2
    return (min(rows, shape[0]), *shape[1:])


def fill_value(dtype: np.dtype[Any]) -> float | int | None:
    """What stands where nothing was written, and cannot be taken for data: NaN, −1, 255; None for names and bool."""
    return {"f": np.nan, "i": -1, "u": np.iinfo(np.uint8).max}.get(dtype.kind)


def create_dataset(
    file: h5py.File, spec: ArraySpec, shape: tuple[int, ...], values: NDArray[Any] | None = None
) -> h5py.Dataset:
    """Create the dataset of `spec` with its attributes and, if given, its values.

    Chunked along its first axis, gzip, shuffle and fletcher32 (an empty one has no chunks), no time stamps.
    """
    dtype = spec.stored_dtype(0 if values is None else values.dtype.itemsize)
    chunks = chunk_shape(spec, shape, dtype.itemsize)
    packing: dict[str, Any] = {}
    if chunks is not None:
        packing = {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": True, "fletcher32": True}
    dataset = file.create_dataset(
        spec.name, shape, dtype, chunks=chunks, track_times=False, fillvalue=fill_value(dtype), **packing
    )
    set_texts(dataset, description=spec.description)
    if spec.unit:
        set_texts(dataset, unit=spec.unit)
    dims = encode_texts(spec.dims)
    dataset.attrs.create("dims", dims, dtype=h5py.string_dtype("utf-8", dims.dtype.itemsize))
    if values is not None and values.size:
        dataset[...] = values.view(dtype)  # an enumeration's dtype is that of its numbers, with the names
        dataset.flush()  # or where its values lie would depend on when Python lets go of it
    return dataset


def write_index(
    file: h5py.File, layout: Format, index: SplitIndex, recipe: str, known: Mapping[str, NDArray[Any]]
) -> None:
    """Write everything but the content, and create the arrays that are filled frame by frame; `known`: the others."""
    file.attrs.create("version", layout.version, dtype="<i4")
    set_texts(file, format=layout.name, dataset=index.dataset, split=index.split, recipe=recipe)
    # NeXus: a viewer follows `default` and `signal` to what it shows first.
    set_texts(file, NX_class="NXroot", default="frames")
    for group in dict.fromkeys(spec.name.split("/")[1] for spec in layout.arrays):
        set_texts(file.create_group(group), NX_class="NXdata" if group == "frames" else "NXcollection")
    set_texts(file["frames"], signal=layout.content[0].name.rpartition("/")[2])
    for (name, attribute), text in layout.texts.items():
        set_texts(file[name], **{attribute: text})
    frames, tracks = len(index.paths), len(index.tracks)
    for spec in layout.arrays:
        if spec.name in known or spec.dims[0] == "frame":
            create_dataset(file, spec, spec.shape(frames, tracks), known.get(spec.name))


def known_arrays(index: SplitIndex, status: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """The arrays that follow from frames, tracks and skeleton, by name; status: (frame,) uint8, a `Status`."""
    arrays: dict[str, NDArray[Any]] = {
        "/frames/path": encode_texts(index.paths),
        "/frames/track": index.track,
        "/frames/status": status,
        "/skeleton/joints": encode_texts(JOINTS),
        "/skeleton/limbs": limb_indices(),
        "/skeleton/mirror": mirror_indices(),
    }
    for spec in INDEX_ARRAYS:
        if spec.dims[0] == "track":
            arrays[spec.name] = getattr(index.tracks, spec.name.rpartition("/")[2])
    return arrays


def encode_texts(texts: Sequence[str] | NDArray[Any]) -> NDArray[np.bytes_]:
    """Return names as UTF-8 of one length, that of the longest, padded with NUL: (name,) bytes."""
    encoded = [str(text).encode() for text in texts]
    return np.array(encoded, f"S{max((len(text) for text in encoded), default=1)}")


def set_texts(node: h5py.Group | h5py.Dataset, **texts: str) -> None:
    """Set attributes as text of fixed length: how long it is can be known before it is read."""
    for name, text in texts.items():
        data = text.encode()
        node.attrs.create(name, np.bytes_(data), dtype=h5py.string_dtype("utf-8", max(1, len(data))))

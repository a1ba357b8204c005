"""Checks of single attributes and datasets of an HDF5 file against the schema, each before anything is read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.contract.schema import TEXT, ArraySpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

AGAIN = "make it again with `dvc repro`"
_MAX_TEXT_BYTES = 1 << 20  # of an attribute
_MAX_NAME_BYTES = 1 << 12  # of one entry of a dataset of names
_MAX_CHUNK_BYTES = 1 << 26
_MAX_PACKING = 1100  # gzip packs at most 1032 : 1
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
}


class Refused(Exception):  # noqa: N818
    """(expected, found) or (expected, found, remedy), which `hdf5_errors` completes with file and key."""


def refusal(path: Path, key: str, expected: str, found: str, remedy: str = AGAIN) -> ValueError:
    """Return the error for what is not as the schema says."""
    return ValueError(f"{path}: {key}: expected {expected}, found {found}; {remedy}")


@contextmanager
def hdf5_errors(path: Path, key: str) -> Iterator[None]:
    """Turn what h5py raises for damaged bytes into one sentence that names file and key."""
    try:
        yield
    except Refused as refused:
        raise refusal(path, key, *refused.args) from None
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise refusal(path, key, "intact HDF5", f"damage ({reason})") from error


def _attribute(node: h5py.Group | h5py.Dataset, name: str) -> h5py.h5a.AttrID:
    if name not in node.attrs:
        raise Refused(f"the attribute {name}", "none")
    return h5py.h5a.open(node.id, name.encode())


def read_text(node: h5py.Group | h5py.Dataset, name: str) -> str:
    """Return an attribute of text; `Refused` unless it is one text of fixed and reasonable length."""
    attribute = _attribute(node, name)
    kind = attribute.get_type()
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str() or attribute.shape != ():
        raise Refused("one text of fixed length", f"type {kind.get_class()} of shape {attribute.shape}")
    if kind.get_size() > _MAX_TEXT_BYTES:
        raise Refused(f"at most {_MAX_TEXT_BYTES} bytes", f"{kind.get_size()}")
    return bytes(node.attrs[name]).decode("utf-8")


def read_integer(node: h5py.Group, name: str) -> int:
    """Return an attribute that is one integer; `Refused` for anything else."""
    attribute = _attribute(node, name)
    kind = attribute.get_type()
    if not isinstance(kind, h5py.h5t.TypeIntegerID) or attribute.shape != () or kind.get_size() > 8:
        raise Refused("one integer", f"type {kind.get_class()} of shape {attribute.shape}")
    return int(node.attrs[name])


def verify_version(version: int, first: int, last: int) -> int:
    """Return a file's version if it is one of `first` to `last`, which are read; `Refused` if not."""
    expected = f"version {first} to {last}" if first < last else f"version {last}"
    if version > last:
        raise Refused(expected, f"the newer version {version}", f"update this program, or {AGAIN}")
    if version < first:
        raise Refused(expected, f"the older version {version}")
    return version


def verify_dataset(file: h5py.File, spec: ArraySpec, lengths: dict[str, int], file_size: int) -> h5py.Dataset:
    """Return the dataset of `spec` if it is as the schema says; `Refused` if not.

    lengths:   `frame` and `track` → how many, filled in by the first array along the axis
    file_size: bytes of the whole file
    """
    node = _resolve(file, spec.name)
    verify_storage(node)
    _verify_type(node, spec)
    _verify_shape(node, spec, lengths)
    verify_size(node, file_size)
    _verify_dims(node, spec)
    return node


def _resolve(file: h5py.File, name: str) -> h5py.Dataset:
    """Follow hard links only, from the root."""
    node: Any = file
    for part in name.strip("/").split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise Refused("a dataset", "none")
        if not isinstance(link, h5py.HardLink):
            found = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
            raise Refused("a dataset in this file", found)
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise Refused("a dataset", "a group or type")
    return node


def verify_storage(node: h5py.Dataset) -> None:
    """All data in this file, packed by nothing but what every HDF5 build has; `Refused` if not."""
    plan = node.id.get_create_plist()
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        raise Refused("data in this file", "a virtual dataset")
    if plan.get_external_count():
        raise Refused("data in this file", "external storage")
    for number in range(plan.get_nfilters()):
        code = plan.get_filter(number)[0]
        if code not in _FILTERS:
            raise Refused(f"only the filters {', '.join(_FILTERS.values())}", f"filter {code}")


def _verify_type(node: h5py.Dataset, spec: ArraySpec) -> None:
    dtype = node.dtype
    if spec.dtype == TEXT:
        info = h5py.check_string_dtype(dtype)
        if info is None or info.length is None or not 0 < info.length <= _MAX_NAME_BYTES:
            raise Refused(f"text of fixed length up to {_MAX_NAME_BYTES}", str(dtype))
        return
    expected = spec.stored_dtype()
    if dtype != expected:
        raise Refused(f"dtype {expected}", str(dtype))
    wanted, found = h5py.check_enum_dtype(expected), h5py.check_enum_dtype(dtype)
    if found != wanted:
        raise Refused(f"the enumeration {_enumerated(wanted)}", _enumerated(found))


def _enumerated(values: Mapping[str, int] | None) -> str:
    return ", ".join(f"{name} {values[name]}" for name in sorted(values, key=values.__getitem__)) if values else "none"


def _verify_shape(node: h5py.Dataset, spec: ArraySpec, lengths: dict[str, int]) -> None:
    """Hold the shape against the schema; the first array along an axis says how long it is."""
    shape = node.shape
    if shape and spec.dims[0] in ("frame", "track"):
        lengths.setdefault(spec.dims[0], shape[0])
    expected = spec.shape(lengths.get("frame", 0), lengths.get("track", 0))
    if shape != expected:
        raise Refused(f"shape {expected}, axes ({', '.join(spec.dims)})", f"{shape}")


def verify_size(node: h5py.Dataset, file_size: int) -> None:
    """`Refused` for claims that the bytes in the file (`file_size` of them) cannot bear out."""
    if node.size == 0:
        return
    claimed, stored = node.size * node.dtype.itemsize, node.id.get_storage_size()
    if stored > file_size or claimed > stored * _MAX_PACKING:
        raise Refused("its data in the file", f"{claimed} bytes claimed, {stored} stored")
    if node.chunks is not None:
        if int(np.prod(node.chunks, dtype=object)) * node.dtype.itemsize > _MAX_CHUNK_BYTES:
            raise Refused(f"chunks of at most {_MAX_CHUNK_BYTES} bytes", f"chunks of shape {node.chunks}")
        expected = 1
        for length, chunk in zip(node.shape, node.chunks, strict=True):
            expected *= -(-length // chunk)
        if node.id.get_num_chunks() != expected:
            raise Refused(f"{expected} chunks", f"{node.id.get_num_chunks()}")


def _verify_dims(node: h5py.Dataset, spec: ArraySpec) -> None:
    attribute = _attribute(node, "dims")
    kind = attribute.get_type()
    expected = ", ".join(spec.dims)
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str() or kind.get_size() > 64:
        raise Refused(f"dims {expected}", "an attribute dims of another type")
    if attribute.shape != (len(spec.dims),):
        raise Refused(f"dims {expected}", f"an attribute dims of shape {attribute.shape}")
    found = tuple(bytes(name).decode("utf-8", "replace") for name in node.attrs["dims"])
    if found != spec.dims:
        raise Refused(f"dims {expected}", ", ".join(found))

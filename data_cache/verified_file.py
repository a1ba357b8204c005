"""Opens a cache file and holds it against its schema before anything is read from it.

Files come from outside: every link, dtype, shape, filter and claimed size is checked first, so that a foreign,
damaged or hostile file ends in one sentence and never leads to another file or to huge allocations. Only the
names that the schema knows are looked at.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from data_cache.records import SPLITS
from data_cache.schema import FORMATS, TEXT, ArraySpec, Format
from data_cache.skeleton import JOINTS, limb_indices, mirror_indices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

AGAIN = "make it again with `dvc repro`"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MAX_TEXT_BYTES = 1 << 20  # of an attribute
_MAX_NAME_BYTES = 1 << 12  # of one entry of a dataset of names
_MAX_CHUNK_BYTES = 1 << 26
_MAX_PACKING = 1100  # gzip packs at most 1032 : 1
_CHUNK_CACHE_BYTES = 4 << 20  # for each dataset
_FILTERS = {h5py.h5z.FILTER_DEFLATE: "gzip", h5py.h5z.FILTER_SHUFFLE: "shuffle", h5py.h5z.FILTER_FLETCHER32: "fletcher32"}  # fmt: skip # noqa: E501


@dataclass(frozen=True)
class VerifiedFile:
    """An open cache file that keeps to its schema.

    datasets: name → dataset, every one the schema lists
    frames, tracks: N and M
    """

    file: h5py.File
    layout: Format
    dataset: str
    split: str
    recipe: dict[str, Any]
    datasets: dict[str, h5py.Dataset]
    frames: int
    tracks: int


def refusal(path: Path, key: str, expected: str, found: str, remedy: str = AGAIN) -> ValueError:
    """Return the error for what is not as the schema says."""
    return ValueError(f"{path}: {key}: expected {expected}, found {found}; {remedy}")


@contextmanager
def hdf5_errors(path: Path, key: str) -> Iterator[None]:
    """Turn what h5py raises for damaged bytes into one sentence that names file and key."""
    try:
        yield
    except _Refused as refused:
        raise refusal(path, key, *refused.args) from None
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise refusal(path, key, "intact HDF5", f"damage ({reason})") from error


class _Refused(Exception):  # noqa: N818
    """(expected, found) or (expected, found, remedy), to be completed with file and key."""


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
        return h5py.File(path, "r", locking=False, rdcc_nbytes=_CHUNK_CACHE_BYTES, rdcc_nslots=521)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise refusal(path, "file", "a whole HDF5 file", f"a truncated or damaged one ({reason})") from error


def _verify(file: h5py.File, path: Path, kind: str | None) -> VerifiedFile:
    layout = _verify_format(file, path, kind)
    with hdf5_errors(path, "attribute dataset"):
        dataset = _read_text(file, "dataset")
    with hdf5_errors(path, "attribute split"):
        split = _read_text(file, "split")
        if split not in SPLITS:
            raise _Refused(" or ".join(SPLITS), repr(split))
    with hdf5_errors(path, "attribute recipe"):
        recipe = _parse_recipe(_read_text(file, "recipe"))
    size = path.stat().st_size
    datasets: dict[str, h5py.Dataset] = {}
    lengths: dict[str, int] = {}
    for spec in layout.arrays:
        with hdf5_errors(path, spec.name):
            node = _resolve(file, spec.name)
            _verify_storage(node)
            _verify_type(node, spec)
            _verify_shape(node, spec, lengths)
            _verify_size(node, size)
            _verify_dims(node, spec)
            datasets[spec.name] = node
    _verify_skeleton(path, datasets)
    return VerifiedFile(file, layout, dataset, split, recipe, datasets, lengths["frame"], lengths.get("track", 0))


def _verify_format(file: h5py.File, path: Path, kind: str | None) -> Format:
    names = {layout.name: layout for layout in FORMATS.values()}
    with hdf5_errors(path, "attribute format"):
        expected = FORMATS[kind].name if kind is not None else f"one of {', '.join(names)}"
        if "format" not in file.attrs:
            raise _Refused(expected, "no such attribute, so another program's file", "name a file of this project")
        name = _read_text(file, "format")
        if name not in names or kind not in (None, names[name].kind):
            raise _Refused(expected, repr(name), "name a file of that format")
    layout = names[name]
    with hdf5_errors(path, "attribute version"):
        version = _read_integer(file, "version")
        if version > layout.version:
            raise _Refused(
                f"version {layout.version}", f"the newer version {version}", f"update this program, or {AGAIN}"
            )
        if version < layout.version:
            raise _Refused(f"version {layout.version}", f"the older version {version}")
    return layout


def _attribute(node: h5py.Group | h5py.Dataset, name: str) -> h5py.h5a.AttrID:
    if name not in node.attrs:
        raise _Refused(f"the attribute {name}", "none")
    return h5py.h5a.open(node.id, name.encode())


def _read_text(node: h5py.Group | h5py.Dataset, name: str) -> str:
    attribute = _attribute(node, name)
    kind = attribute.get_type()
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str() or attribute.shape != ():
        raise _Refused("one text of fixed length", f"type {kind.get_class()} of shape {attribute.shape}")
    if kind.get_size() > _MAX_TEXT_BYTES:
        raise _Refused(f"at most {_MAX_TEXT_BYTES} bytes", f"{kind.get_size()}")
    return bytes(node.attrs[name]).decode("utf-8")


def _read_integer(node: h5py.Group, name: str) -> int:
    attribute = _attribute(node, name)
    kind = attribute.get_type()
    if not isinstance(kind, h5py.h5t.TypeIntegerID) or attribute.shape != () or kind.get_size() > 8:
        raise _Refused("one integer", f"type {kind.get_class()} of shape {attribute.shape}")
    return int(node.attrs[name])


def _parse_recipe(text: str) -> dict[str, Any]:
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Refused("JSON", f"{text[:40]!r} ({error})") from None
    if not isinstance(recipe, dict):
        raise _Refused("a JSON object", f"{text[:40]!r}")
    return recipe


def _resolve(file: h5py.File, name: str) -> h5py.Dataset:
    """Follow hard links only, from the root."""
    node: Any = file
    for part in name.strip("/").split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise _Refused("a dataset", "none")
        if not isinstance(link, h5py.HardLink):
            found = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
            raise _Refused("a dataset in this file", found)
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise _Refused("a dataset", "a group or type")
    return node


def _verify_storage(node: h5py.Dataset) -> None:
    """All data in this file, packed by nothing but what every HDF5 build has."""
    plan = node.id.get_create_plist()
    layout = plan.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        raise _Refused("data in this file", "a virtual dataset")
    if plan.get_external_count():
        raise _Refused("data in this file", "external storage")
    for number in range(plan.get_nfilters()):
        code = plan.get_filter(number)[0]
        if code not in _FILTERS:
            raise _Refused(f"only the filters {', '.join(_FILTERS.values())}", f"filter {code}")


def _verify_type(node: h5py.Dataset, spec: ArraySpec) -> None:
    dtype = node.dtype
    if spec.dtype == TEXT:
        info = h5py.check_string_dtype(dtype)
        if info is None or info.length is None or not 0 < info.length <= _MAX_NAME_BYTES:
            raise _Refused(f"text of fixed length up to {_MAX_NAME_BYTES}", str(dtype))
        return
    expected = spec.stored_dtype()
    if dtype != expected:
        raise _Refused(f"dtype {expected}", str(dtype))
    if h5py.check_enum_dtype(dtype) != h5py.check_enum_dtype(expected):
        raise _Refused(f"the enumeration {dict(spec.enum or {})}", f"{h5py.check_enum_dtype(dtype)}")


def _verify_shape(node: h5py.Dataset, spec: ArraySpec, lengths: dict[str, int]) -> None:
    """Hold the shape against the schema; the first array along an axis says how long it is."""
    shape = node.shape
    if shape and spec.dims[0] in ("frame", "track"):
        lengths.setdefault(spec.dims[0], shape[0])
    expected = spec.shape(lengths.get("frame", 0), lengths.get("track", 0))
    if shape != expected:
        raise _Refused(f"shape {expected}, axes ({', '.join(spec.dims)})", f"{shape}")


def _verify_size(node: h5py.Dataset, file_size: int) -> None:
    """Refuse claims that the bytes in the file cannot bear out."""
    if node.size == 0:
        return
    claimed, stored = node.size * node.dtype.itemsize, node.id.get_storage_size()
    if stored > file_size or claimed > stored * _MAX_PACKING:
        raise _Refused("its data in the file", f"{claimed} bytes claimed, {stored} stored")
    if node.chunks is not None:
        if int(np.prod(node.chunks, dtype=object)) * node.dtype.itemsize > _MAX_CHUNK_BYTES:
            raise _Refused(f"chunks of at most {_MAX_CHUNK_BYTES} bytes", f"chunks of shape {node.chunks}")
        expected = 1
        for length, chunk in zip(node.shape, node.chunks, strict=True):
            expected *= -(-length // chunk)
        if node.id.get_num_chunks() != expected:
            raise _Refused(f"{expected} chunks", f"{node.id.get_num_chunks()}")


def _verify_dims(node: h5py.Dataset, spec: ArraySpec) -> None:
    attribute = _attribute(node, "dims")
    kind = attribute.get_type()
    expected = ", ".join(spec.dims)
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str() or kind.get_size() > 64:
        raise _Refused(f"dims {expected}", "an attribute dims of another type")
    if attribute.shape != (len(spec.dims),):
        raise _Refused(f"dims {expected}", f"an attribute dims of shape {attribute.shape}")
    found = tuple(bytes(name).decode("utf-8", "replace") for name in node.attrs["dims"])
    if found != spec.dims:
        raise _Refused(f"dims {expected}", ", ".join(found))


def _verify_skeleton(path: Path, datasets: dict[str, h5py.Dataset]) -> None:
    expected: dict[str, NDArray[Any]] = {
        "/skeleton/joints": np.array([joint.encode() for joint in JOINTS]),
        "/skeleton/limbs": limb_indices(),
        "/skeleton/mirror": mirror_indices(),
    }
    for name, values in expected.items():
        with hdf5_errors(path, name):
            if not np.array_equal(datasets[name][...], values):
                raise _Refused("the 17 joints of COCO, in its order", "another skeleton")

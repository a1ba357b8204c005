"""The tensors of a torch state dict, read from its `.pth` file without torch and without executing anything in it.

A `.pth` of torch 1.6 and later is a zip: `<name>/data.pkl` pickles a mapping whose tensors point to the raw bytes in
`<name>/data/<key>`. The unpickler here knows the four names that a state dict needs and refuses all others.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# torch's storages of dense numbers that numpy has too.
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
CONVERT = "convert it where torch is: torch.save(torch.load(old, map_location='cpu', weights_only=True), new)"


def read_torch_archive(path: Path) -> dict[str, NDArray[Any]]:
    """Name → array of the state dict in `path`, or of the one it holds under `state_dict`.

    ``ValueError`` for a file of torch before 1.6, one that is broken, or one that holds anything but tensors in
    plain containers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            payload = _StateDictUnpickler(archive).load()
    except zipfile.BadZipFile:
        raise ValueError(f"pretrained: {path}: not a torch file of version 1.6 or later; {CONVERT}") from None
    except pickle.UnpicklingError as error:
        raise ValueError(f"pretrained: {path}: refused: {error}; {CONVERT}") from None
    except Exception as error:  # bytes from outside: a pickle that is not a state dict fails in many ways
        raise ValueError(f"pretrained: {path}: broken ({type(error).__name__}: {error}); fetch it again") from error
    state = payload.get("state_dict", payload) if isinstance(payload, Mapping) else payload
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f"pretrained: {path}: expected tensors by name, got {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise ValueError(f"pretrained: {path}: {name!r}: expected a tensor, got {type(value).__name__}")
    return dict(state)


class _StateDictUnpickler(pickle.Unpickler):
    """Builds containers and arrays; every other name in the pickle is an error before it is looked up."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise pickle.UnpicklingError(f"expected one data.pkl, got {len(pickles)}")
        self._archive = archive
        self._folder = pickles[0].removesuffix("data.pkl")
        if self._folder + "byteorder" in archive.namelist() and archive.read(self._folder + "byteorder") != b"little":
            raise pickle.UnpicklingError("its numbers are not little-endian")
        super().__init__(archive.open(pickles[0]))

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return np.dtype(STORAGES[name])
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not a tensor")
        return known[module, name]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        kind, dtype, key, _location, count = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"it holds a {kind!r}, which is not a tensor")
        values = np.frombuffer(self._archive.read(f"{self._folder}data/{key}"), dtype)
        if len(values) != count:
            raise pickle.UnpicklingError(f"storage {key} has {len(values)} values, expected {count}")
        return values


def _rebuild_tensor(
    storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_rest: Any
) -> NDArray[Any]:
    """The array that a tensor views in its storage; reaching beyond the storage is an error."""
    if len(size) != len(stride) or min((offset, *size, *stride), default=0) < 0:
        raise pickle.UnpicklingError("a tensor's size and stride do not fit")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    if 0 in size:
        return np.zeros(size, storage.dtype)
    strides = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False).copy()


def _rebuild_parameter(tensor: NDArray[Any], *_rest: Any) -> NDArray[Any]:
    return tensor

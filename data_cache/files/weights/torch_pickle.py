"""What a torch file holds, read without torch and without executing anything in it.

Since torch 1.6 such a file is a zip: `<name>/data.pkl` pickles containers whose tensors point to the raw bytes in
`<name>/data/<key>`. Before, it was a row of pickles with the raw bytes behind them. In both, the unpickler here builds
plain containers and arrays, lets a few names of what trainers note beside the weights stand for an empty object, and
refuses all others.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

# torch's storages of dense numbers; bfloat16 is the upper half of a float32.
STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "<u2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
# How a file of torch before 1.6 begins: its magic number, 0x1950a86a20f9469cfc6c, pickled.
OLD_MARK = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

# What trainers save beside tensors: MMEngine's histories (and their statistics, as getattr(HistoryBuffer, name)),
# NumPy's scalars and arrays (NumPy 2 writes them under numpy._core), settings, paths, times.
READ_OVER = frozenset(
    {
        *("builtins.getattr", "builtins.set", "builtins.frozenset", "builtins.complex", "builtins.slice"),
        *("_codecs.encode", "collections.defaultdict", "collections.Counter", "argparse.Namespace"),
        *("pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"),
        *("datetime.datetime", "datetime.timedelta", "datetime.timezone"),
        *("numpy.ndarray", "numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"),
        *("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"),
        *("torch.Size", "torch.device", "torch.float64", "torch.float32", "torch.float16", "torch.bfloat16"),
        *("mmengine.logging.history_buffer.HistoryBuffer", "mmengine.config.config.ConfigDict"),
        *("yacs.config.CfgNode", "fvcore.common.config.CfgNode", "easydict.EasyDict"),
        *("pytorch_lightning.utilities.parsing.AttributeDict", "lightning_fabric.utilities.data.AttributeDict"),
    }
)
_PYTHON_2 = {"__builtin__": "builtins"}  # as the pickles of torch, which Python 2 could read, call it


class ReadOver:
    """Stands for everything in a file that is not needed: takes any arguments, items and state, keeps none."""

    def __new__(cls, *_arguments: object, **_named: object) -> ReadOver:
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_named: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def append(self, _item: object) -> None:
        """Keep nothing."""

    def extend(self, _items: object) -> None:
        """Keep nothing."""


class NotPlainTensorsError(Exception):
    """A file, perhaps whole, of other things than dense tensors in plain containers; the message says which."""


ReadStorage = Callable[[str, "np.dtype[Any]"], NDArray[Any]]


def read_torch_zip(file: IO[bytes]) -> object:
    """What a file of torch 1.6 or later holds, its tensors as arrays, bfloat16 as float32.

    ``NotPlainTensorsError`` for what is no dense tensor and no plain container; whatever else Python raises for a file
    that is broken.
    """
    with zipfile.ZipFile(file) as archive:
        (folder,) = torch_folders(archive)
        whole = os.fstat(file.fileno()).st_size

        def read_member(name: str) -> bytes:
            member = archive.getinfo(folder + name)
            if member.file_size > whole:
                raise pickle.UnpicklingError(f"{name} claims {member.file_size} bytes of a file of {whole}")
            return archive.read(member)

        if f"{folder}byteorder" in archive.namelist() and read_member("byteorder") != b"little":
            raise NotPlainTensorsError("its numbers are not little-endian")
        pickled = io.BytesIO(read_member("data.pkl"))
        return _TorchUnpickler(pickled, lambda key, dtype: np.frombuffer(read_member(f"data/{key}"), dtype)).load()


def torch_folders(archive: zipfile.ZipFile) -> list[str]:
    """The folders of `archive` that hold a torch file, one deep, each with its slash; a torch file has one."""
    pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
    return [name.removesuffix("data.pkl") for name in pickles]


def read_old_torch(file: IO[bytes]) -> object:
    """What a file of torch before 1.6 holds; as `read_torch_zip`.

    Its numbers lie behind the pickle that says where they go, so this is read twice.
    """
    for _ in ("magic number", "version"):
        _TorchUnpickler(file, _no_storage).load()
    machine = _TorchUnpickler(file, _no_storage).load()
    if isinstance(machine, Mapping) and not machine.get("little_endian", True):
        raise NotPlainTensorsError("its numbers are not little-endian")
    start = file.tell()
    scan = _StorageScan(file)
    scan.load()
    keys = _TorchUnpickler(file, _no_storage).load()
    if not isinstance(keys, list) or set(keys) != scan.found.keys():
        raise pickle.UnpicklingError("its list of storages does not fit its tensors")
    storages = {key: _read_block(file, *scan.found[key]) for key in keys}
    file.seek(start)
    return _TorchUnpickler(file, lambda key, _dtype: storages[key]).load()


def _read_block(file: IO[bytes], dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """The next storage: its number of values in eight bytes, then these."""
    said = int.from_bytes(file.read(8), "little")
    left = os.fstat(file.fileno()).st_size - file.tell()
    if said != count or count * dtype.itemsize > left:
        raise EOFError(f"expected {count} values, got {min(said, left // dtype.itemsize)}")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype)


def _no_storage(key: str, _dtype: np.dtype[Any]) -> NDArray[Any]:
    raise pickle.UnpicklingError(f"storage {key} is where no tensor should be")


def _storage_of(pid: Any) -> tuple[str, np.dtype[Any], int]:
    """Key, number type and number of values of a storage that a pickle points to."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], np.dtype):
        raise NotPlainTensorsError("it points to something that is not a tensor's numbers")
    _, dtype, key, _location, count = pid[:5]
    if not isinstance(key, str) or not isinstance(count, int) or count < 0 or any(pid[5:]):
        raise NotPlainTensorsError("it points to a tensor's numbers in an unknown way")
    return key, dtype, count


class _StorageScan(pickle.Unpickler):
    """Reads over a pickle to learn which storages it points to: every other name stands for an empty object."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self.found: dict[str, tuple[np.dtype[Any], int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        return _number_type(module, name) or (OrderedDict if name == "OrderedDict" else ReadOver)

    def persistent_load(self, pid: Any) -> ReadOver:
        key, dtype, count = _storage_of(pid)
        self.found[key] = dtype, count
        return ReadOver()


class _TorchUnpickler(pickle.Unpickler):
    """Builds containers and arrays; every other name in the pickle is an error before it is looked up."""

    def __init__(self, file: IO[bytes], read_storage: ReadStorage) -> None:
        super().__init__(file, encoding="utf-8")
        self._read_storage = read_storage
        self._storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        known = {
            "collections.OrderedDict": OrderedDict,
            "torch._utils._rebuild_tensor": _rebuild_tensor,
            "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
            "torch._utils._rebuild_parameter": _rebuild_parameter,
        }
        dotted = f"{_PYTHON_2.get(module, module)}.{name}"
        if dotted in READ_OVER:
            return ReadOver
        found = _number_type(module, name) or known.get(dotted)
        if found is None:
            raise NotPlainTensorsError(f"it asks for {dotted}, which is code or another kind of tensor")
        return found

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        key, dtype, count = _storage_of(pid)
        if key not in self._storages:
            values = self._read_storage(key, dtype)
            if len(values) != count:
                raise pickle.UnpicklingError(f"storage {key} has {len(values)} values, expected {count}")
            self._storages[key] = as_float32(values) if dtype == STORAGES["BFloat16Storage"] else values
        return self._storages[key]


def as_float32(bfloat16: NDArray[Any]) -> NDArray[Any]:
    """The float32 numbers whose upper halves are `bfloat16`, uint16: the same numbers."""
    return (bfloat16.astype("<u4") << np.uint32(16)).view("<f4")


def _number_type(module: str, name: str) -> np.dtype[Any] | None:
    known = module in ("torch", "torch.cuda") and name in STORAGES
    return np.dtype(STORAGES[name]) if known else None


def _rebuild_tensor(
    storage: NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_rest: Any
) -> NDArray[Any]:
    """The array that a tensor views in its storage; reaching beyond the storage is an error."""
    if not isinstance(storage, np.ndarray) or len(size) != len(stride) or min((offset, *size, *stride), default=0) < 0:
        raise pickle.UnpicklingError("a tensor's size and stride do not fit")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    if 0 in size:
        return np.zeros(size, storage.dtype)
    strides = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides, writeable=False)


def _rebuild_parameter(tensor: NDArray[Any], *_rest: Any) -> NDArray[Any]:
    return tensor

"""A weights file of another program to named arrays, by what is in it, whatever its name; nothing in it is executed."""

from __future__ import annotations

import re
import shlex
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from data_cache.files.weights.torch_pickle import (
    OLD_MARK,
    NotPlainTensorsError,
    as_float32,
    read_old_torch,
    read_torch_zip,
    torch_folders,
)

FETCH = "fetch it again"
FETCH_ITSELF = "fetch the file itself"
SAVE = (
    "have whoever can build its network save the tensors alone, as"
    " torch.save({name: value.float() for name, value in network.state_dict().items()}, 'weights.pth')"
)
# Arguments: a TorchScript file, the file to write. Code in such a file runs only when the network does.
SAVE_SCRIPT = (
    "python -c \"import sys, torch; torch.save(torch.jit.load(sys.argv[1], map_location='cpu').state_dict(),"
    ' sys.argv[2])"'
)
_BEGINNING = 512
_SHOWN = 40


def read_weights(path: Path, read_other: Callable[[Path], object] | None = None) -> object:
    """What a safetensors or torch file holds: containers as they were saved, tensors as arrays, bfloat16 as float32.

    read_other: reads a file that is of no kind known here
    ``FileNotFoundError``, ``PermissionError``; ``ValueError`` says what else the file is, or what it lacks, and what to
    do.
    """
    with open_weights(path) as file:
        beginning = file.read(_BEGINNING)
        file.seek(0)
        read = _reader(path, beginning) or (None if read_other is None else lambda _path, _file: read_other(path))
        if read is None:
            raise ValueError(f"{path}: expected weights of safetensors or torch, got another kind of file; {SAVE}")
        return read(path, file)


def open_weights(path: Path) -> IO[bytes]:
    """The file, open for reading. ``FileNotFoundError``, ``PermissionError``, ``ValueError`` with a remedy."""
    if path.is_dir():
        raise ValueError(f"{path}: expected a weights file, got a folder; name the file in it")
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such weights file; check the path") from None
    except PermissionError:
        command = f"chmod a+r {shlex.quote(str(path))}"
        raise PermissionError(f"{path}: you may not read these weights; as their owner, {command}") from None


Reader = Callable[[Path, IO[bytes]], object]


def _reader(path: Path, beginning: bytes) -> Reader | None:
    """What reads a file that begins so; none for a kind that is not known. ``ValueError`` for what is no weights."""
    if not beginning:
        raise ValueError(f"{path}: expected weights, got an empty file; {FETCH}")
    if beginning.startswith(b"PK\x03\x04"):
        return _read_zip
    if beginning.startswith(OLD_MARK):
        return lambda path, file: _unpickled(path, file, read_old_torch)
    if beginning[5:9] == b"\0\0\0{":  # the length of a JSON header, in eight bytes, and the header
        return _read_safetensors
    if beginning.startswith(b"\x80"):
        raise ValueError(f"{path}: refused: a pickle that torch did not write; {SAVE}")
    _refuse_packed(path, beginning)
    _refuse_text(path, beginning)
    return None


def _refuse_packed(path: Path, beginning: bytes) -> None:
    file = shlex.quote(str(path))
    if beginning.startswith(b"\x1f\x8b"):
        unpacked = shlex.quote(str(path.with_suffix(".unpacked.pth")))
        raise ValueError(f"{path}: expected weights, got them packed by gzip: gzip -dc {file} > {unpacked}")
    if beginning[257:262] == b"ustar" and tarfile.is_tarfile(path):
        folder = shlex.quote(str(path.parent))
        raise ValueError(
            f"{path}: expected weights, got a tar archive: tar -xf {file} -C {folder}, then name a file of it"
        )


def _refuse_text(path: Path, beginning: bytes) -> None:
    """Tell what a download brings that was no download of the file."""
    if beginning.startswith(b"version https://git-lfs.github.com/spec/"):
        said = re.search(rb"oid sha256:([0-9a-f]{64})\nsize (\d+)", beginning)
        what = f" of {int(said[2])} bytes, sha256 {said[1].decode()}" if said else ""
        raise ValueError(f"{path}: expected weights, got a Git LFS pointer to them; {FETCH_ITSELF}{what}")
    decoded = beginning.decode("utf-8", "ignore")
    text = decoded.strip()
    if re.match(r"<(!doctype|html|head|body|\?xml)", text, re.IGNORECASE):
        raise ValueError(f"{path}: expected weights, got a web page; {FETCH_ITSELF}, which its download link leads to")
    if "\0" not in text and len(decoded.encode()) > len(beginning) - 4:  # one character may be cut at the end
        raise ValueError(f"{path}: expected weights, got text, which begins {text[:_SHOWN]!r}; {FETCH_ITSELF}")


def _read_zip(path: Path, file: IO[bytes]) -> object:
    try:
        with zipfile.ZipFile(file) as archive:
            folders = torch_folders(archive)
            script = any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise ValueError(f"{path}: not a whole torch file: it was cut short or is damaged; {FETCH}") from None
    names = shlex.quote(str(path)), shlex.quote(str(path.with_suffix(".tensors.pth")))
    if script:
        raise ValueError(f"{path}: expected tensors, got a TorchScript program; {SAVE_SCRIPT} {' '.join(names)}")
    if len(folders) != 1:
        unpacked = shlex.quote(str(path.with_suffix(".unpacked")))
        raise ValueError(
            f"{path}: expected weights, got a zip archive of other files:"
            f" python -m zipfile -e {names[0]} {unpacked}, then name a file of it"
        )
    return _unpickled(path, file, read_torch_zip)


def _unpickled(path: Path, file: IO[bytes], read: Callable[[IO[bytes]], object]) -> object:
    try:
        return read(file)
    except NotPlainTensorsError as error:
        raise ValueError(f"{path}: refused: {error}; {SAVE}") from None
    except Exception as error:  # bytes from outside: a pickle that is not whole fails in many ways
        raise ValueError(
            f"{path}: refused: not a whole torch file ({type(error).__name__}: {error}); {FETCH}"
        ) from error


def _read_safetensors(path: Path, file: IO[bytes]) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError, deserialize

    numbers = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1", "U8": "|u1", "I8": "|i1"}
    numbers |= {f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "UI" for size in (2, 4, 8)}
    try:
        stored = deserialize(file.read())  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file: {error}; {FETCH}") from None
    tensors = {}
    for name, tensor in stored:
        if tensor["dtype"] not in numbers:
            raise ValueError(f"{path}: {name}: expected numbers that NumPy has, got {tensor['dtype']}; {SAVE}")
        values = np.frombuffer(tensor["data"], numbers[tensor["dtype"]]).reshape(tensor["shape"])
        tensors[name] = as_float32(values) if tensor["dtype"] == "BF16" else values
    return tensors


def named_tensors(held: object) -> dict[str, NDArray[Any]]:
    """All arrays in the mappings of a file, by their names from the outermost on: `state_dict.conv1.weight`.

    held: what `read_weights` returned; what is no array, and what has a key that is no text, is left out
    """
    found: dict[str, NDArray[Any]] = {}
    seen: set[int] = set()  # a pickle can hold itself

    def gather(part: object, prefix: str) -> None:
        if isinstance(part, np.ndarray):
            found[prefix] = part
        elif isinstance(part, Mapping) and id(part) not in seen:
            seen.add(id(part))
            for name, value in part.items():
                if isinstance(name, str):
                    gather(value, f"{prefix}.{name}" if prefix else name)

    gather(held, "")
    return found

"""One writer at a time for an output file, across processes; a killed process leaves no lock behind."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from data_cache.files.partial_file import output_error

if TYPE_CHECKING:
    from collections.abc import Iterator

# Outputs that this process holds, with the thread that took them: the same thread may enter again.
_held: dict[tuple[int, Path], int] = {}


class OutputBusyError(ValueError):
    """Another run is writing the same output."""


def lock_path(path: Path) -> Path:
    """Return the lock file that stands for the output `path`."""
    return path.with_name(f"{path.name}.lock")


@contextmanager
def lock_output(path: Path | str) -> Iterator[None]:
    """Hold the output `path` for this run, making its folder if need be.

    The lock is the kernel's (`flock` on `<path>.lock`), so it ends with the process however that ends; the
    file itself says nothing and is removed when the lock is given back. The thread that holds an output may
    enter again.

    Raises OutputBusyError, naming the holder's process id, while another run holds it; OSError if the folder
    cannot be made or written.
    """
    output = Path(path).absolute()
    key = (os.getpid(), output)
    if _held.get(key) == threading.get_ident():
        yield
        return
    file = _acquire(output)
    _held[key] = threading.get_ident()
    try:
        yield
    finally:
        del _held[key]
        # Removed before the lock is given back: who waits for this name finds it gone and makes a new one.
        try:
            lock_path(output).unlink(missing_ok=True)
        finally:
            os.close(file)


def _acquire(output: Path) -> int:
    name = lock_path(output)
    while True:
        file = _open(output, name)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise OutputBusyError(
                f"{output}: another run (process {holder}) is writing this file; wait for it or stop it"
            ) from None
        if _is_current(file, name):
            # For the message alone, so a full disk is no reason to stop here.
            with suppress(OSError):
                os.ftruncate(file, 0)
                os.pwrite(file, f"{os.getpid()}\n".encode("ascii"), 0)
            return file
        os.close(file)


def _open(output: Path, name: Path) -> int:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise output_error(error, output) from error


def _is_current(file: int, name: Path) -> bool:
    """Whether the locked file is still the one under that name (its last holder may have removed it)."""
    try:
        return os.path.samestat(os.fstat(file), name.stat())
    except FileNotFoundError:
        return False

"""A file under a private name, `<name>.partial`, that takes its final name when it is whole.

HDF5 writes through it (h5py's file-object driver). Left alone, HDF5 keeps a file open that it could not
write, and brings the process down when it tries again at the end: so a failed write is remembered here, HDF5
is told that all is well, and `check` raises what happened.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def output_error(error: OSError, path: Path) -> OSError:
    """Return the error that tells the user why `path` cannot be written and what to do."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        advice = f"the disk is full ({reason}), nothing was left under this name; free some space and run again"
    elif error.errno == errno.EFBIG:
        advice = (
            f"the file is larger than this shell or file system allows ({reason}), nothing was left under this name;"
            " run again in a shell without that limit (`ulimit -f` shows it), or write elsewhere"
        )
    elif error.errno in _FORBIDDEN:
        advice = f"cannot write here ({reason}); choose a folder that you may write to"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        advice = f"cannot make its folder ({reason}); a file stands where a folder is expected, choose another"
    elif error.errno == errno.EISDIR:
        advice = "a folder has this name; choose another name or remove the folder"
    else:
        advice = f"cannot write ({reason}), nothing was left under this name; mend that and run again"
    return OSError(error.errno, advice, str(path))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM handlers until the block is done, where HDF5 must not be left half-way."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs signal handlers in the main thread only
        return
    arrived: list[tuple[int, Any]] = []
    found = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}
    for number in handlers:
        signal.signal(number, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number, frame in arrived[:1]:
            handlers[number](number, frame)


class PartialFile:
    """Binary file for `path`, written under `<name>.partial` beside it.

    It has the methods h5py asks of a file object. None of them raises for a write that fails: call `check`
    after every step, and `publish` or `discard` at the end.
    """

    def __init__(self, path: Path) -> None:
        """Make the folder and an empty partial file; OSError with a remedy if that is not possible."""
        self.path = path
        self.partial = path.with_name(f"{path.name}.partial")
        self._failure: BaseException | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            self._file = os.open(self.partial, flags, 0o666)
        except OSError as error:
            raise output_error(error, path) from error
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset`, as io.RawIOBase.seek."""
        self._position = os.lseek(self._file, offset, whence)
        return self._position

    def tell(self) -> int:
        """Return the current position."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes, all that is left if negative."""
        wanted = os.fstat(self._file).st_size if size < 0 else size
        data = os.pread(self._file, wanted, self._position)
        self._position += len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` from the current position."""
        count = os.preadv(self._file, [buffer], self._position)
        self._position += count
        return count

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Write all of `data`; a failure is remembered, and from then on nothing is written any more."""
        view = memoryview(data).cast("B")
        try:
            done = 0
            while self._failure is None and done < len(view):
                done += os.pwrite(self._file, view[done:], self._position + done)
        except BaseException as error:  # whatever it is, HDF5 must not see it; `check` raises it
            self._failure = error
        self._position += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Cut or extend the file to `size` bytes; a failure is remembered."""
        length = self._position if size is None else size
        try:
            if self._failure is None:
                os.ftruncate(self._file, length)
        except BaseException as error:
            self._failure = error
        return length

    def flush(self) -> None:
        """Nothing is held back here."""

    def check(self) -> None:
        """Raise what a write met: OSError with a remedy."""
        if isinstance(self._failure, OSError):
            raise output_error(self._failure, self.path) from self._failure
        if self._failure is not None:
            raise self._failure

    def publish(self) -> None:
        """Bring everything to the disk and give the file its final name, in place of an older one."""
        self.check()
        try:
            os.fsync(self._file)
            self._close()
            self.partial.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise output_error(error, self.path) from error
        try:
            with suppress(OSError):  # some network file systems cannot bring a folder to the disk
                os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Close and remove the partial file; an older file under the final name stays as it is."""
        with suppress(OSError):
            self._close()
        self.partial.unlink(missing_ok=True)

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


@contextmanager
def hdf5_step(file: PartialFile) -> Iterator[None]:
    """Run HDF5 calls that write into `file`: not interrupted half-way, and a failed write raises its own message."""
    with uninterrupted():
        try:
            yield
        except (OSError, RuntimeError, ValueError):
            file.check()
            raise
    file.check()

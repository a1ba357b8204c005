"""Bytes of a frame's file: what is no regular file is never waited for, and is not the end of a run."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)

Read = TypeVar("Read")


def read_opened(path: str, read: Callable[[int], Read], *, unreadable: Read) -> Read | None:
    """What ``read`` makes of the open descriptor of the regular file ``path``, whose links were resolved.

    None where no file is, ``unreadable`` for something that is there but cannot be read as a file.
    """
    try:
        # Without O_NONBLOCK opening a pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return read(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        if error.errno not in (errno.EACCES, errno.EPERM, errno.ENXIO, errno.EIO):
            raise
        log.warning("%s: %s", path, error.strerror)
        return unreadable
    log.warning("%s: not a regular file", path)
    return unreadable


def read_bytes(path: str) -> bytes | None:
    """All bytes of the regular file ``path``, whose links were resolved; None where no file is.

    Something that is there but cannot be read as a file (a folder, a pipe, no permission, a bad sector) gives
    empty bytes, which do not decode.
    """
    return read_opened(path, _read_all, unreadable=b"")


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
        return file.read()

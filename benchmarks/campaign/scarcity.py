"""What is taken away from a command, and in which amounts."""

from __future__ import annotations

import os
import resource as limits
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

SHARES = (0.0, 0.3, 0.6, 0.9)
FILE_SYSTEM_MB = 400  # for the tried project and all that a command makes
FILLER = "filler"

Limit = Callable[[], None]


@dataclass(frozen=True)
class Resource:
    """Something that can be scarce.

    amounts:  that a command is given, one after another, in `unit`
    taken:    from the project's folder, an amount and the bytes of the command's results to a context in which it is
              scarce, with what the command's process calls before it begins
    one_file: amounts are shares of the largest result, not of all
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    taken: Callable[[Path, float, int], AbstractContextManager[Limit | None]]
    one_file: bool = False
    needs_mount: bool = False


@contextmanager
def small_file_system(folder: Path) -> Iterator[bool]:
    """A file system of its own, in memory, mounted at `folder`; yields whether this user may do that."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={FILE_SYSTEM_MB}m", "tmpfs", str(folder)]
    mounted = subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _room(folder: Path, share: float, need: int) -> Iterator[None]:
    """The file system around `folder` is filled until a share of the needed bytes is left."""
    filler = folder.parent / FILLER
    state = os.statvfs(folder)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, state.f_bavail * state.f_frsize - int(share * need)))
    try:
        yield None
    finally:
        filler.unlink()


def _set(kind: int, most: int) -> None:
    limits.setrlimit(kind, (most, most))


@contextmanager
def _file_size(folder: Path, share: float, need: int) -> Iterator[Limit]:
    yield partial(_set, limits.RLIMIT_FSIZE, int(share * need))


@contextmanager
def _descriptors(folder: Path, amount: float, need: int) -> Iterator[Limit]:
    yield partial(_set, limits.RLIMIT_NOFILE, int(amount))


@contextmanager
def _memory(folder: Path, amount: float, need: int) -> Iterator[Limit]:
    yield partial(_set, limits.RLIMIT_AS, int(amount) << 20)


RESOURCES = (
    Resource("room", "of the needed bytes", SHARES, _room, needs_mount=True),
    Resource("file size", "of the largest result", SHARES[1:], _file_size, one_file=True),
    Resource("descriptors", "descriptors", (32, 16, 12, 8, 6, 5), _descriptors),
    Resource("memory", "MiB of addresses", (2048, 1536, 1024, 768, 512, 256, 128), _memory),
)

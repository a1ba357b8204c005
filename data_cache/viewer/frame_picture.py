"""The picture of a frame for a browser: its own bytes, if they are those of a picture, or a sentence why not."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from data_cache.files.frame_images import frame_file

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 64 << 20
# By content, never by name, and no format that can carry scripts.
_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"BM", "image/bmp"))


def picture_problem(root: Path, relative: str) -> str:
    """Say in a sentence why there is no picture of frame `relative` below `root`; empty when there is a file."""
    try:
        target = frame_file(root, relative)
        if target.is_file():
            return ""
    except (ValueError, OSError) as error:
        return str(error)
    return f"no frame {relative} below {root}; if the data set moved, name its folder with --root DIR"


def read_picture(root: Path, relative: str) -> tuple[str, bytes]:
    """Return media type and bytes of frame `relative`.

    Raises FileNotFoundError or another OSError when it cannot be opened, ValueError when the path leaves `root`, is
    no file, is too large, or holds something else than JPEG, PNG or BMP.
    """
    # `frame_file` has followed every symlink; a pipe under this name must not hold us up.
    descriptor = os.open(frame_file(root, relative), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            raise ValueError(
                f"{relative}: expected a picture of at most {MAX_BYTES >> 20} MiB, got another kind of file"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES)
    finally:
        os.close(descriptor)
    for signature, kind in _SIGNATURES:
        if content.startswith(signature):
            return kind, content
    raise ValueError(f"{relative}: expected a JPEG, PNG or BMP picture, got other content")

"""The picture of a frame for a browser: its own bytes, if they are those of a picture, or a sentence why not.

Which way up it is, is settled here: browsers read orientations that the decoder of the keypoints does not, and leave
others alone.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from typing import TYPE_CHECKING

import numpy as np

from data_cache.files.decoded_frame import find_picture_fault
from data_cache.files.frame_images import frame_file
from data_cache.files.frame_orientation import (
    APP1,
    EXIF,
    JPEG,
    PNG,
    UPRIGHT,
    find_orientation,
    jpeg_segments,
    png_chunks,
    turn_upright,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from data_cache.files.frame_orientation import Segment

# What browsers may take an orientation from, beside Exif: XMP in APP1, IPTC in APP13; in a PNG, its texts.
_JPEG_METADATA = {APP1, 0xED}
_PNG_METADATA = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}
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
    """Return media type and bytes of frame `relative`, whose orientation no browser has to decide.

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
            return kind, settle_orientation(content)
    raise ValueError(f"{relative}: expected a JPEG, PNG or BMP picture, got other content")


def settle_orientation(data: bytes) -> bytes:
    """The bytes of a JPEG or PNG that every program shows as the decoder of the keypoints does.

    Metadata that may say which way up it is are left out. A JPEG then says it once, in Exif of one tag that all read
    alike; a PNG, where browsers differ over that too, is turned. Most frames have none: they are sent as they are.
    """
    if data.startswith(JPEG):
        parts = [part for part in jpeg_segments(data) if part.kind in _JPEG_METADATA]
        return data[:2] + _exif_segment(find_orientation(data)) + _without(data, parts)[2:] if parts else data
    if data.startswith(PNG):
        parts = [part for part in png_chunks(data) if part.kind in _PNG_METADATA]
        orientation = find_orientation(data)
        settled = _without(data, parts) if parts else data
        return settled if orientation == UPRIGHT else _turned_png(settled, orientation)
    return data


def _without(data: bytes, parts: Sequence[Segment]) -> bytes:
    kept, place = [], 0
    for part in parts:
        kept.append(data[place : part.start])
        place = part.stop
    return b"".join((*kept, data[place:]))


def _exif_segment(orientation: int) -> bytes:
    """APP1 with nothing but Orientation as a SHORT (CIPA DC-008), big-endian."""
    directory = struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    content = EXIF + b"MM" + struct.pack(">HI", 42, 8) + directory
    return struct.pack(">BBH", 0xFF, APP1, 2 + len(content)) + content


def _turned_png(data: bytes, orientation: int) -> bytes:
    from PIL import Image

    if find_picture_fault(data) is not None:
        return data  # nor has the decoder anything to turn
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image, io.BytesIO() as turned:
        Image.fromarray(turn_upright(np.asarray(image.convert("RGB")), orientation)).save(turned, "PNG")
        return turned.getvalue()

"""Bytes of a frame → its pixels, as MMPose itself would load them: the one decoder of every stage.

What a picture claims of its size is read before room is made for it, and what has lost its end is no picture.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import warnings

import numpy as np
from numpy.typing import NDArray

from data_cache.files.frame_orientation import (
    ALONE,
    EOI,
    JPEG,
    SEGMENT_MARKER,
    SOS,
    find_orientation,
    jpeg_segments,
    turn_upright,
    upright_size,
)

log = logging.getLogger(__name__)

# A crop of a person has some ten thousand pixels. Far more (a broken or hostile header) would eat the memory
# of the whole run for one frame.
MAX_PIXELS = 2**26

# Within entropy-coded data the restart markers D0…D7 do not end the scan either.
SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
SIZES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start-of-frame markers: they hold height and width

OTHER_KINDS = ("PNG", "BMP", "TIFF", "WEBP")  # beside JPEG; frames of imported keypoints may be any of them
# What Pillow raises for files that are damaged.
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError, IndexError, OverflowError, struct.error)


def find_jpeg_fault(data: bytes) -> str | None:
    """What keeps ``data`` from being one whole JPEG picture, None where nothing does.

    Walks the markers (ITU-T T.81, annex B) without decoding: start of image, segments with their lengths,
    every scan, up to the end of image. What follows the end is not looked at.
    """
    if not data:
        return "empty"
    if data[:3] != JPEG:
        return "not a JPEG"
    pattern, place = SEGMENT_MARKER, 2
    while found := pattern.search(data, place):
        marker, place = data[found.end() - 1], found.end()
        if marker == EOI:
            return None
        if marker in ALONE:
            continue
        if marker in SIZES:
            height, width = (int.from_bytes(data[place + at : place + at + 2], "big") for at in (3, 5))
            if height * width > MAX_PIXELS:
                return _too_large(width, height)
        place += int.from_bytes(data[place : place + 2], "big")
        pattern = SCAN_END if marker == SOS else SEGMENT_MARKER
    return "truncated"


def find_picture_fault(data: bytes) -> str | None:
    """As `find_jpeg_fault`, for a picture of any kind that is read: JPEG, PNG, BMP, TIFF or WebP.

    Whether another kind than JPEG is whole is known when Pillow has decoded it, once its size is known to be small.
    """
    if not data or data.startswith(JPEG):
        return find_jpeg_fault(data)
    from PIL import Image, UnidentifiedImageError

    if data[:4] == b"RIFF" and (size := _webp_size(data))[0] * size[1] > MAX_PIXELS:
        return _too_large(*size)
    try:
        # Pillow warns of sizes that are beyond ours too.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=OTHER_KINDS) as image:
            if image.width * image.height > MAX_PIXELS:
                return _too_large(*image.size)
            image.load()
    except UnidentifiedImageError:
        return "not a picture"
    except Image.DecompressionBombError:
        return "too large"
    except DAMAGE:
        return "not decodable"
    return None


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in pixels that a picture has when it is decoded, out of its header: no pixel is decoded.

    None where the header shows that it does not decode: no picture, too large, or a JPEG without its end.
    """
    from PIL import Image

    if data.startswith(JPEG):
        return None if find_jpeg_fault(data) is not None else _jpeg_size(data)
    if data[:4] == b"RIFF" and (size := _webp_size(data))[0] * size[1] > MAX_PIXELS:
        return None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=OTHER_KINDS) as image:
            width, height = image.size
    except (*DAMAGE, Image.DecompressionBombError):
        return None
    return None if width * height > MAX_PIXELS else upright_size(height, width, find_orientation(data))


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The same for a whole JPEG, by its frame header; Pillow stumbles over metadata that no decoder minds."""
    for marker, _, content, _ in jpeg_segments(data):
        if marker in SIZES:
            height, width = (int.from_bytes(data[content + at : content + at + 2], "big") for at in (1, 3))
            return upright_size(height, width, find_orientation(data)) if height and width else None
    return None


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that a WebP claims (RFC 9649); Pillow makes room for them when it opens the file."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _too_large(width: int, height: int) -> str:
    return f"too large ({width} x {height} pixels)"


def decode_frame(data: bytes) -> NDArray[np.uint8] | None:
    """Decode one JPEG as MMPose's ``LoadImage`` does: colour, turned as `find_orientation` says.

    Returns (height, width, bgr) uint8, the same array as ``mmcv.imfrombytes(data, flag='color')`` with its cv2
    backend; None for what is no JPEG, empty, truncated (no end of image), too large or does not decode.
    """
    return None if find_jpeg_fault(data) is not None else _decode(data)


def decode_picture(data: bytes) -> NDArray[np.uint8] | None:
    """As `decode_frame`, for a picture of any kind that is read; None where `find_picture_fault` finds one."""
    return None if find_picture_fault(data) is not None else _decode(data)


def _decode(data: bytes) -> NDArray[np.uint8] | None:
    import cv2

    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION  # `find_orientation` alone says which way up
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        log.warning("not decodable: %s", " ".join(str(error).split()))
        return None
    if image is None:
        return None
    return turn_upright(np.asarray(image, np.uint8), find_orientation(data))

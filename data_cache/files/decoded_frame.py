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

log = logging.getLogger(__name__)

# A crop of a person has some ten thousand pixels. Far more (a broken or hostile header) would eat the memory
# of the whole run for one frame.
MAX_PIXELS = 2**26

# Between segments a marker is FF followed by anything but 00 and a fill FF; within entropy-coded data the
# restart markers D0…D7 do not end the scan either.
SEGMENT_MARKER = re.compile(rb"\xff[^\x00\xff]")
SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
EOI, SOS = 0xD9, 0xDA
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
SIZES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start-of-frame markers: they hold height and width
JPEG = b"\xff\xd8\xff"

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
    """Decode one JPEG as MMPose's ``LoadImage`` does: colour, turned as its EXIF orientation says.

    Returns (height, width, bgr) uint8, the same array as ``mmcv.imfrombytes(data, flag='color')`` with its cv2
    backend; None for what is no JPEG, empty, truncated (no end of image), too large or does not decode.
    """
    return None if find_jpeg_fault(data) is not None else _decode(data)


def decode_picture(data: bytes) -> NDArray[np.uint8] | None:
    """As `decode_frame`, for a picture of any kind that is read; None where `find_picture_fault` finds one."""
    return None if find_picture_fault(data) is not None else _decode(data)


def _decode(data: bytes) -> NDArray[np.uint8] | None:
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        log.warning("not decodable: %s", " ".join(str(error).split()))
        return None
    if image is None:
        return None
    return np.asarray(image, np.uint8)

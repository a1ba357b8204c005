"""Frames: paths to bytes, bytes to images, as MMPose itself would load them."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.root_boundary import outside_message, resolve_inside, resolve_root

log = logging.getLogger(__name__)

Read = TypeVar("Read")

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


def read_frame_bytes(root: Path, relative: str) -> bytes | None:
    """The bytes of the frame at ``relative`` (posix) below ``root``, None where no file is or a link leads to none.

    Something that is there but cannot be read as a file (a folder, a pipe, no permission, a bad sector) gives
    empty bytes, which do not decode: the frame is unreadable, not missing.
    Raises ValueError for a path that is absolute, climbs with '..' or leaves the root through a link.
    """
    real_root = resolve_root(root)
    real = resolve_inside(real_root, relative)
    if real is None:
        raise ValueError(outside_message(f"{root}/{relative}", real_root))
    return read_opened(real, _read_all, unreadable=b"")


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


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read()


def find_jpeg_fault(data: bytes) -> str | None:
    """What keeps ``data`` from being one whole JPEG picture, None where nothing does.

    Walks the markers (ITU-T T.81, annex B) without decoding: start of image, segments with their lengths,
    every scan, up to the end of image. What follows the end is not looked at.
    """
    if not data:
        return "empty"
    if data[:3] != b"\xff\xd8\xff":
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
                return f"too large ({width} x {height} pixels)"
        place += int.from_bytes(data[place : place + 2], "big")
        pattern = SCAN_END if marker == SOS else SEGMENT_MARKER
    return "truncated"


def decode_frame(data: bytes) -> NDArray[np.uint8] | None:
    """Decode one JPEG as MMPose's ``LoadImage`` does: colour, turned as its EXIF orientation says.

    Returns (height, width, bgr) uint8, the same array as ``mmcv.imfrombytes(data, flag='color')`` with its cv2
    backend; None for what is no JPEG, empty, truncated (no end of image) or does not decode.
    """
    import cv2

    if find_jpeg_fault(data) is not None:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        log.warning("not decodable: %s", " ".join(str(error).split()))
        return None
    if image is None:
        return None
    return np.asarray(image, np.uint8)

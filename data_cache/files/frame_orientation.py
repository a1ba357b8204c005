"""Which way up a frame is: one answer for decoder, sizes, viewer and check.

Libraries differ over the same file: cv2 reads the first APP1 segment of a JPEG only, Pillow every one, some programs
XMP too. Joints stand on what MMPose loads, so the answer is cv2's; nobody else is left to decide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
UPRIGHT = 1
# Between segments of a JPEG a marker is FF followed by anything but 00 and a fill FF.
SEGMENT_MARKER = re.compile(rb"\xff[^\x00\xff]")
ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
EOI, SOS, APP1 = 0xD9, 0xDA, 0xE1
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
PNG_XMP = b"XML:com.adobe.xmp\0"
_ORIENTATION, _LONG = 0x0112, 4
# Tags of texts, and of how many fractions (CIPA DC-008, table 3).
_TEXTS = {270, 271, 272, 305, 306, 33432}
_FRACTIONS = {282: 1, 283: 1, 318: 2, 319: 6, 529: 3, 532: 6}
_XMP_ORIENTATION = re.compile(rb"Orientation(?:\s*=\s*[\"']|>)\s*([0-9]{1,5})")


class Segment(NamedTuple):
    """One segment of a JPEG or chunk of a PNG: its marker or type, the place of its content, and both ends in all."""

    kind: int | bytes
    start: int
    content: int
    stop: int


def jpeg_segments(data: bytes) -> Iterator[Segment]:
    """The segments of a JPEG that have a length, up to its first scan (ITU-T T.81, annex B)."""
    place = 2
    while found := SEGMENT_MARKER.search(data, place):
        marker, place = data[found.end() - 1], found.end()
        if marker in (EOI, SOS):
            return
        if marker in ALONE:
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        if length >= 2:  # less cannot be, and libjpeg passes over it
            yield Segment(marker, found.start(), place + 2, place + length)
        place += max(length, 2)


def png_chunks(data: bytes) -> Iterator[Segment]:
    """The chunks of a PNG (ISO/IEC 15948, clause 5.3)."""
    place = len(PNG)
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        yield Segment(data[place + 4 : place + 8], place, place + 8, place + 12 + length)
        place += 12 + length


def find_orientation(data: bytes) -> int:
    """How the decoder turns a picture: 1…8 as Exif has it (CIPA DC-008, table 6), 1 for one that it leaves as it is.

    JPEG: the Exif of the first APP1 segment; XMP says nothing, and before Exif hides it. PNG: its chunk eXIf. Of a
    value that is a LONG the first two bytes count. TIFF is turned within its own decoder, other kinds never.
    """
    if data.startswith(JPEG):
        first = next((segment for segment in jpeg_segments(data) if segment.kind == APP1), None)
        block = data[first.content + len(EXIF) : first.stop] if first else b""
    elif data.startswith(PNG):
        chunk = next((chunk for chunk in png_chunks(data) if chunk.kind == b"eXIf"), None)
        block = data[chunk.content : chunk.stop - 4] if chunk else b""
    else:
        return UPRIGHT
    found = _exif_orientation(block, whole=False)
    return found if found is not None and 1 <= found <= 8 else UPRIGHT


def turn_upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The stored picture (row, column, …) as `orientation` 1…8 has it shown, contiguous; 5…8 swap height and width."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def upright_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Height and width in pixels of what `turn_upright` returns for a picture stored as `height` x `width`."""
    return (width, height) if orientation >= 5 else (height, width)


def stated_orientations(data: bytes) -> list[str]:
    """What the metadata of a JPEG or PNG say of its orientation, as anybody may read it: ['XMP 8', 'Exif 6'].

    1, upright, is left out: every reader leaves the picture as it is.
    """
    stated = []
    for kind, block in _metadata(data):
        if kind == "Exif":
            found = _exif_orientation(block, whole=True)
        else:
            match = _XMP_ORIENTATION.search(block)
            found = int(match[1]) if match else None
        if found is not None and found != UPRIGHT:
            stated.append(f"{kind} {found}")
    return stated


def _metadata(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(JPEG):
        for segment in jpeg_segments(data):
            block = data[segment.content : segment.stop]
            if segment.kind == APP1 and block.startswith(EXIF):
                yield "Exif", block[len(EXIF) :]
            elif segment.kind == APP1 and block.startswith(XMP):
                yield "XMP", block
    elif data.startswith(PNG):
        for chunk in png_chunks(data):
            block = data[chunk.content : chunk.stop - 4]
            if chunk.kind == b"eXIf":
                yield "Exif", block
            elif chunk.kind == b"iTXt" and block.startswith(PNG_XMP):
                yield "XMP", block


def _exif_orientation(tiff: bytes, *, whole: bool) -> int | None:
    """The first Orientation of the first directory of Exif; None without one.

    whole: whatever stands before it, and a LONG with all its bytes, as Pillow does; else as cv2 does: the first two
        bytes of any type, and nothing behind a text or fraction that lies outside
    """
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"

    def number(place: int, size: int) -> int:
        return int.from_bytes(tiff[place : place + size], order)

    if number(2, 2) != 42:
        return None
    directory = number(4, 4)
    for entry in range(directory + 2, directory + 2 + 12 * number(directory, 2), 12):
        if entry + 10 > len(tiff):
            return None
        tag, count, value = number(entry, 2), number(entry + 4, 4), number(entry + 8, 4)
        if tag == _ORIENTATION:
            return number(entry + 8, 4 if whole and number(entry + 2, 2) == _LONG else 2)
        end = value + count if tag in _TEXTS and count > 4 else value + 8 * _FRACTIONS[tag] if tag in _FRACTIONS else 0
        if not whole and end > len(tiff):
            return None
    return None

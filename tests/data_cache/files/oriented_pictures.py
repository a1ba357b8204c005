"""Small pictures whose metadata say in different ways how they are to be turned; programs disagree over most."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 31, 17
APP1 = 0xE1
EXIF = b"Exif\0\0"
SHORT, LONG = 3, 4
NOT_TURNED_HERE = "not turned"


def pixels(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Four corners of different colours, (height, width, rgb) uint8: no two ways to turn it look alike."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2, 0] = 250
    image[: height // 2, width // 2 :, 1] = 200
    image[height // 2 :, : width // 2, 2] = 150
    return image


def tiff(orientation: int, order: str = "<", kind: int = SHORT) -> bytes:
    """Exif's body with nothing but the orientation: `order` < or > as in struct, `kind` its TIFF type."""
    value = struct.pack(order + ("H" if kind == SHORT else "I"), orientation).ljust(4, b"\0")
    head = struct.pack(order + "HIHHHI", 42, 8, 1, 0x0112, kind, 1)
    return (b"II" if order == "<" else b"MM") + head + value + bytes(4)


def xmp(orientation: int, form: str = "attribute") -> bytes:
    """XMP that says the same, as an attribute or as an element."""
    said = f" tiff:Orientation='{orientation}'>" if form == "attribute" else f"><tiff:Orientation>{orientation}</x>"
    return b"http://ns.adobe.com/xap/1.0/\0<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/'" + said.encode()


def jpeg(*contents: bytes, image: np.ndarray | None = None) -> bytes:
    """A JPEG with these APP1 segments before all others."""
    with io.BytesIO() as buffer:
        Image.fromarray(pixels() if image is None else image).save(buffer, "JPEG", quality=95, subsampling=0)
        data = buffer.getvalue()
    segments = [struct.pack(">BBH", 0xFF, APP1, len(content) + 2) + content for content in contents]
    return data[:2] + b"".join(segments) + data[2:]


def png(*chunks: tuple[bytes, bytes], late: bool = False) -> bytes:
    """A PNG with these chunks before its pixels, or `late`, behind them."""
    with io.BytesIO() as buffer:
        Image.fromarray(pixels()).save(buffer, "PNG")
        data = buffer.getvalue()
    made = [
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    ]
    place = len(data) - 12 if late else 33
    return data[:place] + b"".join(made) + data[place:]


RAW_PROFILE = b"Raw profile type exif\0\nexif\n%8d\n" % (6 + len(tiff(6))) + (EXIF + tiff(6)).hex().encode() + b"\n"


def camera_exif(orientation: int) -> bytes:
    """Exif as a camera writes it: texts and fractions before and behind the orientation."""
    exif = Image.Exif()
    exif.update(
        {271: "A maker of cameras", 272: "Model 9000", 274: orientation, 282: (72, 1), 306: "2020:01:01 00:00:00"}
    )
    return exif.tobytes()


# Picture → how it is turned by what MMPose loads frames with.
JPEGS: dict[str, tuple[bytes, int]] = {
    **{f"Exif {n}": (jpeg(EXIF + tiff(n)), n) for n in range(1, 9)},
    **{f"Exif {n}, big-endian": (jpeg(EXIF + tiff(n, ">")), n) for n in range(1, 9)},
    **{f"Exif LONG {n}": (jpeg(EXIF + tiff(n, "<", LONG)), n) for n in range(1, 9)},
    **{f"Exif LONG {n}, big-endian": (jpeg(EXIF + tiff(n, ">", LONG)), 1) for n in range(1, 9)},
    **{f"XMP {n}": (jpeg(xmp(n)), 1) for n in range(1, 9)},
    **{f"XMP {n} before Exif {n}": (jpeg(xmp(n), EXIF + tiff(n)), 1) for n in range(1, 9)},
    "Exif of a camera": (jpeg(camera_exif(6)), 6),
    "XMP element": (jpeg(xmp(6, "element")), 1),
    "Exif 6 before XMP 3": (jpeg(EXIF + tiff(6), xmp(3)), 6),
    "Exif 1 before XMP 6": (jpeg(EXIF + tiff(1), xmp(6)), 1),
    "Exif 8 before Exif 3": (jpeg(EXIF + tiff(8), EXIF + tiff(3)), 8),
    "a short APP1 before Exif 6": (jpeg(b"abc", EXIF + tiff(6)), 1),
    "Exif 0": (jpeg(EXIF + tiff(0)), 1),
    "Exif 9": (jpeg(EXIF + tiff(9)), 1),
    "Exif cut off": (jpeg(EXIF + tiff(6)[:15]), 1),
    "Exif of another kind": (jpeg(EXIF + b"II" + bytes(30)), 1),
}
PNGS: dict[str, tuple[bytes, int]] = {
    **{f"PNG eXIf {n}": (png((b"eXIf", tiff(n, ">"))), n) for n in range(1, 9)},
    "PNG eXIf 6 behind the pixels": (png((b"eXIf", tiff(6)), late=True), 6),
    "PNG with Exif's name in eXIf": (png((b"eXIf", EXIF + tiff(6))), 1),
    "PNG with a raw profile": (png((b"tEXt", RAW_PROFILE)), 1),
    "PNG with XMP": (png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6)[29:])), 1),
}


def tiff_file(orientation: int) -> bytes:
    with io.BytesIO() as buffer:
        Image.fromarray(pixels()).save(buffer, "TIFF", tiffinfo={0x0112: orientation})
        return buffer.getvalue()


def webp(orientation: int) -> bytes:
    with io.BytesIO() as buffer:
        Image.fromarray(pixels()).save(buffer, "WEBP", lossless=True, exif=EXIF + tiff(orientation))
        return buffer.getvalue()


ALL = {
    **JPEGS,
    **PNGS,
    **{f"TIFF {n}": (tiff_file(n), n) for n in range(1, 9)},
    **{f"WebP {n}": (webp(n), 1) for n in range(1, 9)},
}

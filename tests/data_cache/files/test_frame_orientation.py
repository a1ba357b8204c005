"""Which way up a frame is: as MMPose loads it, and the same for its size, the viewer and every program it serves."""

from __future__ import annotations

import io

import cv2
import mmcv
import numpy as np
import pytest
from PIL import Image, ImageOps

from data_cache.files.decoded_frame import decode_frame, decode_picture, picture_size
from data_cache.files.frame_orientation import find_orientation, stated_orientations
from data_cache.viewer.frame_picture import settle_orientation
from tests.data_cache.files.oriented_pictures import ALL, EXIF, JPEGS, PNGS, camera_exif, jpeg, pixels, tiff, webp, xmp


def by_cv2(data: bytes) -> np.ndarray:
    """(height, width, bgr) as cv2 decodes and turns it by itself."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def by_pillow(data: bytes) -> np.ndarray:
    """The same by Pillow."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[:, :, ::-1]


def corners(image: np.ndarray) -> list[int]:
    """The strongest channel of each corner, row by row; -1 for black."""
    found = [image[y, x].astype(int) for y in (1, -2) for x in (1, -2)]
    return [int(colour.argmax()) if colour.max() > 60 else -1 for colour in found]


@pytest.mark.parametrize(("data", "orientation"), ALL.values(), ids=ALL)
def test_a_picture_is_turned_as_mmpose_loads_it_and_has_the_size_of_its_pixels(data: bytes, orientation: int) -> None:
    image = decode_picture(data)
    assert image is not None
    assert image.flags.c_contiguous
    assert np.array_equal(image, by_cv2(data))
    assert np.array_equal(image, mmcv.imfrombytes(data, flag="color", backend="cv2"))
    assert picture_size(data) == image.shape[:2] == ((17, 31) if orientation >= 5 else (31, 17))
    turned = ImageOps.exif_transpose(with_exif(orientation))
    assert corners(image) == corners(np.asarray(turned)[:, :, ::-1])


def with_exif(orientation: int) -> Image.Image:
    """The stored picture with the orientation as Pillow itself has it, to be turned by Pillow."""
    image = Image.fromarray(pixels())
    image.getexif()[0x0112] = orientation
    return image


@pytest.mark.parametrize(("data", "orientation"), (JPEGS | PNGS).values(), ids=JPEGS | PNGS)
def test_the_viewer_sends_what_all_programs_turn_alike(data: bytes, orientation: int) -> None:
    settled = settle_orientation(data)
    image = decode_picture(data)
    assert image is not None
    assert np.array_equal(by_cv2(settled), image)
    assert np.array_equal(by_pillow(settled), image)
    with Image.open(io.BytesIO(settled)) as left:
        left.load()
        assert dict(left.getexif()) == ({} if data in PNGS_ALONE else {0x0112: orientation})
        assert "xmp" not in left.info
    assert settle_orientation(settled) == settled


PNGS_ALONE = [data for data, _ in PNGS.values()]


def test_a_frame_without_metadata_is_sent_as_it_is() -> None:
    data = jpeg()
    assert settle_orientation(data) is data
    done = cv2.imencode(".bmp", pixels())[1].tobytes()
    assert settle_orientation(done) is done


@pytest.mark.parametrize("start", [jpeg(camera_exif(6)), jpeg(xmp(3), EXIF + tiff(8, ">"))])
def test_whatever_the_metadata_are_all_readers_agree(start: bytes) -> None:
    random = np.random.default_rng(13)
    agreed = 0
    for _ in range(400):
        data = bytearray(start)
        for place in random.integers(2, start.index(b"\xff\xdb"), random.integers(1, 4)):
            data[place] = random.choice([0, 1, 2, 6, 8, 0x12, 0x49, 0x4D, 0xE0, 0xE1, 0xFF, random.integers(256)])
        image = decode_picture(bytes(data))
        if image is None:
            continue
        agreed += 1
        assert np.array_equal(image, by_cv2(bytes(data)))
        assert picture_size(bytes(data)) == image.shape[:2]
        assert np.array_equal(by_cv2(settle_orientation(bytes(data))), image)
        stated_orientations(bytes(data))
    assert agreed > 300


@pytest.mark.parametrize(
    ("data", "stated"),
    [
        (jpeg(), []),
        (jpeg(EXIF + tiff(1)), []),
        (jpeg(EXIF + tiff(6)), ["Exif 6"]),
        (jpeg(EXIF + tiff(6, ">", 4)), ["Exif 6"]),
        (jpeg(xmp(8)), ["XMP 8"]),
        (jpeg(xmp(3, "element"), EXIF + tiff(5)), ["XMP 3", "Exif 5"]),
        (jpeg(EXIF + tiff(1), xmp(7)), ["XMP 7"]),
        (jpeg(EXIF + tiff(0)), ["Exif 0"]),
        (PNGS["PNG eXIf 6"][0], ["Exif 6"]),
        (PNGS["PNG with XMP"][0], ["XMP 6"]),
        (webp(6), []),
        (b"", []),
        (b"\xff\xd8\xff", []),
    ],
)
def test_what_metadata_say_is_named_whoever_reads_it(data: bytes, stated: list[str]) -> None:
    assert stated_orientations(data) == stated


def test_what_is_no_picture_has_neither_orientation_nor_size() -> None:
    for data in (b"", b"a text", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\x00\x00", b"\x89PNG\r\n\x1a\n", jpeg()[:-9]):
        assert find_orientation(data) == 1
        assert picture_size(data) is None
        assert decode_frame(data) is None

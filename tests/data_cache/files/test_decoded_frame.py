"""Decoded frames: the same pixels as MMPose loads, what does not decode, and the same for every reader."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.datasets.transforms import LoadImage
from PIL import Image

from data_cache.files.decoded_frame import decode_frame, find_jpeg_fault
from tests.pipeline.datasets.trees import encode_jpeg

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample"
PICTURE = encode_jpeg(1)


def smooth_image(height: int = 31, width: int = 17) -> np.ndarray:
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (5, 5), 0)


def save_with_pillow(image: Image.Image, **options: object) -> bytes:
    with io.BytesIO() as buffer:
        image.save(buffer, "JPEG", **options)
        return buffer.getvalue()


def turned_picture(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save_with_pillow(Image.fromarray(smooth_image()), exif=exif)


def assert_loads_as_in_mmpose(data: bytes, folder: Path) -> np.ndarray:
    file = folder / "frame.jpg"
    file.write_bytes(data)
    image = decode_frame(data)
    assert image is not None
    assert image.dtype == np.uint8
    for other in (
        LoadImage().transform({"img_path": str(file)})["img"],
        mmcv.imread(str(file)),
        mmcv.imfrombytes(data, flag="color", backend="cv2"),
    ):
        assert image.shape == other.shape
        assert np.array_equal(image, other)
    return image


@pytest.mark.parametrize("quality", [5, 75, 100])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_colour(tmp_path: Path, quality: int, progressive: bool, subsampling: int) -> None:
    image = Image.fromarray(smooth_image())
    data = save_with_pillow(image, quality=quality, progressive=progressive, subsampling=subsampling)
    assert assert_loads_as_in_mmpose(data, tmp_path).shape == (31, 17, 3)


def test_grey(tmp_path: Path) -> None:
    data = save_with_pillow(Image.fromarray(smooth_image()[..., 0]))
    image = assert_loads_as_in_mmpose(data, tmp_path)
    assert np.array_equal(image[..., 0], image[..., 2])


def test_four_channels(tmp_path: Path) -> None:
    assert_loads_as_in_mmpose(save_with_pillow(Image.fromarray(smooth_image()).convert("CMYK")), tmp_path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_as_exif_says(tmp_path: Path, orientation: int) -> None:
    image = assert_loads_as_in_mmpose(turned_picture(orientation), tmp_path)
    assert image.shape == ((31, 17, 3) if orientation < 5 else (17, 31, 3))


def test_with_restart_markers_thumbnail_and_bytes_after_the_end(tmp_path: Path) -> None:
    done, data = cv2.imencode(".jpg", smooth_image(), [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])
    assert done
    assert b"\xff\xd0" in data.tobytes()
    assert_loads_as_in_mmpose(data.tobytes(), tmp_path)
    assert_loads_as_in_mmpose(with_thumbnail(PICTURE), tmp_path)
    assert_loads_as_in_mmpose(PICTURE + bytes(7) + b"\xff\xda\xff", tmp_path)


def test_frames_of_the_sample(tmp_path: Path) -> None:
    files = sorted(SAMPLE.glob("T*/*/*/*/*.jpg"))
    assert len(files) == 1802
    for file in files[::97]:
        assert_loads_as_in_mmpose(file.read_bytes(), tmp_path)


def with_thumbnail(data: bytes) -> bytes:
    """Put another whole JPEG into an application segment at the beginning, as cameras do."""
    other = encode_jpeg(2, 11, 7)
    return data[:2] + b"\xff\xe2" + struct.pack(">H", len(other) + 2) + other + data[2:]


@pytest.mark.parametrize("data", [PICTURE, with_thumbnail(PICTURE)], ids=["plain", "thumbnail"])
def test_every_truncation_is_seen(data: bytes) -> None:
    assert find_jpeg_fault(data) is None
    assert find_jpeg_fault(b"") == "empty"
    for length in range(len(data)):
        fault = find_jpeg_fault(data[:length])
        assert fault == ("empty" if not length else "not a JPEG" if length < 3 else "truncated")
        assert decode_frame(data[:length]) is None


def test_the_lost_end_filled_with_zeros_is_truncated() -> None:
    cut = len(PICTURE) * 2 // 3
    assert find_jpeg_fault(PICTURE[:cut] + bytes(len(PICTURE) - cut)) == "truncated"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is text, not a picture\n",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00\xff\xd9",
        PICTURE[2:],
        cv2.imencode(".png", smooth_image())[1].tobytes(),
    ],
    ids=["empty", "text", "nothing between the ends", "segment of length 0", "no start", "png"],
)
def test_what_is_no_jpeg_does_not_decode(data: bytes) -> None:
    assert decode_frame(data) is None


def test_a_picture_without_its_tables_does_not_decode() -> None:
    place = PICTURE.index(b"\xff\xdb")
    length = int.from_bytes(PICTURE[place + 2 : place + 4], "big")
    assert decode_frame(PICTURE[:place] + PICTURE[place + 2 + length :]) is None


@pytest.mark.parametrize(("height", "width"), [(60000, 60000), (8193, 8192)])
def test_a_header_of_a_huge_picture_does_not_eat_the_memory(height: int, width: int) -> None:
    place = PICTURE.index(b"\xff\xc0")
    data = PICTURE[: place + 5] + struct.pack(">HH", height, width) + PICTURE[place + 9 :]
    assert find_jpeg_fault(data) == f"too large ({width} x {height} pixels)"
    assert decode_frame(data) is None


def test_what_opencv_refuses_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise cv2.error("made to fail")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    assert decode_frame(PICTURE) is None


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=97), at=st.integers(2, len(PICTURE)))
def test_any_bytes_are_answered(data: bytes, at: int) -> None:
    for broken in (data, b"\xff\xd8\xff" + data, PICTURE[:at] + data + PICTURE[at + len(data) :]):
        find_jpeg_fault(broken)
        image = decode_frame(broken)
        assert image is None or (image.ndim, image.shape[2]) == (3, 3)

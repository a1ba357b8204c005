"""Damage inside a JPEG: told where libjpeg itself warns, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from data_cache.files.decoded_frame import decode_frame, find_jpeg_fault
from data_cache.files.jpeg_damage import find_jpeg_damage
from tests.pipeline.datasets.trees import encode_jpeg, lose_a_block

SAMPLE = Path(__file__).resolve().parents[3] / "data" / "sample"
SCAN = b"\xff\xda"


def spoil(data: bytes, random: np.random.Generator) -> bytes:
    """`data` with a hole in its scan, or a block of it overwritten by zeros or by noise."""
    scan, length = data.index(SCAN) + 14, int(random.integers(16, 400))
    start = int(random.integers(scan, max(scan + 1, len(data) - 2 - length)))
    stop = min(start + length, len(data) - 2)
    zeros, noise = bytes(stop - start), random.integers(0, 256, stop - start, np.uint8).tobytes()
    return data[:start] + (b"", zeros, noise)[random.integers(3)] + data[stop:]


def test_no_frame_of_the_sample_is_damaged() -> None:
    files = sorted(SAMPLE.glob("T*/*/*/*/*.jpg"))
    assert len(files) == 1802
    assert [file for file in files if find_jpeg_damage(file.read_bytes()) is not None] == []


def test_damage_is_what_libjpeg_complains_of_in_cv2(capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(11)
    told = complained = 0
    for file in sorted(SAMPLE.glob("T*/*/*/*/*.jpg"))[::13]:
        data = spoil(file.read_bytes(), random)
        capfd.readouterr()
        image = decode_frame(data)
        complaint = capfd.readouterr().err.strip()
        if image is None:
            continue
        assert (find_jpeg_damage(data) or "") == complaint
        told += find_jpeg_damage(data) is not None
        complained += bool(complaint)
    assert told == complained > 50


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_whole_pictures_of_every_colour_are_not_damaged(mode: str, progressive: bool) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (331, 173, 3), np.uint8)
    with io.BytesIO() as buffer:
        Image.fromarray(noise).convert(mode).save(buffer, "JPEG", progressive=progressive)
        data = buffer.getvalue()
    assert find_jpeg_damage(data) is None
    assert find_jpeg_damage(data[: len(data) // 2] + data[len(data) // 2 + 997 :]) is not None


def test_with_restart_markers_a_lost_block_is_told() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (67, 41, 3), np.uint8)
    data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])[1].tobytes()
    assert find_jpeg_damage(data) is None
    assert find_jpeg_damage(lose_a_block(data)) is not None


def test_what_does_not_decode_is_not_damaged() -> None:
    whole = encode_jpeg(1)
    for data in (b"", b"a text", whole[:-9]):
        assert find_jpeg_fault(data) is not None
        assert find_jpeg_damage(data) is None
    start = whole.index(b"\xff\xdb")
    no_tables = whole[:start] + whole[start + 2 + int.from_bytes(whole[start + 2 : start + 4], "big") :]
    assert find_jpeg_fault(no_tables) is None
    assert decode_frame(no_tables) is None
    assert find_jpeg_damage(no_tables) is None

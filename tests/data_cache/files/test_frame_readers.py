"""Whoever reads frames refuses the same ones: those that claim to be huge at once, and those that lost their end."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_cache.contract.reader import open_cache
from data_cache.contract.records import Status
from data_cache.contract.writer import CacheWriter
from data_cache.files.decoded_frame import MAX_PIXELS, decode_picture, find_picture_fault
from data_cache.files.frame_images import read_image
from data_cache.inspection.sheets.contact_sheet import plot_track
from model.clips.augment import NO_AUGMENTATION, ImageSettings
from model.clips.clip_files import ClipFiles
from model.clips.clip_reader import ClipReader, ClipShape
from model.report.galleries.track_pictures import FramePictures
from pipeline.checks.frame_probe import find_frame_faults
from pipeline.datasets.frames import read_frame_bytes
from pipeline.keypoints.estimated_frames import estimate_frames
from tests.model.clips.clip_trees import person_tracks, write_clip_tree
from tests.pipeline.datasets.trees import encode_jpeg
from tests.pipeline.keypoints.stub_estimator import StubSource

PROJECT = Path(__file__).resolve().parents[3]
WHOLE = encode_jpeg(3, 41, 23)
ROOM = 256 << 20  # bytes that the readers get beside what they have loaded; the pixels would take three times 10⁹
SIDE = 9001  # beyond our bound, and below that of Pillow
PICTURES = {
    kind: cv2.imencode(kind, np.random.default_rng(5).integers(0, 256, (31, 17, 3), np.uint8))[1].tobytes()
    for kind in (".jpg", ".png", ".bmp", ".tiff", ".webp")
}


def huge_jpeg(side: int = 32000) -> bytes:
    """`WHOLE` with another size in its header; libjpeg would fill up what is not there."""
    place = WHOLE.index(b"\xff\xc0") + 5
    return WHOLE[:place] + struct.pack(">HH", side, side) + WHOLE[place + 4 :]


def huge_png(data: bytes, side: int = SIDE) -> bytes:
    header = b"IHDR" + struct.pack(">II", side, side) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def huge_bmp(data: bytes) -> bytes:
    return data[:18] + struct.pack("<ii", SIDE, SIDE) + data[26:]


def huge_tiff(data: bytes) -> bytes:
    """Both sides in the directory (tags 256 and 257, whatever their type) set to `SIDE`."""
    changed, place = bytearray(data), int.from_bytes(data[4:8], "little")
    for entry in range(place + 2, place + 2 + 12 * int.from_bytes(data[place : place + 2], "little"), 12):
        if int.from_bytes(data[entry : entry + 2], "little") in (256, 257):
            changed[entry + 8 : entry + 12] = struct.pack("<I", SIDE)
    return bytes(changed)


def huge_webp(_: bytes) -> bytes:
    data = cv2.imencode(".webp", np.zeros((31, 17, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 80])[1].tobytes()
    assert data[12:16] == b"VP8 "
    return data[:26] + struct.pack("<HH", SIDE, SIDE) + data[30:]


def huge_lossless_webp(data: bytes) -> bytes:
    assert data[12:16] == b"VP8L"
    return data[:21] + struct.pack("<I", SIDE - 1 | SIDE - 1 << 14) + data[25:]


def huge_extended_webp(data: bytes) -> bytes:
    header = b"VP8X" + struct.pack("<II", 10, 0) + (SIDE - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", len(data) + 10) + b"WEBP" + header + data[12:]


HUGE: dict[str, Callable[[bytes], bytes]] = {
    "png": huge_png,
    "bmp": huge_bmp,
    "tiff": huge_tiff,
    "webp": huge_webp,
    "VP8L.webp": huge_lossless_webp,
    "VP8X.webp": huge_extended_webp,
}


def read_by_all(root: Path, relative: str, keypoints: Path, clips: ClipFiles) -> dict[str, str]:
    """What every reader makes of the first frame, which is at ``relative``: `read`, or its refusal."""
    found = {"sheets": "read" if read_image(root, relative) is not None else "refused"}
    with open_cache(keypoints) as reader:
        count = plot_track(reader, 0, root, 0.3, keypoints.with_name("sheet.png"))
    found["inspect --plot"] = f"{count.absent} of {count.shown} absent"
    found["check"] = next((fault.reason for fault in find_frame_faults(root, relative)), "read")
    data = read_frame_bytes(root, relative)
    found["keypoints"] = Status(int(estimate_frames([data], StubSource()).status[0])).name
    shape = ClipShape(1, 1, 31, 17)
    out = shape.lay_out(np.zeros(shape.bytes, np.uint8))
    clip = ClipReader(clips, ImageSettings(height=31, width=17, pad=3, flip=0.0, random_erasing=0.0))
    for name, read in (
        ("training", lambda: clip.read(np.array([0]), NO_AUGMENTATION, type(out)(*(array[0] for array in out)))),
        ("report", lambda: FramePictures(root, (relative,)).address(0)),
    ):
        try:
            read()
            found[name] = "read"
        except (ValueError, FileNotFoundError) as error:
            found[name] = type(error).__name__
    clip.close()
    return found


def refused(fault: str) -> dict[str, str]:
    return {
        "sheets": "refused",
        "inspect --plot": "1 of 7 absent",
        "check": fault,
        "keypoints": "UNREADABLE",
        "training": "ValueError",
        "report": "FileNotFoundError",
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Path, ClipFiles]:
    """One track of seven frames: its root, the path of its first frame, a keypoints file, edges and graphs."""
    folder = tmp_path_factory.mktemp("tree")
    made = write_clip_tree(folder, person_tracks(1, 1, 0, frames=7))
    keypoints = folder / "keypoints.h5"
    with CacheWriter(keypoints, "keypoints", made.index, {}, status=made.status) as writer:
        writer.append({"keypoints": made.keypoints, "score": made.score, "size": made.size})
    return made.files.root, made.index.paths[0], keypoints, made.files


def test_a_whole_frame_is_read_by_all(tree: tuple[Path, str, Path, ClipFiles]) -> None:
    (tree[0] / tree[1]).write_bytes(WHOLE)
    assert set(read_by_all(*tree).values()) == {"read", "0 of 7 absent", "OK"}


@pytest.mark.parametrize("length", [len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_truncated_frame_is_refused_by_all(tree: tuple[Path, str, Path, ClipFiles], length: int) -> None:
    (tree[0] / tree[1]).write_bytes(WHOLE[:length])
    assert read_by_all(*tree) == refused("truncated")


def test_a_huge_frame_is_refused_by_all_without_the_memory(tree: tuple[Path, str, Path, ClipFiles]) -> None:
    """In a process of its own that may not take the memory for the pixels; nor is it asked for, which is logged."""
    data = huge_jpeg()
    assert len(data) < 2048
    root, relative, keypoints, clips = tree
    (root / relative).write_bytes(data)
    paths = [str(root), relative, str(keypoints), str(clips.edges), str(clips.graphs)]
    child = subprocess.run(
        [sys.executable, "-m", __name__, *paths], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert json.loads(child.stdout) == refused("too large (32000 x 32000 pixels)")
    assert "not decodable" not in child.stderr


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_picture_of_any_kind_is_not_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = HUGE[name](PICTURES[f".{name.rpartition('.')[2]}"])
    assert len(data) < 4096
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    assert find_picture_fault(data) == "too large (9001 x 9001 pixels)"
    assert decode_picture(data) is None


def test_what_pillow_refuses_to_open_is_too_large() -> None:
    data = huge_png(PICTURES[".png"], 32000)
    assert find_picture_fault(data) == "too large"


def test_the_bound_is_on_pixels() -> None:
    assert find_picture_fault(huge_jpeg(8192)) is None
    assert MAX_PIXELS == 8192**2
    assert find_picture_fault(huge_jpeg(8193)) == "too large (8193 x 8193 pixels)"


@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_of_every_kind_have_the_pixels_of_cv2(kind: str, tmp_path: Path) -> None:
    data = PICTURES[kind]
    (tmp_path / "1").write_bytes(data)
    image = read_image(tmp_path, "1")
    assert image is not None
    assert np.array_equal(image[:, :, ::-1], cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
    assert find_picture_fault(data[: len(data) // 2]) is not None
    assert decode_picture(data[: len(data) // 2]) is None


@pytest.mark.parametrize("data", [b"", b"a text\n", b"RIFF", PICTURES[".png"][8:], b"P6 1 1 255 abc"])
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert find_picture_fault(data) in ("empty", "not a picture", "not decodable")
    assert decode_picture(data) is None


if __name__ == "__main__":
    arguments = [*map(Path, sys.argv[1:])]
    cv2.setNumThreads(1)
    limit_memory()
    answer = read_by_all(arguments[0], sys.argv[2], arguments[2], ClipFiles(arguments[0], *arguments[3:]))
    sys.stdout.write(json.dumps(answer))

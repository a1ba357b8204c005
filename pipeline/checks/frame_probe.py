"""Which frames do not decode, or are odd: every file is opened, in this process or over a pool of them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from data_cache.files.decoded_frame import decode_frame, find_jpeg_fault
from data_cache.files.frame_orientation import JPEG, find_orientation, stated_orientations
from data_cache.files.jpeg_damage import find_jpeg_damage
from pipeline.datasets.frame_pool import map_batches
from pipeline.datasets.frames import read_frame_bytes
from pipeline.datasets.root_boundary import resolve_inside, resolve_root

ENDS = 4096  # bytes

Kind = Literal["unreadable", "damaged", "turned"]


class Fault(NamedTuple):
    """What is wrong with the frame at `path`: it does not decode, is damaged inside, or says how it is to be turned."""

    path: str
    reason: str
    kind: Kind = "unreadable"


def find_frame_faults(root: Path, path: str) -> list[Fault]:
    """Why the frame at ``path`` below ``root`` does not decode, or what is odd in one that does; often nothing."""
    data = read_frame_bytes(root, path)
    if data is None:
        return [Fault(path, "missing")]
    reason = find_jpeg_fault(data)
    if reason is None and not _decodes(data):
        reason = "not decodable"
    if reason is not None:
        return [Fault(path, reason)]
    damage = find_jpeg_damage(data)
    return [*([] if damage is None else [Fault(path, damage, "damaged")]), *_find_turn(path, data)]


def _find_turn(path: str, data: bytes) -> list[Fault]:
    stated = stated_orientations(data)
    return [Fault(path, f"{', '.join(stated)}; read as {find_orientation(data)}", "turned")] if stated else []


def _decodes(data: bytes) -> bool:
    """Whether the JPEG can be decoded: by cv2, as for the estimator, and by Pillow where cv2 is not installed."""
    try:
        return decode_frame(data) is not None
    except ModuleNotFoundError:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return False
        return True


def find_edge_faults(root: Path, path: str) -> list[Fault]:
    """As `find_frame_faults`, but by the file's first and last few thousand bytes only.

    Finds empty and truncated files, what is no JPEG and orientations, not damage in between.
    """
    real = resolve_inside(resolve_root(root), path)
    if real is None or not os.path.isfile(real):  # noqa: PTH113 a Path a frame costs more than the check
        return [Fault(path, "missing" if real is None or not os.path.lexists(real) else "not a regular file")]
    try:
        with open(real, "rb") as file:  # noqa: PTH123
            head = file.read(ENDS)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - ENDS))
            tail = file.read()
    except PermissionError:
        return [Fault(path, "not readable")]
    if not size:
        return [Fault(path, "empty")]
    if not head.startswith(JPEG):
        return [Fault(path, "not a JPEG")]
    if tail.rfind(b"\xff\xd9") <= tail.rfind(b"\xff\xda"):
        return [Fault(path, "truncated")]
    return _find_turn(path, head)


def _probe_batch(root: Path, quick: bool, paths: Sequence[str]) -> tuple[int, list[Fault]]:
    probe = find_edge_faults if quick else find_frame_faults
    return len(paths), [fault for path in paths for fault in probe(root, path)]


def _decode_in_one_thread() -> None:
    with suppress(ModuleNotFoundError):
        import cv2

        cv2.setNumThreads(1)


def probe_frames(
    root: Path, paths: Sequence[str], *, quick: bool, workers: int, advance: Callable[[int], object]
) -> list[Fault]:
    """Open every frame of ``paths`` and return what is wrong with some, in the order given.

    quick:   look at both ends of each file only (`find_edge_faults`)
    workers: processes to share the work; 0 works in this one
    advance: called with the number of frames done since the last call
    Raises OSError where a process of the pool was killed.
    """
    faults: list[Fault] = []
    for done, found in map_batches(partial(_probe_batch, root, quick), paths, workers, _decode_in_one_thread):
        advance(done)
        faults += found
    return faults

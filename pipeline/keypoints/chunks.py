"""Chunks: consecutive frames of one person, estimated as one piece of work and kept under the key of their content."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data_cache.contract.origin import MISSING
from data_cache.contract.records import SplitIndex, Status
from pipeline.datasets.frames import read_frame_bytes
from pipeline.keypoints.chunk_file import DamagedChunkError, read_chunk, read_damaged, write_chunk
from pipeline.keypoints.estimated_frames import estimate_kept_frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_cache.contract.records import FrameKeypoints
    from pipeline.pose.estimator import EstimatorSource
    from pipeline.settings import Damaged

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChunkRun:
    """What all chunks of one run share.

    recipe:       canonical JSON of every setting that determines the keypoints of a frame
    code:         sha256 of the code that does (`pipeline.keypoints.estimated_frames.keypoint_code`)
    root, folder: where frames and chunk files lie; absolute, and on a file system that all workers share
    threads:      CPU threads of the estimator; None: the worker's OMP_NUM_THREADS, or else all its cores
    damaged:      what to do with frames that are damaged inside; part of the recipe
    """

    source: EstimatorSource
    recipe: str
    code: str
    root: str
    folder: str
    threads: int | None = None
    damaged: Damaged = "keep"


@dataclass(frozen=True)
class ChunkTask:
    """One chunk to be made: its number in the plan, the row of its first frame, and the frames' paths.

    sha256: what the frames' bytes are to be, as a `FrameListing` has it; None: whatever they are
    Some kilobytes, sent to wherever the worker runs.
    """

    number: int
    start: int
    paths: tuple[str, ...]
    run: ChunkRun
    sha256: tuple[str | None, ...] | None = None


@dataclass(frozen=True)
class ChunkResult:
    """What became of one chunk: its file's name, the rows of frames that could not be used, and if it was there.

    sha256:  of the bytes of its frames, 32 bytes a frame, `MISSING` where there is no file
    damaged: rows of frames that are damaged inside and were used all the same
    """

    number: int
    file: str
    frames: int
    sha256: bytes
    unreadable: tuple[int, ...]
    missing: tuple[int, ...]
    reused: bool
    damaged: tuple[int, ...] = ()


def plan_chunks(index: SplitIndex, chunk_frames: int) -> list[range]:
    """Cut the rows of `index` into chunks of consecutive frames of one person, at most `chunk_frames` long.

    The cut at every person keeps other persons' chunks as they are when one person is added or removed.
    """
    if chunk_frames < 1:
        raise ValueError(f"chunk_frames: expected at least 1, got {chunk_frames}")
    plan: list[range] = []
    start = 0
    for _, frames in groupby(index.paths, key=_person_folder):
        stop = start + sum(1 for _ in frames)
        plan += [range(first, min(first + chunk_frames, stop)) for first in range(start, stop, chunk_frames)]
        start = stop
    return plan


def _person_folder(path: str) -> str:
    """`Train/0001` of `Train/0001/rgb/D3/1.jpg`: a frame lies three levels below its person."""
    return path.rsplit("/", 3)[0]


class ChangedFrameError(ValueError):
    """A frame is not what it was when the frames were listed."""


def chunk_key(recipe: str, code: str, paths: Sequence[str], sha256: Sequence[str | None]) -> str:
    """Name of a chunk's content: sha256 over recipe, code, and every frame's path and `sha256` (None: missing)."""
    frames = [[path, digest or "missing"] for path, digest in zip(paths, sha256, strict=True)]
    return hashlib.sha256(json.dumps([recipe, code, frames]).encode()).hexdigest()


def digest_bytes(data: bytes | None) -> str | None:
    """sha256 of a frame's bytes in hexadecimal digits; None: missing."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def estimate_chunk(task: ChunkTask) -> ChunkResult:
    """Make the chunk of `task`, or find that it is already there; runs in this process or in a Dask worker.

    Where the task says what its frames are, they are read only if the chunk is not there.
    ``OSError`` when the chunk cannot be written, ``ValueError`` when the estimator cannot be built,
    `ChangedFrameError` for a frame that is not what the task says.
    """
    files, sha256 = None, task.sha256
    if sha256 is None:
        files = _read_files(task)
        sha256 = tuple(map(digest_bytes, files))
    file = Path(task.run.folder) / f"{chunk_key(task.run.recipe, task.run.code, task.paths, sha256)}.h5"
    finished = _finished_chunk(file, task)
    if finished is None:
        if files is None:
            files = _read_files(task)
            _refuse_changed(task, files, sha256)
        frames, damaged = estimate_kept_frames(files, task.run.source, task.run.threads, task.run.damaged)
        write_chunk(file, frames, task.run.recipe, damaged)
    else:
        frames, damaged = finished
    return ChunkResult(
        number=task.number,
        file=file.name,
        frames=len(task.paths),
        sha256=b"".join(MISSING if digest is None else bytes.fromhex(digest) for digest in sha256),
        unreadable=_rows_with(Status.UNREADABLE, frames, task.start),
        missing=_rows_with(Status.MISSING, frames, task.start),
        reused=finished is not None,
        damaged=tuple(task.start + place for place in damaged),
    )


def _read_files(task: ChunkTask) -> list[bytes | None]:
    return [read_frame_bytes(Path(task.run.root), path) for path in task.paths]


def _refuse_changed(task: ChunkTask, files: Sequence[bytes | None], sha256: Sequence[str | None]) -> None:
    """Raise `ChangedFrameError` for the first of `files` whose bytes are not those of `sha256`."""
    for path, data, listed in zip(task.paths, files, sha256, strict=True):
        found = digest_bytes(data)
        if found != listed:
            raise ChangedFrameError(
                f"{task.run.root}/{path}: expected {_describe(listed)}, as listed, got {_describe(found)}; the frame"
                " has changed since: list the frames again (`dvc repro` does, and `star frames`); what"
                " was finished is kept"
            )


def _describe(sha256: str | None) -> str:
    return "no file" if sha256 is None else f"sha256 {sha256}"


def _finished_chunk(file: Path, task: ChunkTask) -> tuple[FrameKeypoints, tuple[int, ...]] | None:
    try:
        return read_chunk(file, task.run.recipe, len(task.paths)), read_damaged(file, len(task.paths))
    except FileNotFoundError:
        return None
    except DamagedChunkError as error:
        logger.warning("estimating chunk %d again: %s", task.number, error)
        return None


def _rows_with(status: Status, frames: FrameKeypoints, start: int) -> tuple[int, ...]:
    return tuple((np.flatnonzero(frames.status == status) + start).tolist())

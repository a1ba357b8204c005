"""From the frames of a split to its keypoints file: chunks are estimated wherever, and assembled strictly."""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from command_line.json_data import parse_json
from data_cache.contract.origin import Origin, frames_digest
from data_cache.contract.records import SplitIndex
from data_cache.contract.writer import CacheWriter, canonical_recipe
from data_cache.files.output_lock import lock_output
from data_cache.files.partial_file import output_error
from pipeline.cluster.workers import map_unordered, threads_per_worker
from pipeline.keypoints.bad_frames import (
    count_bad_frames,
    damaged_rows,
    frame_status,
    too_many_bad_frames,
    write_list,
)
from pipeline.keypoints.chunk_file import read_chunk, remove_unfinished
from pipeline.keypoints.chunks import ChunkResult, ChunkRun, ChunkTask, estimate_chunk, plan_chunks
from pipeline.keypoints.estimated_frames import keypoint_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from pipeline.pose.estimator import EstimatorSource
    from pipeline.settings import Damaged

# Raised when this code makes other keypoints of the same frames and the same network, for people to see in the recipe;
# that chunks of other code are not taken over does not hang on it. History: 1 first.
KEYPOINTS_CODE = 1

MISSING_NAMED = 5


@dataclass(frozen=True)
class Summary:
    """What a run did: frames by status, and chunks in all and taken over from an earlier run.

    damaged: of the frames with keypoints, those that are damaged inside
    """

    frames: int
    unreadable: int
    missing: int
    chunks: int
    reused: int
    damaged: int = 0

    @property
    def ok(self) -> int:
        """Frames with keypoints."""
        return self.frames - self.unreadable - self.missing

    def __str__(self) -> str:
        """One line for the log."""
        damaged = f", of which {self.damaged} damaged," if self.damaged else ","
        return (
            f"{self.frames} frames ({self.ok} ok{damaged} {self.unreadable} unreadable, {self.missing} missing)"
            f" in {self.chunks} chunks, {self.reused} of them taken over from an earlier run"
        )


def keypoint_recipe(source: EstimatorSource, damaged: Damaged = "keep") -> dict[str, Any]:
    """Every setting that determines the keypoints of a frame: code version, estimator, if damaged frames are left out.

    Files that keep them have the recipe of those made before that was asked.
    """
    recipe = {"code": KEYPOINTS_CODE, "estimator": source.recipe()}
    return recipe if damaged == "keep" else {**recipe, "damaged": damaged}


def extract_keypoints(
    index: SplitIndex,
    root: Path,
    source: EstimatorSource,
    out: Path,
    chunks_dir: Path,
    *,
    chunk_frames: int,
    max_bad: float,
    damaged: Damaged = "keep",
    sha256: tuple[str | None, ...] | None = None,
    workers: int = 0,
    scheduler: str | None = None,
    progress: Callable[[ChunkResult], None] = lambda result: None,
) -> Summary:
    """Estimate the keypoints of every frame of `index` below `root` and write them to `out`.

    Chunks already in `chunks_dir` with the same content and recipe are taken over. `sha256`, one of each frame (None:
    missing), says what the frames are: then only those are read that have to be estimated. `workers` and `scheduler`
    as `pipeline.cluster.workers.map_unordered`; `progress` is called with every chunk that is done.
    Raises `OutputBusyError` while another run writes `out`, `TooManyBadFramesError` as soon as more than
    ``max_bad`` of all frames are unreadable or missing, `ChangedFrameError` for a frame that is not what `sha256`
    says, ``OSError`` where nothing can be written. Whatever ends the run, finished chunks are kept and `out` is as it
    was.
    """
    recipe = canonical_recipe(keypoint_recipe(source, damaged))
    with lock_output(out):
        _prepare_folder(chunks_dir)
        plan = plan_chunks(index, chunk_frames)
        threads = threads_per_worker(workers, scheduler)
        paths = str(root.resolve()), str(chunks_dir.resolve())
        run = ChunkRun(source, recipe, keypoint_code(source), *paths, threads, damaged)
        tasks = (_chunk_task(number, rows, index, sha256, run) for number, rows in enumerate(plan))
        results: list[ChunkResult] = []
        bad = 0
        # Closed at once when something stops the loop, so that no worker outlives it.
        with closing(map_unordered(estimate_chunk, tasks, workers=workers, scheduler=scheduler)) as finished:
            for result in finished:
                results.append(result)
                progress(result)
                bad += count_bad_frames(result)
                if bad > max_bad * len(index.paths):
                    raise too_many_bad_frames(out, index, results, max_bad)
        assemble_keypoints(index, plan, results, run, out)
    return summarize(results)


def _chunk_task(
    number: int, rows: range, index: SplitIndex, sha256: tuple[str | None, ...] | None, run: ChunkRun
) -> ChunkTask:
    own = slice(rows.start, rows.stop)
    return ChunkTask(number, rows.start, index.paths[own], run, None if sha256 is None else sha256[own])


def _prepare_folder(chunks_dir: Path) -> None:
    """Make the folder, see that it can be written before hours of work, and clear what a killed run left."""
    try:
        chunks_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=chunks_dir):
            pass
        remove_unfinished(chunks_dir)
    except OSError as error:
        raise output_error(error, chunks_dir) from error


def assemble_keypoints(
    index: SplitIndex,
    plan: Sequence[range],
    results: Iterable[ChunkResult],
    run: ChunkRun,
    out: Path,
) -> None:
    """Write `out` from the chunk files of all ranges of `plan`, one chunk in memory at a time.

    run:     that the chunks were made in
    results: one for every chunk of the plan, in any order
    Raises ``ValueError`` that names the first chunks without a result, and ``FileNotFoundError`` or
    `DamagedChunkError` for a chunk file that is gone or not intact; `out` is then as it was.
    """
    by_number = {result.number: result for result in results}
    lacking = [number for number in range(len(plan)) if number not in by_number]
    if lacking:
        named = ", ".join(
            f"{number} (frames {plan[number].start}…{plan[number].stop - 1})" for number in lacking[:MISSING_NAMED]
        )
        raise ValueError(
            f"{out}: {len(lacking)} of {len(plan)} chunks are missing: {named}; start the same command again"
        )
    status = frame_status(len(index.paths), by_number.values())
    frames = frames_digest(index.paths, b"".join(by_number[number].sha256 for number in range(len(plan))))
    made_of = {"frames": Origin(frames)}
    recipe = parse_json(run.recipe)
    with CacheWriter(out, "keypoints", index, recipe, status=status, code=run.code, sources=made_of) as writer:
        for number, rows in enumerate(plan):
            file = Path(run.folder) / by_number[number].file
            try:
                chunk = read_chunk(file, run.recipe, len(rows))
            except FileNotFoundError:
                raise FileNotFoundError(
                    f"{file}: chunk {number} (frames {rows.start}…{rows.stop - 1}) is not there any more; start the"
                    " same command again"
                ) from None
            writer.append({f"/frames/{name}": getattr(chunk, name) for name in ("keypoints", "score", "size")})
    write_list(out, index, status, damaged_rows(by_number.values()))


def summarize(results: Sequence[ChunkResult]) -> Summary:
    """Add up what became of all chunks."""
    return Summary(
        frames=sum(result.frames for result in results),
        unreadable=sum(len(result.unreadable) for result in results),
        missing=sum(len(result.missing) for result in results),
        chunks=len(results),
        reused=sum(result.reused for result in results),
        damaged=sum(len(result.damaged) for result in results),
    )

"""Random clips from the packed cache against files with a dataset for every frame: time, and size on disk.

    python -m benchmarks.clip_reads --frames 232496

All files hold the same random keypoints and scores of the same generated tracks, stay open and lie in the system's
file cache. Each was read through once, as training's first epoch does (`--first-epoch` leaves that out); then they are
read in turn, a batch of clips at a time. On a busy machine believe the CPU time: a longer read is interrupted more
often.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks.generated_tree import FULL_SIZE, generated_index
from command_line.text_table import align_columns
from data_cache.contract.reader import CacheReader, open_cache
from data_cache.contract.records import SplitIndex
from data_cache.contract.writer import CacheWriter

CLIP_FRAMES = 24
# What a training step reads: 8 persons x 2 tracks x 2 modalities.
BATCH_CLIPS = 32
FILES = "packed", "a dataset a frame and quantity", "a dataset a frame, quantities merged"
ROWS = 4096

# keypoints (frame, joint, xy) and score (frame, joint)
Clip = tuple[NDArray[np.float32], NDArray[np.float32]]


def write_packed(path: Path, index: SplitIndex, values: NDArray[np.float32]) -> None:
    """The project's own keypoints file; values: (frame, joint, [x, y, score])."""
    status = np.zeros(len(values), np.uint8)
    size = np.full((len(values), 2), 256, np.int32)
    with CacheWriter(path, "keypoints", index, {"name": "benchmark"}, status=status) as writer:
        for start in range(0, len(values), ROWS):
            rows = slice(start, start + ROWS)
            writer.append(
                {
                    "/frames/keypoints": values[rows, :, :2],
                    "/frames/score": values[rows, :, 2],
                    "/frames/size": size[rows],
                }
            )


def write_per_frame(path: Path, index: SplitIndex, values: NDArray[np.float32]) -> None:
    """The same two quantities, for every frame a dataset each, below the frame's own path."""
    with h5py.File(path, "w") as file:
        for name, frame in zip(index.paths, values, strict=True):
            file.create_dataset(f"{frame_name(name)}/keypoints", data=frame[:, :2])
            file.create_dataset(f"{frame_name(name)}/score", data=frame[:, 2])


def write_per_frame_merged(path: Path, index: SplitIndex, values: NDArray[np.float32]) -> None:
    """For every frame one dataset (joint, [x, y, score]) under the frame's own path."""
    with h5py.File(path, "w") as file:
        for name, frame in zip(index.paths, values, strict=True):
            file.create_dataset(frame_name(name), data=frame)


def frame_name(path: str) -> str:
    """`Train/0001/rgb/D3/7.jpg` -> `Train/0001/rgb/D3/7`."""
    return path.removesuffix(".jpg")


def read_packed(cache: CacheReader, rows: NDArray[np.int64]) -> Clip:
    """One clip's keypoints and scores from the packed file."""
    return cache.read_frames("/frames/keypoints", rows), cache.read_frames("/frames/score", rows)


def read_per_frame(file: h5py.File, names: list[str]) -> Clip:
    """One clip's keypoints and scores from the file with two datasets a frame."""
    keypoints = np.stack([file[f"{name}/keypoints"][()] for name in names])
    return keypoints, np.stack([file[f"{name}/score"][()] for name in names])


def read_per_frame_merged(file: h5py.File, names: list[str]) -> Clip:
    """One clip's keypoints and scores from the file with one dataset a frame."""
    values = np.stack([file[name][()] for name in names])
    return values[:, :, :2], values[:, :, 2]


def draw_clips(random: np.random.Generator, index: SplitIndex, clips: int) -> list[NDArray[np.int64]]:
    """Rows of random clips of `CLIP_FRAMES` consecutive frames of one track, each (frame,) int64."""
    long = np.flatnonzero(index.tracks.lengths >= CLIP_FRAMES)
    chosen = random.choice(long, clips)
    first = random.integers(index.tracks.start[chosen], index.tracks.stop[chosen] - CLIP_FRAMES + 1)
    return [np.arange(start, start + CLIP_FRAMES) for start in first.tolist()]


def cut_clips(frames: int) -> Iterator[NDArray[np.int64]]:
    """All rows in order, `CLIP_FRAMES` at a time."""
    for start in range(0, frames, CLIP_FRAMES):
        yield np.arange(start, min(start + CLIP_FRAMES, frames))


def timed(read: Callable[[Any], Clip], batch: list[Any]) -> tuple[list[float], list[Clip]]:
    """Milliseconds a clip on the clock and on the CPU, and what was read."""
    clock, cpu = time.perf_counter(), time.process_time()
    clips = [read(clip) for clip in batch]
    taken = time.perf_counter() - clock, time.process_time() - cpu
    return [1000 * seconds / len(batch) for seconds in taken], clips


def compare(folder: Path, frames: int, batches: int, seed: int, *, first_epoch: bool = False) -> dict[str, Any]:
    """Write the files, read the same clips from all of them in turn, return the figures.

    Unless `first_epoch`, every frame of every file is read once before.
    """
    random = np.random.default_rng(seed)
    full = FULL_SIZE["train"]
    index = generated_index(random, "train", full if frames >= full.frames else full.scaled(frames / full.frames))
    values = random.random((len(index.paths), 17, 3), np.float32)
    paths = [folder / f"{number}.h5" for number in range(len(FILES))]
    for path, write in zip(paths, (write_packed, write_per_frame, write_per_frame_merged), strict=True):
        write(path, index, values)
    ms = np.empty((batches, len(FILES), 2))
    with open_cache(paths[0], "keypoints") as cache, h5py.File(paths[1]) as two, h5py.File(paths[2]) as one:
        readers = (partial(read_packed, cache), partial(read_per_frame, two), partial(read_per_frame_merged, one))
        if not first_epoch:
            for rows in cut_clips(len(index.paths)):
                names = [frame_name(index.paths[row]) for row in rows.tolist()]
                for read, clip in zip(readers, (rows, names, names), strict=True):
                    read(clip)
        for batch in range(batches):
            clips = draw_clips(random, index, BATCH_CLIPS)
            named = [[frame_name(index.paths[row]) for row in clip.tolist()] for clip in clips]
            for number, (read, batch_clips) in enumerate(zip(readers, (clips, named, named), strict=True)):
                ms[batch, number], found = timed(read, batch_clips)
                check_clips(found, values, clips)
    return summarize(len(index.paths), np.median(ms, axis=0).tolist(), [path.stat().st_size for path in paths])


def check_clips(found: list[Clip], values: NDArray[np.float32], rows: list[NDArray[np.int64]]) -> None:
    """Raise ValueError if a clip is not what was written."""
    for clip, (keypoints, score) in zip(rows, found, strict=True):
        if not (np.array_equal(keypoints, values[clip, :, :2]) and np.array_equal(score, values[clip, :, 2])):
            raise ValueError(f"clip at row {clip[0]}: expected the keypoints that were written, got others")


def summarize(frames: int, medians: list[list[float]], sizes: list[int]) -> dict[str, Any]:
    """The figures of every file, and as ratios to those of the packed one."""
    rows = []
    for name, (clock, cpu), size in zip(FILES, medians, sizes, strict=True):
        ratios = clock / medians[0][0], cpu / medians[0][1], size / sizes[0]
        rows.append({"file": name, "ms": clock, "cpu_ms": cpu, "bytes": size})
        rows[-1] |= dict(zip(("slower", "slower_cpu", "larger"), ratios, strict=True))
    return {"frames": frames, "files": rows}


def describe(figures: dict[str, Any]) -> list[str]:
    """The figures as lines of text."""
    rows = [["file", "ms a clip", "ratio", "CPU ms a clip", "ratio", "MB", "ratio"]]
    for file in figures["files"]:
        clock = f"{file['ms']:.3f}", f"{file['slower']:.1f}"
        cpu = f"{file['cpu_ms']:.3f}", f"{file['slower_cpu']:.1f}"
        rows.append([file["file"], *clock, *cpu, f"{file['bytes'] / 1e6:.1f}", f"{file['larger']:.1f}"])
    return [f"random clips of {CLIP_FRAMES} of {figures['frames']:,} frames, medians", *align_columns(rows)]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clip_reads", description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=23_250, help="about so many frames (at most 232,496)")
    parser.add_argument("--batches", type=int, default=40, help=f"batches of {BATCH_CLIPS} clips to read")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first-epoch", action="store_true", help="time reads of clips that were not read before")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(Path(folder), args.frames, args.batches, args.seed, first_epoch=args.first_epoch)
    print(json.dumps(figures, indent=2) if args.json else "\n".join(describe(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

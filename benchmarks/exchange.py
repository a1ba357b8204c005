"""Exports and imports at the real set's size: seconds and peak memory of each command, and whether values come back.

    python -m benchmarks.exchange                  463,259 frames in 21,863 tracks, random skeletons
    python -m benchmarks.exchange --frames 5000    the same for fewer frames

Every command is a process of its own, so that its peak is its own. What coco and pyskl bring back has to be the same
float32; another value ends the benchmark.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from command_line.text_table import align_columns
from data_cache.contract.reader import open_cache
from data_cache.contract.records import Modality, SplitIndex, Tracks
from data_cache.contract.skeleton import JOINTS
from data_cache.contract.writer import CacheWriter

ALL_FRAMES, ALL_TRACKS = 463_259, 21_863
EXPORTS = {
    "coco": "results.json",
    "coco-dataset": "dataset.json",
    "pyskl": "tracks.pkl",
    "sleap": "frames.h5",
    "movement": "tracks.nc",
    "nwb": "frames.nwb",
}
BLOCK = 4096


@dataclass(frozen=True)
class Figures:
    """One command: what it is, seconds, peak resident bytes of its process, bytes of its output."""

    command: str
    seconds: float
    peak: int
    written: int


def write_random_keypoints(path: Path, frames: int, seed: int = 0) -> None:
    """A keypoints file of `frames` frames in as many tracks as the real set has of so many; every frame is ok."""
    random = np.random.default_rng(seed)
    tracks = max(1, round(frames * ALL_TRACKS / ALL_FRAMES))
    stop = np.round(np.linspace(0, frames, tracks + 1)).astype(np.int64)[1:]
    number = np.arange(tracks)
    table = Tracks(
        person=(number // 24 + 1).astype(np.int32),
        camera=(number % 6 + 1).astype(np.int16),
        modality=np.where(number % 2, Modality.VISIBLE, Modality.INFRARED).astype(np.uint8),
        start=np.concatenate([[0], stop[:-1]]),
        stop=stop,
    )
    paths = tuple(f"Test/{row // 510 + 1:04d}/rgb/D{row // 21 % 6 + 1}/{row}.jpg" for row in range(frames))
    index = SplitIndex("generated", "test", paths, table)
    recipe = {"code": 1, "estimator": {"name": "benchmark, not a pose"}}
    with CacheWriter(path, "keypoints", index, recipe, status=np.zeros(frames, np.uint8)) as writer:
        for start in range(0, frames, BLOCK):
            count = min(BLOCK, frames - start)
            shape = (count, len(JOINTS))
            writer.append(
                {
                    "/frames/keypoints": random.uniform(0, 256, (*shape, 2)).astype(np.float32),
                    "/frames/score": random.random(shape, np.float32),
                    "/frames/size": np.tile(np.array([[256, 128]], np.int32), (count, 1)),
                }
            )


def measure(name: str, out: Path, *arguments: str) -> Figures:
    """Run `python -m data_cache` with `arguments`; ends the benchmark where it fails."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "data_cache", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"error: {name}: expected exit status 0, got {child.returncode}")
    return Figures(name, time.perf_counter() - start, usage.ru_maxrss * 1024, out.stat().st_size)


def compare(folder: Path, frames: int) -> list[Figures]:
    """Every export of a random file in `folder`, and the imports of those that come back."""
    source = folder / "keypoints.h5"
    write_random_keypoints(source, frames)
    figures = []
    for name, file in EXPORTS.items():
        out = folder / file
        figures.append(measure(f"export {name}", out, "export", str(source), "--format", name, "--out", str(out)))
    for name, options in (("coco", ("--images", str(folder / "results.images.json"))), ("pyskl", ())):
        out = folder / f"{name}.h5"
        named = (str(folder / EXPORTS[name]), "--format", name, "--frames", str(source), "--out", str(out))
        figures.append(measure(f"import {name}", out, "import", *named, *options))
        check_equal(source, out)
    return figures


def check_equal(source: Path, back: Path) -> None:
    """Exit with a sentence unless both files hold the same float32."""
    with open_cache(source, "keypoints") as wanted, open_cache(back, "keypoints") as got:
        for rows in wanted.rows(BLOCK):
            for name in ("keypoints", "score"):
                if not np.array_equal(wanted.read(name, rows.start, rows.stop), got.read(name, rows.start, rows.stop)):
                    sys.exit(f"error: {back}: {name}: expected those of {source} in rows {rows}, got others")


def describe(figures: list[Figures]) -> str:
    """A row a command."""
    rows = [["command", "seconds", "peak GB", "output MB"]]
    rows += [[f.command, f"{f.seconds:.1f}", f"{f.peak / 1e9:.2f}", f"{f.written / 1e6:.0f}"] for f in figures]
    return "\n".join(align_columns(rows))


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchange", description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=ALL_FRAMES, metavar="N", help="default: as many as HITSZ-VCM has")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        print(describe(compare(Path(folder), args.frames)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The whole of stage one at the real set's size, with a stub in place of the network: time, memory, file sizes.

    python -m benchmarks.full_size --workers 2               463,259 frames in 21,863 generated tracks
    python -m benchmarks.full_size --workers 2 --frames 4000  a small rehearsal of the rehearsal

The frames are hard links to frames of the embedded sample, so decoding is real; the keypoints are not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.generated_tree import FULL_SIZE, write_tree
from benchmarks.memory import PeakMemory
from benchmarks.stub_estimator import StubSource
from command_line.text_table import align_columns
from data_cache.contract.records import SplitIndex
from pipeline.datasets.frame_scan import scan_frames
from pipeline.datasets.split_index import read_split
from pipeline.keypoints.keypoint_file import extract_keypoints
from pipeline.settings import Settings
from pipeline.skeletons.edge_file import write_edges
from pipeline.skeletons.graph_file import write_graphs

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"
ALL_FRAMES = sum(counts.frames for counts in FULL_SIZE.values())
DATASET = "generated"
# Prime, so that no run of frames repeats where a track does.
JPEGS = 397

Made = TypeVar("Made")


@dataclass(frozen=True)
class Step:
    """One step of one split: seconds, peak bytes of the process tree, bytes of what it wrote."""

    split: str
    name: str
    frames: int
    seconds: float
    peak: int
    written: int


class Rehearsal:
    """Runs the steps and notes what each took."""

    def __init__(self, folder: Path, memory: PeakMemory, workers: int) -> None:
        self.steps: list[Step] = []
        self._folder, self._memory, self._workers = folder, memory, workers

    def tree(self, share: float) -> Path:
        """The generated tree; not part of what is measured against the aim."""
        jpegs = sorted(SAMPLE.glob("T*/*/*/*/*.jpg"))[:JPEGS]
        frames = round(ALL_FRAMES * share)
        return self._measure("both", "tree", frames, lambda: write_tree(self._folder, jpegs, share, seed=1))

    def split(self, root: Path, split: str) -> SplitIndex:
        """Index, chunks, assembly, edges and graphs of one split."""
        start = time.perf_counter()
        index = read_split(root, DATASET, split)
        if len(scan_frames(root, index).missing):
            raise ValueError(f"{root}: expected every generated frame of {split} on disk")
        frames, settings = len(index.paths), Settings()
        self._note(split, "index", frames, time.perf_counter() - start)
        keypoints, edges, graphs = (self._file(kind, split) for kind in ("keypoints", "edges", "graphs"))
        self._extract(root, index, keypoints, settings)
        self._measure(
            split, "edges", frames, lambda: write_edges(keypoints, edges, settings.edges, settings.min_score), edges
        )
        self._measure(split, "graphs", frames, lambda: write_graphs(keypoints, graphs, settings.min_score), graphs)
        return index

    def _extract(self, root: Path, index: SplitIndex, out: Path, settings: Settings) -> None:
        chunks = out.with_name(f"{index.split}.chunks")
        start = last_chunk = time.perf_counter()

        def progress(_: object) -> None:
            nonlocal last_chunk
            last_chunk = time.perf_counter()

        pose = settings.pose
        summary = extract_keypoints(
            index,
            root,
            StubSource(),
            out,
            chunks,
            chunk_frames=pose.chunk_frames,
            max_bad=pose.max_bad,
            workers=self._workers,
            progress=progress,
        )
        end = time.perf_counter()
        if summary.ok != len(index.paths):
            raise ValueError(f"{out}: expected every generated frame to be read, got {summary}")
        written = sum(file.stat().st_size for file in chunks.iterdir())
        self._note(index.split, "chunks", summary.frames, last_chunk - start, written)
        self._note(index.split, "assembly", summary.frames, end - last_chunk, out.stat().st_size)

    def _measure(
        self, split: str, name: str, frames: int, work: Callable[[], Made], written: Path | None = None
    ) -> Made:
        start = time.perf_counter()
        made = work()
        seconds = time.perf_counter() - start
        self._note(split, name, frames, seconds, written.stat().st_size if written else 0)
        return made

    def _note(self, split: str, name: str, frames: int, seconds: float, written: int = 0) -> None:
        self.steps.append(Step(split, name, frames, seconds, self._memory.take(), written))

    def _file(self, kind: str, split: str) -> Path:
        return self._folder / "artifacts" / DATASET / kind / f"{split}.h5"


def rehearse(folder: Path, frames: int, workers: int) -> dict[str, Any]:
    """Run all steps of both splits on a tree of about so many frames below `folder`; returns the figures."""
    share = min(1.0, frames / ALL_FRAMES)
    with PeakMemory() as memory:
        rehearsal = Rehearsal(folder, memory, workers)
        root = rehearsal.tree(share)
        indices = [rehearsal.split(root, split) for split in FULL_SIZE]
    return {
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}",
        "workers": workers,
        "frames": sum(len(index.paths) for index in indices),
        "tracks": sum(len(index.tracks) for index in indices),
        "seconds": sum(step.seconds for step in rehearsal.steps if step.name != "tree"),
        "peak_bytes": memory.overall,
        "steps": [asdict(step) for step in rehearsal.steps],
    }


def describe(figures: dict[str, Any]) -> list[str]:
    """The figures as lines of text."""
    rows = [("split", "step", "frames", "s", "frames/s", "peak MB", "file MB")]
    for step in figures["steps"]:
        speed = step["frames"] / max(step["seconds"], 1e-9)
        written = f"{step['written'] / 1e6:.1f}" if step["written"] else "-"
        numbers = f"{step['seconds']:.1f}", f"{speed:,.0f}", f"{step['peak'] / 1e6:.0f}", written
        rows.append((step["split"], step["name"], f"{step['frames']:,}", *numbers))
    return [
        f"{figures['frames']:,} frames, {figures['tracks']:,} tracks, {figures['workers']} workers"
        f" ({figures['machine']})",
        *align_columns(rows, left=2),
        f"all but the tree: {figures['seconds']:.0f} s, peak memory {figures['peak_bytes'] / 1e6:.0f} MB",
    ]


def main(argv: list[str] | None = None) -> int:
    """Rehearse, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_size", description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=ALL_FRAMES, help="about so many frames (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="as of `star keypoints`")
    parser.add_argument("--folder", type=Path, help="keep tree and files there (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures = rehearse(folder, args.frames, args.workers)
    print(json.dumps(figures, indent=2) if args.json else "\n".join(describe(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

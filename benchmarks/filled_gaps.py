"""What it costs to fill joints in from their track: with every clip that is read, or once for a whole split.

    python -m benchmarks.filled_gaps --edges FILE --graphs FILE      default: the sample's training split

Processor time, so that a busy machine tells the same. A clip is read as training reads it, its images left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from command_line.text_table import align_columns
from data_cache.contract.reader import CacheReader, open_cache
from model.clips.clips import chunk_frames
from model.clips.skeletons.filled_gaps import fill_edges, fill_gaps

CLIPS, ROUNDS = 400, 5


def read_clip(edges: CacheReader, graphs: CacheReader, track: int, frames: int, fill: bool) -> None:
    """The skeletons of one clip of `frames` frames of a track."""
    start, stop = int(graphs.tracks.start[track]), int(graphs.tracks.stop[track])
    at = chunk_frames(stop - start, frames)[:, 0]
    found = edges.read_frames("edges", start + at)
    if not fill:
        for name in ("nodes", "seen"):
            graphs.read_frames(name, start + at)
        return
    nodes, seen = (graphs.read(name, start, stop) for name in ("nodes", "seen"))
    filled, weight = fill_gaps(nodes, seen, at)
    fill_edges(found, filled, weight, str(edges.recipe["angle"]), np.ones(len(at)))


def fill_split(edges: CacheReader, graphs: CacheReader) -> None:
    """Every frame of every track, once, as stage one would."""
    for track in range(len(graphs.tracks)):
        read_clip(edges, graphs, track, int(graphs.tracks.lengths[track]), fill=True)


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time of `work`, the least of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return 1000 * min(taken)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in ("edges", "graphs"):
        parser.add_argument(f"--{kind}", type=Path, default=Path(f"artifacts/sample/{kind}/train.h5"))
    parser.add_argument("--frames", type=int, default=6, help="T of a clip (default: 6)")
    args = parser.parse_args()
    with open_cache(args.edges, "edges") as edges, open_cache(args.graphs, "graphs") as graphs:
        chosen = np.random.default_rng(0).integers(len(graphs.tracks), size=CLIPS).tolist()

        def clips(fill: bool) -> Callable[[], object]:
            return lambda: [read_clip(edges, graphs, track, args.frames, fill) for track in chosen]

        plain, filled = (milliseconds(clips(fill)) / CLIPS for fill in (False, True))
        whole = milliseconds(lambda: fill_split(edges, graphs)) / int(graphs.tracks.lengths.sum())
    rows = [
        ["a clip as it is", f"{plain:.2f} ms", ""],
        ["a clip, filled", f"{filled:.2f} ms", "for every clip of every epoch, spread over the workers"],
        ["a split, filled once", f"{whole:.3f} ms a frame", "and an edges file of its own for it"],
    ]
    print("\n".join(align_columns(rows, left=1)))


if __name__ == "__main__":
    main()

"""`python extract_stub.py TREE OUT`: a run like `star keypoints`, with the stub for a network."""

from __future__ import annotations

import argparse
import resource
import sys
from pathlib import Path

from command_line.run_command import run
from pipeline.datasets.split_index import read_split
from pipeline.keypoints.keypoint_file import extract_keypoints
from pipeline.keypoints.progress import report_progress
from tests.pipeline.keypoints.stub_estimator import StubSource


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("tree", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chunk-frames", type=int, default=7)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--scheduler")
    parser.add_argument("--gate")
    parser.add_argument("--free", type=int, default=0)
    parser.add_argument("--largest-file", type=int)
    parser.set_defaults(run=extract)
    return parser


def extract(args: argparse.Namespace) -> int:
    if args.largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (args.largest_file, args.largest_file))
    index = read_split(args.tree, "stub", "train")
    with report_progress(len(index.paths)) as progress:
        summary = extract_keypoints(
            index,
            args.tree,
            StubSource(gate=args.gate, free=args.free),
            args.out,
            args.out.with_suffix(".chunks"),
            chunk_frames=args.chunk_frames,
            max_bad=0.01,
            workers=args.workers,
            scheduler=args.scheduler,
            progress=progress,
        )
    sys.stdout.write(f"{summary}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(build_parser()))

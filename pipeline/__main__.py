"""Command line of stage one: `python -m pipeline check|index|keypoints|edges|graphs|synth`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_cache.command_line import command_parser, run
from pipeline.commands import check, edges, graphs, index, keypoints, synth


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a stage."""
    description = "Stage one: JPEG tracklets to keypoints, edges and graphs in HDF5."
    return command_parser("python -m pipeline", description, (check, index, keypoints, edges, graphs, synth))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

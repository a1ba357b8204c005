"""Command line of stage one: `python -m pipeline check|index|frames|keypoints|edges|graphs|synth`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from command_line.run_command import command_parser, run
from pipeline.checks import check_command
from pipeline.datasets import index_command
from pipeline.keypoints import keypoints_command
from pipeline.listing import frames_command
from pipeline.skeletons.skeleton_commands import EDGES, GRAPHS
from pipeline.synth import synth_command


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a stage."""
    description = "Stage one: JPEG tracklets to keypoints, edges and graphs in HDF5."
    commands = (check_command, index_command, frames_command, keypoints_command, EDGES, GRAPHS, synth_command)
    return command_parser("python -m pipeline", description, commands)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

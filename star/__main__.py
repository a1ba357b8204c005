"""Command line of the whole project: `star COMMAND`, or `python -m star COMMAND`."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from command_line.layers import DISTRIBUTION
from command_line.run_command import command_parser, run
from star.commands import COMMANDS


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand for each thing to do."""
    description = (
        "Skeletons for video person re-identification across visible and infrared cameras: from JPEG tracklets to"
        " keypoints, edges and graphs in HDF5, and to a network that is trained on them and evaluated."
    )
    parser = command_parser("star", description, COMMANDS)
    version = f"star {importlib.metadata.version(DISTRIBUTION)}"
    parser.add_argument("--version", action="version", version=version)
    parser.set_defaults(program=parser)  # for `completion`, which is about all of it
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

"""Command line of stage one: `python -m pipeline check|index|keypoints|edges|graphs|synth`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_cache.command_line import add_debug_option, run
from pipeline.commands import check, edges, graphs, index, keypoints, synth


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a stage."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline", description="Stage one: JPEG tracklets to keypoints, edges and graphs in HDF5."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (check, index, keypoints, edges, graphs, synth):
        command.configure(commands)
    for subparser in commands.choices.values():
        add_debug_option(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

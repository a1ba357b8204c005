"""Command line of the cache: `python -m data_cache inspect|check|export`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from data_cache import check_command, export_command, inspect
from data_cache.command_line import add_debug_option, run

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with one subcommand for each thing to do with a cache file."""
    parser = argparse.ArgumentParser(
        prog="python -m data_cache", description="Look into the HDF5 files of stage one, verify and export them."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (inspect, check_command, export_command):
        command.configure(commands)
    for subparser in commands.choices.values():
        add_debug_option(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

"""Command line of the cache: `python -m data_cache inspect|check|export|import|view`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from data_cache import check_command, export_command, import_command, inspect, view_command
from data_cache.command_line import command_parser, run

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with one subcommand for each thing to do with a cache file."""
    description = (
        "Look into the HDF5 files of stage one, verify and export them, or make one of skeletons from elsewhere."
    )
    commands = (inspect, view_command, check_command, export_command, import_command)
    return command_parser("python -m data_cache", description, commands)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

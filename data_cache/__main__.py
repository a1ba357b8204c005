"""Command line of the cache: `python -m data_cache inspect|check|export|import|view`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from command_line.run_command import command_parser, run
from data_cache.exchange.exports import export_command
from data_cache.exchange.imports import import_command
from data_cache.inspection import inspect_command
from data_cache.verification import check_command
from data_cache.viewer import view_command

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with one subcommand for each thing to do with a cache file."""
    description = (
        "Look into the HDF5 files of stage one, verify and export them, or make one of skeletons from elsewhere."
    )
    commands = (inspect_command, view_command, check_command, export_command, import_command)
    return command_parser("python -m data_cache", description, commands)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

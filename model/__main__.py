"""Command line of stage two: `python -m model train|evaluate|results`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_cache.command_line import add_debug_option, run
from model.commands import evaluate, results, train


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a stage."""
    parser = argparse.ArgumentParser(
        prog="python -m model", description="Stage two: STAR, trained on the cache and evaluated in both directions."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (train, evaluate, results):
        command.configure(commands)
    for subparser in commands.choices.values():
        add_debug_option(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

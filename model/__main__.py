"""Command line of stage two: `python -m model train|evaluate|results|report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from data_cache.command_line import command_parser, run
from model.commands import evaluate, report, results, train


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a stage."""
    description = "Stage two: STAR, trained on the cache and evaluated in both directions."
    return command_parser("python -m model", description, (train, evaluate, results, report))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

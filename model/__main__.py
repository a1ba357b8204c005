"""Command line of stage two: `python -m model train|evaluate|results|report`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from command_line.run_command import command_parser, run
from model.evaluation import evaluate_command, results_command
from model.report import report_command
from model.training import train_command


def build_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a stage."""
    description = "Stage two: STAR, trained on the cache and evaluated in both directions."
    return command_parser(
        "python -m model", description, (train_command, evaluate_command, results_command, report_command)
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 done, 1 the data or the work is at fault, 2 wrong usage."""
    return run(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main())

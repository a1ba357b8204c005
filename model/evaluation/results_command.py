"""`star results`: tables of what was evaluated before, from metrics.json and clip_lengths.json files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line.run_command import DONE


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "results",
        help="show results again",
        description="Print what `evaluate` printed, from the metrics.json and clip_lengths.json files that it wrote.",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="METRICS.json", help="of a run, or of its protocols")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a table for each file."""
    from model.evaluation.clip_lengths import read_clip_lengths
    from model.evaluation.result_table import clip_length_table, result_table
    from model.evaluation.results import read_results

    tables = [
        clip_length_table(read_clip_lengths(path))
        if path.name == "clip_lengths.json"
        else result_table(read_results(path))
        for path in args.files
    ]
    sys.stdout.write("\n\n".join(tables) + "\n")
    return DONE

"""`star check`: is this tree what the other commands expect?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line.option_types import whole_number
from command_line.run_command import AT_FAULT, DONE


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "check",
        help="check an unpacked data set",
        description="Check an unpacked HITSZ-VCM or BUPTCampus tree: grammar, labels, query and gallery, and every"
        " frame. Exit status 1 where there are errors; known noise of the data set (missing or unreadable frames,"
        " names without a track, names that disagree with their row) is a warning.",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="the data set's folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--quick", action="store_true", help="look at both ends of each frame, do not decode it")
    parser.add_argument(
        "--workers",
        type=whole_number,
        default=None,
        metavar="N",
        help="processes that decode; 0: this one (default: STAR_WORKERS, or one a core)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the tree, print the report; 1 where it has errors."""
    from command_line.terminal.progress import counted
    from pipeline.checks.frame_check import ProbeOptions
    from pipeline.checks.report import write_json, write_text
    from pipeline.checks.tree_check import check_dataset
    from pipeline.datasets.frame_pool import default_workers

    workers = default_workers() if args.workers is None else args.workers
    with counted("lists and folders, then frames", "frames") as show:
        report = check_dataset(args.root, ProbeOptions(args.quick, workers, show))
    sys.stdout.write((write_json(report) if args.json else write_text(report)) + "\n")
    return AT_FAULT if report.errors else DONE

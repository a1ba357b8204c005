"""`star report`: a finished run becomes one HTML file to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line.option_types import whole_number
from command_line.run_command import DONE
from model.run.run_options import add_run_options, chosen_run


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `subparsers`."""
    parser = subparsers.add_parser(
        "report",
        help="a finished run as one HTML file",
        description="Write what there is to see of an evaluated run into one HTML file that opens offline: results"
        " beside the published ones, losses, CMC, rankings, heat maps against the baseline, part contributions, clip"
        " lengths, pooling exponents, skeleton quality. It holds pictures of persons: the data set's licence says who"
        " may see them.",
    )
    add_run_options(parser)
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help="run of the same data set to compare with (default: baseline, if there is one)",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="default: artifacts/<dataset>/reports/<run>.html")
    parser.add_argument(
        "--queries", type=whole_number, default=5, metavar="N", help="best and worst queries a direction (default: 5)"
    )
    parser.add_argument(
        "--clips",
        type=whole_number,
        default=3,
        metavar="N",
        help="persons whose clips get heat maps, one of each modality; 0 computes none (default: 3)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from model.report.report import ReportOptions, write_report

    options = ReportOptions(args.baseline, args.out, args.queries, args.clips, args.device)
    path = write_report(chosen_run(args), options)
    sys.stdout.write(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)\n")
    return DONE

"""`star index`: the tracks of one split as a table."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from command_line.run_command import DONE
from data_cache.contract.records import SPLITS


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "index",
        help="list the tracks of one split",
        description="List the tracks of one split, as the cache holds them: rows are counted from 0, stop is the row"
        " after the last frame.",
    )
    parser.add_argument("--root", type=Path, required=True, metavar="DIR", help="the data set's folder")
    parser.add_argument("--split", required=True, choices=SPLITS, help="which split")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.csv", help="write the table to this file, and print the summary only"
    )
    parser.add_argument(
        "--frames-out",
        type=Path,
        metavar="FILE.json",
        help="write every frame and track to this file, for `star import`, and print the summary only",
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="name of the data set, as its files give it (default: name of the folder)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the split and print or write its tracks."""
    from data_cache.contract.split_file import write_split_file
    from pipeline.datasets.split_index import read_split
    from pipeline.datasets.track_table import list_tracks, summarize_tracks, write_csv, write_json, write_text

    index = read_split(args.root, args.dataset or Path(os.path.realpath(args.root)).name or "dataset", args.split)
    if args.frames_out is not None:
        write_split_file(args.frames_out, index)
    rows = list_tracks(index)
    if args.out is not None:
        write_csv(rows, args.out)
    summary = summarize_tracks(index)
    write = write_json if args.json else write_text
    written = args.out is not None or args.frames_out is not None
    sys.stdout.write(write(summary, [] if written else rows) + "\n")
    return DONE

"""`star verify`: is a file what the contract says, to the last byte?"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from command_line.run_command import AT_FAULT, DONE


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], name: str = "check") -> None:
    """Add the command and its options; `name` is what it is called."""
    parser = subparsers.add_parser(
        name,
        help="verify a file: layout, checksums, ranges",
        description="Read all of a keypoints, edges or graphs file and list what breaks the contract of docs/cache.md:"
        " layout, checksums, ranges, parts that do not fit each other. Exit status 1 where there are errors; warnings"
        " (unlikely, not impossible) do not count.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="an HDF5 file of stage one")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the file and print what is wrong with it; 1 where it has errors."""
    from command_line.text_table import amount, printable
    from data_cache.verification.check import check_file

    problems = check_file(args.file)
    errors = sum(problem.level == "error" for problem in problems)
    warnings = len(problems) - errors
    if args.json:
        found = [{"file": str(args.file), **asdict(problem)} for problem in problems]
        values = {"file": str(args.file), "ok": not errors, "errors": errors, "warnings": warnings, "problems": found}
        sys.stdout.write(json.dumps(values, indent=1) + "\n")
    else:
        lines = [f"{args.file}: {problem.sentence()}" for problem in problems]
        verdict = f"{amount(errors, 'error')}, {amount(warnings, 'warning')}" if problems else "intact"
        sys.stdout.write(printable("\n".join([*lines, f"{args.file}: {verdict}"])) + "\n")
    return AT_FAULT if errors else DONE

"""`star demo`: a folder with the sample and all settings, in which everything is made and shown."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command_line.run_command import AT_FAULT, DONE


def configure(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser(
        "demo",
        help="the embedded sample, from frames to a report; walkers behind occluders",
        description="Unpack the embedded sample with its settings and the drawings of the stages into a folder, and run"
        " them there with DVC, from JPEG frames to the report of a trained run; then draw walkers, and compare a run"
        " with guidance and one without on them, with and without occluders. In a folder that has them already, such"
        " as a checkout, nothing is unpacked; a run that was stopped goes on where it was.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder, or one of an earlier demo")
    parser.add_argument("--unpack-only", action="store_true", help="unpack, and say how to run")
    parser.set_defaults(serves=True, run=run)


def run(args: argparse.Namespace) -> int:
    """Unpack, run, and show what was made."""
    from star.demo_project import reproduce, show_results, unpack_project

    if not args.unpack_only:
        import dvc  # noqa: F401 (a layer that is not there is said before anything is unpacked)
    if unpack_project(args.folder):
        sys.stdout.write(f"{args.folder}: sample, settings and stages are unpacked\n")
    if args.unpack_only:
        sys.stdout.write(f"now: cd {args.folder} && dvc repro\n")
        return DONE
    sys.stdout.flush()
    if reproduce(args.folder) != 0:
        return AT_FAULT  # DVC and the stage have said why
    show_results(args.folder)
    return DONE

"""What all parts of the campaign share: their options, and that they run two things at a time."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.campaign.figures_file import FOLDER
from benchmarks.campaign.tried_project import build_project

SEED = 10


def add_options(parser: argparse.ArgumentParser, figures: str, *, seconds: float) -> None:
    """Give `parser` --seed, --seconds, --lanes, --out and --project.

    figures: name of the part's figures; seconds: after which it begins nothing new
    """
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seed", type=int, default=SEED, help="everything is drawn from it (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="begin nothing after so many (default: %(default)s)"
    )
    parser.add_argument("--lanes", type=int, default=2, help="so many at a time (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        default=FOLDER / figures,
        metavar="FILE.json",
        help="figures; what is there of the same seed and counts is not done again (default: %(default)s)",
    )
    parser.add_argument(
        "--project",
        type=Path,
        default=Path(tempfile.gettempdir()) / "star-campaign",
        metavar="DIR",
        help="the project to break, made if it is not there (default: %(default)s)",
    )


def project_folder(args: argparse.Namespace) -> Path:
    """The project that the options name, with everything made."""
    return build_project(args.project / f"seed-{args.seed}", args.seed)


def run_in_lanes(lanes: int, tasks: Sequence[Callable[[], None]]) -> None:
    """Run the tasks, each of which waits for processes, `lanes` at a time; raises the first error of one."""
    with ThreadPoolExecutor(lanes) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()

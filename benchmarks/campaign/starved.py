"""Commands with less and less room on the disk, file size, file descriptors and memory.

    python -m benchmarks.campaign.starved                                  all; goes on where it was stopped
    python -m benchmarks.campaign.starved --resource memory --command report

Each step is one command with one amount of one resource. Then it is run again with enough, where the first run left
anything behind, and its results are compared with those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.campaign.campaign_options import add_options, project_folder, run_in_lanes
from benchmarks.campaign.command_run import run_command
from benchmarks.campaign.figures_file import FiguresFile
from benchmarks.campaign.scarcity import RESOURCES, Resource, small_file_system
from benchmarks.campaign.tried_commands import BY_NAME, TriedCommand, differing

COMMANDS = ["training", "extraction, one process", "report", "evaluation", "import", "export coco", "edges"]


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, by its path."""
    stats = {str(file): file.stat() for file in folder.rglob("*") if file.is_file()}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def starve(
    command: TriedCommand, resource: Resource, amount: float, folder: Path, whole: dict[str, str], need: int
) -> dict[str, Any]:
    """Run the command in `folder`, where it has everything to do, with `amount` of a resource, then with enough.

    need: bytes of its results; returns how the first run ended, what it left under a final name that is not whole,
    how the second ended (none where nothing was left behind), and its results that are not as in `whole`.
    """
    before = contents(folder)
    with resource.taken(folder, amount, need) as limit:
        first = run_command(command.words, folder, limit=limit)
        left = differing(command.results(folder), whole, missing=False)
    step = {"ending": first.ending, "left": left, "again": "", "differing": []}
    if first.ending not in ("done", "one line"):
        step["words"] = first.last_words.replace(str(folder), "…")
    if first.ending == "done" or contents(folder) != before:
        step["again"] = "done" if first.ending == "done" else run_command(command.words, folder).ending
        step["differing"] = differing(command.results(folder), whole)
    return step


def try_command(figures: FiguresFile, project: Path, end: float, resource: Resource, name: str) -> None:
    """All amounts of a resource for a command, each printed and added to the figures; begins none after `end`."""
    of, command = f"{resource.name}: {name}", BY_NAME[name]
    waiting = [number for number in range(len(resource.amounts)) if not figures.has(of, number)]
    if not waiting or time.monotonic() > end:
        return
    with tempfile.TemporaryDirectory(prefix="starved-") as scratch, small_file_system(Path(scratch)) as mounted:
        if resource.needs_mount and not mounted:
            print(f"{of}: no right to mount a small file system, left out", flush=True)
            return
        folder = Path(scratch) / "project"
        whole, _ = command.undisturbed(project, folder)
        sizes = [(folder / name).stat().st_size for name in whole]
        for number in waiting:
            if time.monotonic() > end:
                return
            amount = resource.amounts[number]
            need = max(sizes) if resource.one_file else sum(sizes)
            step = starve(command, resource, amount, command.begin(project, folder), whole, need)
            figures.add(of, number, {"amount": amount, **step})
            print(f"{of}: {amount} {resource.unit}: {step}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, starve, print how each run ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign.starved", description=__doc__)
    add_options(parser, "starved.json", seconds=900)
    names = [resource.name for resource in RESOURCES]
    parser.add_argument("--resource", choices=names, help="only this one")
    parser.add_argument("--command", choices=COMMANDS, help="only this one")
    args = parser.parse_args(argv)
    project, end = project_folder(args), time.monotonic() + args.seconds
    resources = [resource for resource in RESOURCES if args.resource in (None, resource.name)]
    commands = [name for name in COMMANDS if args.command in (None, name)]
    amounts = {resource.name: list(resource.amounts) for resource in RESOURCES}
    order = [f"{name}: {command}" for name in names for command in COMMANDS]
    figures = FiguresFile(args.out, {"seed": args.seed, "commands": COMMANDS, "amounts": amounts}, order)
    run_in_lanes(
        args.lanes,
        [partial(try_command, figures, project, end, resource, name) for name in commands for resource in resources],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

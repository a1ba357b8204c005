"""Commands killed at a hundred random moments, then run again: do they end in the same bytes?

    python -m benchmarks.campaign.kills                           all; goes on where it was stopped
    python -m benchmarks.campaign.kills --command report --only 3  one kill, its moment as in the whole

A kill is SIGKILL for the command's whole process group, workers included, at a moment that is a share (0…1, drawn from
the seed) of what the command takes undisturbed on this machine. A command that was faster than that is begun anew and
killed earlier.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.campaign.campaign_options import add_options, project_folder, run_in_lanes
from benchmarks.campaign.command_run import run_command
from benchmarks.campaign.figures_file import FiguresFile
from benchmarks.campaign.tried_commands import BY_NAME, TriedCommand, differing

# 100 in all. The longest first, so that no lane is left with one at the end.
KILLS = {
    "dvc repro": 6,
    "extraction": 18,
    "training": 18,
    "report": 8,
    "evaluation": 6,
    "import": 14,
    "export coco": 10,
    "export pyskl": 6,
    "export sleap": 6,
    "edges": 8,
}


def moment(seed: int, command: str, number: int) -> float:
    """When kill `number` of a command comes, as a share (0…1) of its undisturbed time."""
    return float(np.random.default_rng([seed, zlib.crc32(command.encode()), number]).random())


def try_kill(
    command: TriedCommand, project: Path, folder: Path, whole: dict[str, str], seconds: float, share: float
) -> dict[str, Any]:
    """Kill the command after `share` of its `seconds`, run it again, compare with `whole`, its undisturbed results.

    Returns `share` of the kill that hit; `left`: files under a final name that are not the whole ones; `ending` of the
    second run; `differing`: files of it that are not as in the whole.
    """
    while True:
        killed = run_command(command.words, command.begin(project, folder), kill_after=share * seconds)
        if killed.killed:
            break
        share *= 0.9
    left = differing(command.results(folder), whole, missing=False)
    again = run_command(command.words, folder)
    return {
        "share": round(share, 4),
        "left": left,
        "ending": again.ending,
        "differing": differing(command.results(folder), whole),
        "words": "" if again.ending == "done" else again.last_words.replace(str(folder), "…"),
    }


def try_command(figures: FiguresFile, project: Path, seed: int, end: float, name: str, numbers: Sequence[int]) -> None:
    """The kills `numbers` of a command, each printed and added to the figures; begins none after `end`."""
    waiting = [number for number in numbers if not figures.has(name, number)]
    if not waiting or time.monotonic() > end:
        return
    command = BY_NAME[name]
    with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
        folder = Path(scratch) / "project"
        whole, seconds = command.undisturbed(project, folder)
        for number in waiting:
            if time.monotonic() > end:
                return
            step = try_kill(command, project, folder, whole, seconds, moment(seed, name, number))
            figures.add(name, number, {"seconds": round(seconds, 2), **step})
            print(f"{name} {number}: killed at {step['share']:.3f} of {seconds:.1f} s, {step}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, kill, print how each kill ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign.kills", description=__doc__)
    add_options(parser, "kills.json", seconds=1200)
    parser.add_argument("--share", type=float, default=1.0, help="of the kills of each command (default: all)")
    parser.add_argument("--command", choices=list(KILLS), help="only this command")
    parser.add_argument("--only", type=int, metavar="N", help="with --command: only its kill N")
    args = parser.parse_args(argv)
    project, end = project_folder(args), time.monotonic() + args.seconds
    kills = {name: max(1, round(count * args.share)) for name, count in KILLS.items()}
    figures = FiguresFile(args.out, {"seed": args.seed, "kills": kills}, KILLS)
    chosen = kills if args.command is None else {args.command: kills[args.command]}
    run_in_lanes(
        args.lanes,
        [
            partial(
                try_command, figures, project, args.seed, end, name, range(count) if args.only is None else [args.only]
            )
            for name, count in chosen.items()
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

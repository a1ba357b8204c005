"""The whole campaign, some half an hour on two cores: `make campaign`, or python -m benchmarks.campaign.

What has figures of the same seed and counts is not done again: remove benchmarks/campaign/figures/*.json to begin anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.campaign.campaign_options import SEED, project_folder, run_in_lanes
from benchmarks.campaign.figures_file import FOLDER

FIRST = 0.45  # of the time, for all but the kills


def run_part(name: str, *options: str) -> None:
    """Run a part in a process of its own; ends the campaign where it fails."""
    done = subprocess.run([sys.executable, "-m", f"benchmarks.campaign.{name}", *options], check=False)
    if done.returncode:
        raise SystemExit(f"error: {name}: expected exit status 0, got {done.returncode}")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, run all parts, say what to do with their figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seed", type=int, default=SEED, help="everything is drawn from it (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=1800, help="begin nothing after so many; run again, it goes on (default: 1800)"
    )
    args = parser.parse_args(argv)
    end = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory(prefix="campaign-") as scratch:
        args.project = Path(scratch)
        project_folder(args)
        options = ("--seed", str(args.seed), "--project", scratch)
        first = (*options, "--seconds", str(FIRST * (end - time.monotonic())))
        run_in_lanes(2, [partial(run_part, "mutations", *first), partial(run_part, "starved", *first, "--lanes", "1")])
        run_part("kills", *options, "--seconds", str(end - time.monotonic()))
    print(f"figures: {FOLDER}; they become docs/reliability.md by python -m docs.reliability_page")
    return 0


if __name__ == "__main__":
    sys.exit(main())

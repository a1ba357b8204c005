"""What guidance gains on generated walkers: trains what is not done yet, two runs at a time.

    python -m benchmarks.guidance                        everything; an interrupted experiment goes on
    python -m benchmarks.guidance --list                 what is planned, and what is done
    python -m benchmarks.guidance --only full --seeds 0  runs whose name begins with it

The network is the one in PyTorch (`benchmarks.torch_network`), which tests hold equal to MindSpore's and whose steps
take less on a CPU (docs/benchmarks.md). Clips, draws, schedule, losses and metrics are the project's own. The figures
go to benchmarks/guidance/figures.json; `python -m docs.results_page` makes docs/results.md of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from benchmarks.guidance.figures_file import keep_figures, read_figures
from benchmarks.guidance.measured_runs import PlannedRun, measure
from benchmarks.guidance.plan import SEEDS, planned_runs
from benchmarks.guidance.walkers import all_walkers

FOLDER = Path("artifacts/guidance")


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="runs whose name begins so")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"for data sets and caches (default: {FOLDER})")
    parser.add_argument("--processes", type=int, default=2, help="runs at a time, a core each (default: 2)")
    parser.add_argument("--list", action="store_true", help="name the runs, and do nothing")
    args = parser.parse_args()
    figures = read_figures()
    runs = [run for run in planned_runs(tuple(args.seeds)) if run.key.startswith(tuple(args.only))]
    if args.list:
        print("\n".join(f"{'done' if run.key in figures['runs'] else 'open'}  {run.key}" for run in runs))
        return
    missing = [run for run in runs if run.key not in figures["runs"]]
    all_walkers(args.folder, {(run.hidden, run.angle) for run in missing})
    sys.exit(measure_all(missing, args.folder, args.processes))


def measure_all(runs: list[PlannedRun], folder: Path, processes: int) -> int:
    """Measure `runs`, keeping the figures of each as soon as it is done; how many ended without."""
    began, failed = time.perf_counter(), 0
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        under_way = {pool.submit(measure, run, folder): run for run in runs}
        for number, done in enumerate(as_completed(under_way), 1):
            minutes, said = (time.perf_counter() - began) / 60, "done"
            if error := done.exception():  # a loss that is not finite, say: the other runs go on
                failed, said = failed + 1, f"{type(error).__name__}: {error}"
            else:
                figures = read_figures()
                figures["runs"][under_way[done].key] = done.result()
                keep_figures(figures)
            line = f"{number} of {len(runs)}, {minutes:.0f} min: {under_way[done].key}: {said}"
            print(line, file=sys.stderr, flush=True)
    return failed


if __name__ == "__main__":
    main()

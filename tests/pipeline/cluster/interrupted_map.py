"""`python interrupted_map.py FOLDER`: a map that waits for a result whose only holder is stopped, then killed.

Task 0 and 1 are done on the only worker, which waits at task 2. Then it is stopped, so that fetching the second result
cannot end, and the test is told by the file `asking`; it kills the worker. In the next worker tasks wait for ever.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from command_line.run_command import run
from pipeline.cluster.workers import map_unordered
from tests.pipeline.cluster.dask_cluster import wait_for_ever
from tests.pipeline.keypoints.stub_estimator import begun, wait_until


def work(task: tuple[str, int]) -> int:
    folder, number = task
    first = Path(folder, "first")
    if not first.exists():
        first.write_text(str(os.getpid()))
    if number == 2 or first.read_text() != str(os.getpid()):
        wait_for_ever(folder)
    return number


def ask_the_stopped(args: argparse.Namespace) -> int:
    results = map_unordered(work, [(args.folder, number) for number in range(3)], workers=1)
    next(results)
    wait_until(lambda: bool(begun(Path(args.folder))))
    os.kill(begun(Path(args.folder))[0], signal.SIGSTOP)
    Path(args.folder, "asking").touch()
    next(results)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.set_defaults(run=ask_the_stopped)
    sys.exit(run(parser))

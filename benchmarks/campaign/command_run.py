"""One command in a process group of its own: killed at a moment, held to limits, and how it ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.campaign.tried_project import environment

# Lines that are no error: what commands report on the way, and what other people's libraries say there.
TOLD = re.compile(r"(INFO|WARNING|warning:|interrupted:) ?")
MOST_SECONDS = 300.0


@dataclass(frozen=True)
class CommandRun:
    """How a command ended: exit status (negative: the signal), seconds, stderr; killed: by us, at the given moment."""

    status: int
    seconds: float
    errors: str
    killed: bool = False

    @property
    def ending(self) -> str:
        """`done`, `one line`, or what no command may end with: `traceback`, `crash`, `hang`, `other`."""
        if self.status == 0:
            return "done"
        if self.seconds >= MOST_SECONDS:
            return "hang"
        if "Traceback (most recent call last)" in self.errors:
            return "traceback"
        if self.status < 0 or self.status >= 128:
            return "crash"
        lines = [line for line in self.errors.splitlines() if line.startswith("error: ")]
        return "one line" if self.status == 1 and len(lines) == 1 else "other"

    @property
    def last_words(self) -> str:
        """The last line of stderr that is no report."""
        lines = [line for line in self.errors.splitlines() if line.strip() and not TOLD.match(line)]
        return lines[-1][:200] if lines else ""


def run_command(
    command: Sequence[str],
    folder: Path,
    *,
    kill_after: float = MOST_SECONDS,
    limit: Callable[[], None] | None = None,
) -> CommandRun:
    """Run `command` in `folder`; SIGKILL for its whole process group `kill_after` seconds later, if it is there still.

    limit: called in the child before the command begins
    """
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,  # not a file, whose size may be limited
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=limit,
    )
    assert process.stderr is not None
    with ThreadPoolExecutor(1) as reader:
        errors = reader.submit(process.stderr.read)
        try:
            process.wait(kill_after)
            killed = False
        except subprocess.TimeoutExpired:
            killed = True
        finally:
            _end_group(process.pid)
            process.wait()
        seconds = time.monotonic() - begin
        return CommandRun(process.returncode, seconds, errors.result(), killed)


def _end_group(group: int) -> None:
    """Kill what is left of the process group, workers of a command that has ended included, and wait for its end."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return
        if not _alive(group):
            return
        time.sleep(0.01)


def _alive(group: int) -> bool:
    """Whether a process of the group is more than a zombie."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, found = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(found) == group and state != "Z":
            return True
    return False

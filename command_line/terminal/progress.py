"""How far a command is: a bar on a terminal; elsewhere a line in the log whenever nothing was said for a while."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

logger = logging.getLogger(__name__)

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 60.0


class Work:
    """What is being done: a sentence, or things that are counted."""

    def __init__(self, what: str, unit: str = "", total: int | None = None, done: int = 0) -> None:
        self.what, self.unit, self.total = what, unit, total
        self.done = self._before = done
        self.begun: float | None = None  # time of the heart's clock, or else that of the first line

    def advance(self, things: int = 1) -> None:
        """Count `things` more."""
        self.done += things

    def line(self, now: float) -> str:
        """How far it is, as one says it `now`, a time of the heart's clock."""
        begun = self.begun = now if self.begun is None else self.begun
        if not self.unit:
            return self.what
        of = "" if self.total is None else f" of {self.total}"
        rate = (self.done - self._before) / (now - begun) if now > begun else 0.0
        left = f", {clock_time((self.total - self.done) / rate)} left" if self.total is not None and rate > 0 else ""
        pace = f", {rate:.1f} {self.unit}/s{left}" if rate > 0 else ""
        return f"{self.what}: {self.done}{of} {self.unit}{pace}"


class Heart(logging.Handler):
    """Beats in a thread of its own, and says what a command does when nothing was logged for the time of a beat.

    The first beat is `FIRST_SECONDS` long, each one that says something twice as long as the one before, up to
    `LONGEST_SECONDS`.
    """

    def __init__(self, program: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.work = Work("at work")
        self.bars = 0
        self._program, self.clock = program, clock
        self._begun = self._heard = clock()
        self._seconds = FIRST_SECONDS
        self._stopped = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Something is said: the silence is over."""
        self._heard = self.clock()

    def beat(self) -> float:
        """Say something if it is time; returns the seconds until the next beat."""
        now = self.clock()
        due = self._heard + self._seconds
        if now < due:
            return due - now
        if not self.bars:  # a bar speaks for itself
            logger.info("%s: %s (%s so far)", self._program, self.work.line(now), clock_time(now - self._begun))
        self._heard = now
        self._seconds = min(2 * self._seconds, LONGEST_SECONDS)
        return self._seconds

    def run(self) -> None:
        """Beat until `stop`."""
        while not self._stopped.wait(self.beat()):
            pass

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()


_hearts: list[Heart] = []  # of the commands that run in this process, the innermost last


@contextmanager
def alive(program: str) -> Iterator[None]:
    """Let `program`, a command as one types it, say what it does whenever it was silent for a while."""
    heart = Heart(program)
    thread = threading.Thread(target=heart.run, daemon=True)
    logging.getLogger().addHandler(heart)
    _hearts.append(heart)
    thread.start()
    try:
        yield
    finally:
        heart.stop()
        _hearts.remove(heart)
        logging.getLogger().removeHandler(heart)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Name what the block does, for a line in the log if it takes long."""
    with _at(Work(what)):
        yield


@contextmanager
def counted(
    what: str, unit: str, total: int | None = None, done: int = 0, stream: TextIO | None = None
) -> Iterator[Callable[[int, int | None], None]]:
    """Give the function to call with the number of things done since the last call, and of all things if it is new.

    what:   the sentence before the count
    stream: none takes the stderr of now, which need not be that of the import
    """
    work = Work(what, unit, total, done)
    stream = stream or sys.stderr

    def advance(things: int, of: int | None = None) -> None:
        work.total = of or work.total
        work.advance(things)

    if not stream.isatty():
        with _at(work):
            yield advance
        return
    with progress_bar(stream, desc=what, unit=f" {unit}", total=total, initial=done, leave=False) as bar:

        def draw(things: int, of: int | None = None) -> None:
            bar.total = of or bar.total
            bar.update(things)

        yield draw


@contextmanager
def progress_bar(stream: TextIO, **options: Any) -> Iterator[tqdm[Any]]:
    """A bar on a terminal, with tqdm's options; lines of the log appear above it."""
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    heart = _hearts[-1] if _hearts else Heart("")
    heart.bars += 1
    try:
        with logging_redirect_tqdm(), tqdm(file=stream, **options) as bar:
            yield bar
    finally:
        heart.bars -= 1


def clock_time(seconds: float) -> str:
    """`1:02:03` or `2:03` for a number of seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def _at(work: Work) -> Iterator[None]:
    if not _hearts:
        yield
        return
    heart = _hearts[-1]
    work.begun = heart.clock()
    before, heart.work = heart.work, work
    try:
        yield
    finally:
        heart.work = before

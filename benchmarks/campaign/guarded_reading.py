"""Reads damaged files in a process that may die, hang or swell, and says of each how the reading ended.

Of each file one of `OUTCOMES`, and in words what was raised. The child process reads one file after another; where
one ends it, that one is counted, and another child goes on with the next.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from command_line.run_command import one_line

OUTCOMES = {
    "refused": "one line that names the file",
    "unnamed": "one line that does not name the file",
    "harmless": "the same values",
    "other input": "other values, in a kind of file without a checksum",
    "silent": "other values, in a kind of file with a checksum",
    "traceback": "an error that is not the reader's own",
    "crash": "the process ended by a signal",
    "hang": "no answer within the time",
    "memory": "more memory than any such file needs",
}
SOUND = ("refused", "harmless", "other input")
SECONDS = 20
MEMORY = 1 << 30  # bytes beyond what the process has when it begins
REFUSALS = (ValueError, KeyError, OSError)  # what `command_line.run_command.run` makes one line of


class LeftOutError(Exception):
    """The reader gave its answer for a file that cannot be used; its command leaves that out by name."""


@dataclass(frozen=True)
class Reading:
    """How one reading is done.

    prepare: puts damaged file number n in its place; read: returns a digest of what is in it
    names:   of the file; a refusal has to say one
    whole:   the digest of the undamaged file
    checksum: whether the kind of file has one, so that other values may never be accepted
    """

    prepare: Callable[[int], object]
    read: Callable[[], str]
    names: tuple[str, ...]
    whole: str
    checksum: bool = False
    seconds: float = SECONDS
    memory: int = MEMORY


def read_all(reading: Reading, numbers: list[int]) -> Iterator[tuple[int, str, str]]:
    """Number, outcome and words for each of `numbers`, in their order."""
    while numbers:
        done = 0
        for number, outcome, words in _read_in_child(reading, numbers):
            yield number, outcome, words
            done += 1
        numbers = numbers[done:]


def _read_in_child(reading: Reading, numbers: list[int]) -> Iterator[tuple[int, str, str]]:
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        _child(reading, numbers, sink)
    os.close(sink)
    answered = 0
    with os.fdopen(source, encoding="utf-8") as answers:
        for line in answers:
            if not line.endswith("\n"):
                break
            outcome, words = json.loads(line)
            yield numbers[answered], outcome, words
            answered += 1
    _, status = os.waitpid(child, 0)
    if answered < len(numbers):
        code = os.waitstatus_to_exitcode(status)
        name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        yield numbers[answered], "hang" if code == -signal.SIGALRM else "crash", name


def _child(reading: Reading, numbers: list[int], sink: int) -> NoReturn:
    try:
        _limit(reading.memory)
        for number in numbers:
            reading.prepare(number)
            signal.setitimer(signal.ITIMER_REAL, reading.seconds)
            answer = _outcome(reading)
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.write(sink, (json.dumps(answer) + "\n").encode())
    finally:
        os._exit(0)


def _limit(memory: int) -> None:
    """Quiet, without core files, and with `memory` bytes more than now."""
    faulthandler.disable()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123
        pages = int(statm.read().split()[0])
    most = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _outcome(reading: Reading) -> tuple[str, str]:
    try:
        found = reading.read()
    except LeftOutError:
        return "refused", ""
    except MemoryError as error:
        return "memory", _words(error)
    except REFUSALS as error:
        said = any(name in one_line(error) for name in reading.names)
        return ("refused", "") if said else ("unnamed", _words(error))
    except BaseException as error:  # whatever it is: the user would see its traceback
        return "traceback", _words(error)
    if found == reading.whole:
        return "harmless", ""
    return ("silent" if reading.checksum else "other input"), ""


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error)}"[:200]

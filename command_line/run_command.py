"""One way to run a command: parse, configure logging, call, and turn the user's mistakes into one line."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Protocol

from command_line.layers import missing_layer
from command_line.terminal.progress import alive
from command_line.terminal.terminal_text import make_output_readable

DONE, AT_FAULT, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130

NO_MEMORY = (
    "expected more memory than this process may have; close other programs, or run it where there is more (`ulimit -v`"
    " shows a limit)"
)
NO_FILES = "expected to open more files than this process may; raise the limit (`ulimit -n` shows it) and run again"
# MindSpore, torch, C++ and the dynamic linker.
_MEMORY_TEXT = re.compile(
    r"[Aa]llocat\w+ .*memory failed|[Cc]an(no|')t allocate memory|[Mm]emory not enough|bad_alloc|failed to map segment"
)
_FILES_TEXT = re.compile(r"[Tt]oo many open files")

Command = Callable[[argparse.Namespace], int]


def add_debug_option(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option that shows the traceback behind an error."""
    parser.add_argument("--debug", action="store_true", help="show the traceback behind an error")


class Subcommand(Protocol):
    """A module that adds its command to a parser."""

    def configure(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the command, its options and its function."""


def command_parser(program: str, description: str, commands: Iterable[Subcommand]) -> argparse.ArgumentParser:
    """The parser of `program` (as one types it) with one subcommand for each of `commands`."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in commands:
        command.configure(subparsers)
    for subparser in subparsers.choices.values():
        add_debug_option(subparser)
        subparser.set_defaults(typed=subparser.prog)
    return parser


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Parse `argv`, call the chosen command and return the exit status.

    Every subparser names its function with ``set_defaults(run=function)``; the function takes the parsed
    arguments and returns 0 (done) or 1 (the data or the work is at fault). ``ValueError``, ``KeyError``
    and ``OSError`` are the user's doing and become one line on stderr; anything else is ours and is raised.
    What is silent for a while says what it does, but for one that sets ``serves``: it waits for others.
    A library that no installed layer brings, and memory or open files that are not there, are one line too. Wrong usage
    leaves through argparse with status 2.
    """
    make_output_readable()
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    command: Command = arguments.run
    try:
        with nullcontext() if getattr(arguments, "serves", False) else alive(_program(parser, arguments)):
            status = command(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt as stop:  # a command that is left in another state says so in it
        kept = one_line(stop) if stop.args else "what was finished is kept, the same command goes on from there"
        print(f"interrupted: {kept}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # `inspect … | head` closes our output early: not a fault. Keep the interpreter's own flush quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except ModuleNotFoundError as error:
        sentence = missing_layer(error)
        if sentence is None or getattr(arguments, "debug", False):
            raise
        print(f"error: {sentence}", file=sys.stderr)
        return AT_FAULT
    except (MemoryError, ImportError, RuntimeError) as error:
        sentence = lacking_resource(error)
        if sentence is None or getattr(arguments, "debug", False):
            raise
        print(f"error: {sentence}", file=sys.stderr)
        return AT_FAULT
    except (ValueError, KeyError, OSError) as error:
        if getattr(arguments, "debug", False):
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        return AT_FAULT
    return status


def _program(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """The command as one types it: `star check`."""
    return str(getattr(arguments, "typed", parser.prog))


def one_line(error: BaseException) -> str:
    """The message of `error` without line breaks (a KeyError's without its quotes)."""
    if isinstance(error, KeyError) and len(error.args) == 1:
        text = str(error.args[0])
    elif isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__


def lacking_resource(error: BaseException) -> str | None:
    """What to say of `error` (MemoryError, ImportError, RuntimeError); None where nothing was lacking."""
    text = str(error)
    if isinstance(error, MemoryError) or _MEMORY_TEXT.search(text):
        return NO_MEMORY
    return NO_FILES if _FILES_TEXT.search(text) else None

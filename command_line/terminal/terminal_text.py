"""Text for terminals and pipes of any encoding: what an encoding lacks is said in ASCII, and never a failure."""

from __future__ import annotations

import codecs
import io
import sys

HANDLER = "star-readable"

# Of what the commands say; anything else that an encoding lacks is written as its escape, \u2190.
READABLE = {
    "→": "->",
    "←": "<-",
    "↔": "<->",
    "…": "...",
    "–": "-",  # noqa: RUF001 (the dash itself)
    "—": "-",
    "−": "-",  # noqa: RUF001 (the minus sign itself)
    "×": "x",  # noqa: RUF001 (the sign itself)
    "·": ".",
    "•": "*",
    "±": "+/-",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "≈": "~",
    "²": "^2",
    "°": " degrees",
    "π": "pi",
    "α": "alpha",  # noqa: RUF001 (the letter itself)
    "‘": "'",  # noqa: RUF001
    "’": "'",  # noqa: RUF001
    "“": '"',
    "”": '"',
    "‹": "<",  # noqa: RUF001
    "›": ">",  # noqa: RUF001
    "█": "#",
}


def _readable(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that could not be encoded (a codec error handler)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    escaped = (READABLE.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lacking)
    return "".join(escaped), error.end


def make_output_readable() -> None:
    """Let stdout and stderr write any text, whatever their encoding: what it lacks becomes readable ASCII.

    Names of files that are not UTF-8 reach Python as lone surrogates; they become their escapes.
    """
    codecs.register_error(HANDLER, _readable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)

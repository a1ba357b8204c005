"""What is wrong with a data set: errors and warnings, collected, or raised at the first error."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Literal

# One broken export can break every line of a file; this many errors of one kind and file are enough to see it.
ERROR_LIMIT = 20
EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One fault, or one kind of noise with its number of cases.

    severity: `error` (the data set cannot be used as it is) or `warning` (known noise, the run goes on)
    code:     short name of the kind, such as `missing-frames`
    message:  one line: where, what was expected, what was found, what to do
    count:    number of cases behind the message
    examples: the first few cases
    """

    severity: Literal["error", "warning"]
    code: str
    message: str
    count: int = 1
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The finding as one line of text."""
        text = f"{self.severity}: {self.message}"
        if not self.examples:
            return text
        more = ", …" if self.count > len(self.examples) else ""
        return f"{text}: {', '.join(self.examples)}{more}"


def show_name(text: str) -> str:
    r"""Text with names of files as it can be printed on one line: `\xff` for bytes that are not UTF-8, `\n`."""
    try:
        decoded = os.fsencode(text).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character that stood in a JSON file, not in a name
        decoded = text.encode("utf-8", "backslashreplace").decode()
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in decoded)


class Findings:
    """Collects findings; with ``strict`` the first error is raised instead (what a reader wants).

    Of one code and file at most ``limit`` errors are kept; the others are counted.
    """

    def __init__(self, *, strict: bool = False, limit: int = ERROR_LIMIT) -> None:
        self._strict = strict
        self._limit = limit
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def errors(self) -> int:
        """Number of errors so far, those beyond the limit included."""
        return self._counts.total()

    def error(self, code: str, place: str, message: str, kind: type[Exception] = ValueError) -> None:
        """Add an error at ``place`` (a file); ``message`` starts with it. Strict: raise ``kind(message)``."""
        if self._strict:
            raise kind(message)
        place = show_name(place)
        self._counts[code, place] += 1
        if self._counts[code, place] <= self._limit:
            self._kept.append(Finding("error", code, show_name(message)))

    def warning(self, code: str, message: str, cases: list[str]) -> None:
        """Add a warning about all ``cases``, of which the first few are shown; nothing without cases."""
        if cases:
            examples = tuple(show_name(case) for case in cases[:EXAMPLES])
            self._kept.append(Finding("warning", code, show_name(message), len(cases), examples))

    def collected(self) -> tuple[Finding, ...]:
        """Errors, then warnings, each in the order they were found."""
        hidden = [
            Finding(
                "error",
                code,
                f"{place}: {count - self._limit} more errors of this kind",
                count - self._limit,
            )
            for (code, place), count in self._counts.items()
            if count > self._limit
        ]
        errors = [finding for finding in self._kept if finding.severity == "error"]
        warnings = [finding for finding in self._kept if finding.severity == "warning"]
        return (*errors, *hidden, *warnings)

"""The lines of the data set's text files, before anybody looks at what they say."""

from __future__ import annotations

from pathlib import Path

from pipeline.findings import Findings
from pipeline.root_boundary import outside_message, resolve_inside, resolve_root

SHOWN = 60


def quote(text: str) -> str:
    """``text`` in quotes, in ASCII, and not longer than a message bears."""
    return ascii(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def read_lines(file: Path, root: Path, findings: Findings) -> list[str] | None:
    """The lines of ``file``, which lies below ``root``; None after an error.

    LF and CRLF ends are accepted, the last line needs none, and blanks at the end of a line and blank lines at
    the end of the file do not count. Bytes become characters one to one (Latin-1), so that a line which is not
    ASCII can be refused with its number. Errors: no file, no regular file, a link out of the root, no content.
    """
    place = str(file)
    real_root = resolve_root(root)
    if not file.exists():
        remedy = "copy it from the data set's archive"
        findings.error("missing-file", place, f"{file}: expected this file, found nothing; {remedy}", FileNotFoundError)
        return None
    real = resolve_inside(real_root, file.relative_to(root).as_posix())
    if real is None:
        findings.error("outside-root", place, outside_message(file, real_root))
        return None
    if not file.is_file():
        findings.error("missing-file", place, f"{file}: expected a text file, found a folder or device; replace it")
        return None
    lines = [line.rstrip(" \t\r") for line in Path(real).read_bytes().decode("latin-1").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        remedy = "copy it again from the data set's archive"
        findings.error("empty-file", place, f"{file}:1: expected at least one line, got an empty file; {remedy}")
        return None
    return lines

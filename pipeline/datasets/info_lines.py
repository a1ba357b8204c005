"""The data set's own text files, before anybody looks at what they say: bytes and lines."""

from __future__ import annotations

from pathlib import Path

from pipeline.datasets.findings import Findings
from pipeline.datasets.root_boundary import outside_message, resolve_inside, resolve_root

SHOWN = 60
MOST_BYTES = 1 << 28  # the longest text file of a known data set has some 5 MB


def quote(text: str) -> str:
    """``text`` in quotes, in ASCII, and not longer than a message bears."""
    return ascii(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def read_content(file: Path, root: Path, findings: Findings, most: int = MOST_BYTES) -> bytes | None:
    """The bytes of ``file``, which lies below ``root``; None after an error.

    Errors: no file, no regular file, a link out of the root, more than ``most`` bytes.
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
    size = Path(real).stat().st_size
    if size > most:
        wanted = f"at most {most:,} bytes, more than any such file of a data set has"
        findings.error("huge-file", place, f"{file}: expected {wanted}, got {size:,}; replace it by the archive's")
        return None
    return Path(real).read_bytes()


def read_lines(file: Path, root: Path, findings: Findings) -> list[str] | None:
    """The lines of ``file``, which lies below ``root``; None after an error.

    LF and CRLF ends are accepted, the last line needs none, and blanks at the end of a line and blank lines at
    the end of the file do not count. Bytes become characters one to one (Latin-1), so that a line which is not
    ASCII can be refused with its number. Errors: those of `read_content`, no content.
    """
    content = read_content(file, root, findings)
    if content is None:
        return None
    place = str(file)
    lines = [line.rstrip(" \t\r") for line in content.decode("latin-1").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        remedy = "copy it again from the data set's archive"
        findings.error("empty-file", place, f"{file}:1: expected at least one line, got an empty file; {remedy}")
        return None
    return lines

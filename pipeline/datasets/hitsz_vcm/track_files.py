"""The grammar of HITSZ-VCM's text files: frame names, track rows, query rows.

Sources: the data set's README and public loaders. Names and rows are counted from 1 in the files and from 0
here; the label of a frame comes from its row, the path from its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import JUNK, Modality, Tracks
from pipeline.datasets.findings import Findings
from pipeline.datasets.info_lines import quote, read_lines

JUNK_NAME = "00-1"  # as MARS writes it
STEM = rf"([0-9]{{4}}|{JUNK_NAME})M([12])D([0-9]{{1,5}})T([0-9]{{1,9}})F([0-9]{{1,9}}"
NAME = re.compile(rf"{STEM}(?i:\.jpe?g))")
OTHER_NAME = re.compile(rf"{STEM})(\.[0-9A-Za-z]{{1,9}})")
NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
FOLDERS = {"1": "ir", "2": "rgb"}
LAST_PERSON = 9999
LAST_CAMERA = int(np.iinfo(np.int16).max)
EXAMPLE_NAME = "a name such as 0001M2D3T1F1.jpg (person M1|M2 D camera T track F frame)"
EXAMPLE_ROW = "five integers 'modality start end person camera' such as '2 1 24 0001 3'"


@dataclass(frozen=True, eq=False)
class FrameNames:
    """What a name file says, in its order.

    paths:    N frame paths, posix, relative to the data set's root
    person:   (frame,) int32
    modality: (frame,) uint8, a `Modality`
    camera:   (frame,) int16
    """

    paths: tuple[str, ...]
    person: NDArray[np.int32]
    modality: NDArray[np.uint8]
    camera: NDArray[np.int16]

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self.paths)


def _name_fault(line: str) -> str:
    got = quote(line)
    if not line:
        return f"expected {EXAMPLE_NAME}, got a blank line; remove it"
    if not line.isascii():
        return f"expected {EXAMPLE_NAME} in ASCII, got other bytes in {got}; correct the name"
    if "/" in line or "\\" in line or ".." in line:
        return f"expected {EXAMPLE_NAME} without folders, got {got}, which could leave the root; correct the name"
    return f"expected {EXAMPLE_NAME}, got {got}; correct the name"


def read_names(file: Path, root: Path, prefix: str, findings: Findings) -> tuple[FrameNames | None, int]:
    """Read a name file; ``prefix`` ('Train/', 'Test/' or '') comes before every path.

    Returns the names, or None after an error, and the number of lines, which track rows are held against.
    Every faulty line is an error that names file and line; all names of other pictures than JPEG are one error.
    """
    before = findings.errors
    lines = read_lines(file, root, findings)
    if lines is None:
        return None, 0
    paths: list[str] = []
    labels = np.zeros((3, len(lines)), np.int32)
    others: list[int] = []
    for row, line in enumerate(lines):
        match = NAME.fullmatch(line)
        if match is None and OTHER_NAME.fullmatch(line):
            others.append(row)
            continue
        if match is None:
            findings.error("bad-name", str(file), f"{file}:{row + 1}: {_name_fault(line)}")
            continue
        person, modality, camera, _, frame = match.groups()
        number = int(camera)
        if not 1 <= number <= LAST_CAMERA:
            message = f"{file}:{row + 1}: expected camera 1…{LAST_CAMERA}, got {quote(line)}; correct the name"
            findings.error("bad-name", str(file), message)
            continue
        paths.append(f"{prefix}{person}/{FOLDERS[modality]}/D{camera}/{frame}")
        labels[:, row] = _person_number(person), int(modality), number
    if others:
        _refuse_other_kinds(file, lines, others, findings)
    if findings.errors > before:
        return None, len(lines)
    person_of, modality_of, camera_of = labels
    names = FrameNames(tuple(paths), person_of, modality_of.astype(np.uint8), camera_of.astype(np.int16))
    return names, len(lines)


def _person_number(text: str) -> int:
    """1…9999, 0 for a distractor, −1 for junk (`pipeline.datasets.distractors`)."""
    return JUNK if text == JUNK_NAME else int(text)


def _refuse_other_kinds(file: Path, lines: Sequence[str], rows: Sequence[int], findings: Findings) -> None:
    """Add one error for all names, at ``rows``, that are right but for the kind of picture at their end."""
    endings = sorted({f".{lines[row].rpartition('.')[2]}" for row in rows})
    findings.error(
        "other-kind",
        str(file),
        f"{file}: expected names of JPEG frames (.jpg, .jpeg), got {len(rows)} of {len(lines)} that end in"
        f" {', '.join(endings)}, the first on line {rows[0] + 1}: {quote(lines[rows[0]])}; convert these frames to"
        " JPEG, and let the names say so",
    )


def _row_fault(line: str, names: int | None) -> str | None:
    """What is wrong with one track row, None when nothing is; ``names`` is the length of the name file."""
    if not line:
        return f"expected {EXAMPLE_ROW}, got a blank line; remove it"
    fields = _row_fields(line)
    if not line.isascii() or len(fields) != 5 or not all(NUMBER.fullmatch(field) for field in fields):
        return f"expected {EXAMPLE_ROW}, got {quote(line)}; correct the row"
    modality, start, end, person, camera = (int(field) for field in fields)
    last = names if names is not None else np.iinfo(np.int64).max
    for wrong, expected, got in (
        (modality not in set(Modality), "modality 1 (infrared) or 2 (visible)", modality),
        (start < 1, "start of 1 or more (lines are counted from 1)", start),
        (end < start, f"end of {start} (its start) or more", end),
        (end > last, f"end within the {names} lines of the name file", end),
        (not JUNK <= person <= LAST_PERSON, f"person 1…{LAST_PERSON}, 0 (distractor) or -1 (junk)", person),
        (not 1 <= camera <= LAST_CAMERA, f"camera 1…{LAST_CAMERA}", camera),
    ):
        if wrong:
            return f"expected {expected}, got {got} in {quote(line)}; correct the row"
    return None


def _row_fields(line: str) -> list[str]:
    """The words of a row; the person's may be written as in the names."""
    return [str(JUNK) if place == 3 and field == JUNK_NAME else field for place, field in enumerate(line.split())]


def read_tracks(file: Path, root: Path, names: int | None, findings: Findings) -> Tracks | None:
    """Read a track file whose name file has ``names`` lines (None: unknown, ends are not held against it).

    Returns the tracks in the file's order, ranges 0-based and half-open, or None after an error. Errors: rows
    against the grammar, numbers out of range, rows that overlap.
    """
    before = findings.errors
    lines = read_lines(file, root, findings)
    if lines is None:
        return None
    rows: list[list[int]] = []
    for number, line in enumerate(lines, 1):
        fault = _row_fault(line, names)
        if fault is not None:
            findings.error("bad-row", str(file), f"{file}:{number}: {fault}")
        else:
            rows.append([int(field) for field in _row_fields(line)])
    if findings.errors > before:
        return None
    modality, start, end, person, camera = np.array(rows, np.int64).T
    _refuse_overlap(file, start, end, findings)
    if findings.errors > before:
        return None
    return Tracks(person.astype(np.int32), camera.astype(np.int16), modality.astype(np.uint8), start - 1, end.copy())


def _refuse_overlap(file: Path, start: NDArray[np.int64], end: NDArray[np.int64], findings: Findings) -> None:
    """Add an error for every row that begins before an earlier one (by start) has ended."""
    order = np.argsort(start, kind="stable")
    reach = np.maximum.accumulate(end[order])
    holder = order[np.searchsorted(reach, reach)]  # the row whose end is the furthest so far
    for place in np.flatnonzero(start[order][1:] <= reach[:-1]):
        row, other = int(order[place + 1]), int(holder[place])
        findings.error(
            "overlap",
            str(file),
            f"{file}:{row + 1}: expected lines of the name file that no other row has, got {start[row]}…{end[row]},"
            f" which overlaps {start[other]}…{end[other]} of line {other + 1}; correct one of the two rows",
        )


def read_query_rows(file: Path, root: Path, tracks: int | None, findings: Findings) -> NDArray[np.int64] | None:
    """Read the query list: rows of the test split's ``tracks`` (None: unknown), on one line or several.

    Returns (query,) int64, 0-based rows in the file's order, or None after an error. Errors: what is no whole
    number, a row out of range or listed twice.
    """
    before = findings.errors
    lines = read_lines(file, root, findings)
    if lines is None:
        return None
    last = tracks if tracks is not None else np.iinfo(np.int64).max
    seen: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        # Split at ASCII blanks only: what is no number may then be shown as it stands.
        for field in re.split(r"[ \t]+", line.strip(" \t")) if line else ():
            row = int(field) if NUMBER.fullmatch(field) else 0
            if not 1 <= row <= last:
                wanted = f"a row 1…{tracks} of the test tracks" if tracks is not None else "a row of 1 or more"
                fault = f"expected {wanted}, got {quote(field)}; rows are counted from 1"
            elif row in seen:
                fault = f"expected every row once, got {row} again (first on line {seen[row]}); remove one"
            else:
                seen[row] = number
                continue
            findings.error("bad-query", str(file), f"{file}:{number}: {fault}")
    return None if findings.errors > before else np.array(list(seen), np.int64) - 1

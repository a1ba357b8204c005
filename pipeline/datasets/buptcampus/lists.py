"""The lists of BUPTCampus: rows `person modality camera track`, where `RGB/IR` names two tracks at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_cache.contract.records import Modality
from pipeline.datasets.buptcampus.layout import FRAMES
from pipeline.datasets.buptcampus.paths import MODALITIES, NAME, PERSON, DataPaths
from pipeline.datasets.findings import Findings
from pipeline.datasets.info_lines import quote, read_lines

EXAMPLE = "a row 'person modality camera track' such as '17 RGB/IR CQ1 1'"
BOTH = "RGB/IR"

TrackKey = tuple[str, str, str, str]  # person, `IR` or `RGB`, camera, track: as `data_paths.json` has them


@dataclass(frozen=True)
class ListedTrack:
    """One track that a list names.

    key:    where it stands in `data_paths.json`
    number: line of the list, from 1
    frames: its paths, posix, relative to the data set's root
    """

    file: Path
    number: int
    key: TrackKey
    frames: tuple[str, ...]

    @property
    def person(self) -> int:
        """The person's number."""
        return int(self.key[0])

    @property
    def modality(self) -> Modality:
        """Infrared or visible."""
        return MODALITIES[self.key[1]]


def read_list(file: Path, root: Path, paths: DataPaths, findings: Findings) -> list[ListedTrack] | None:
    """Read one list; None after an error.

    Tracks come in the order of the rows, of `RGB/IR` the infrared one first. Errors, each with file and line: rows
    against the grammar, tracks that ``paths`` does not have or whose frames are none or no plain paths, a track twice.
    """
    before = findings.errors
    lines = read_lines(file, root, findings)
    if lines is None:
        return None
    found: dict[TrackKey, ListedTrack] = {}
    for number, line in enumerate(lines, 1):
        for key in _parse_row(file, number, line, findings):
            frames = _find_frames(paths, key)
            if isinstance(frames, str):
                findings.error("bad-track", str(file), f"{file}:{number}: {frames}")
            elif key in found:
                message = f"expected every track once, got {' '.join(key)} again (first on line {found[key].number})"
                findings.error("repeated-track", str(file), f"{file}:{number}: {message}; remove one")
            else:
                found[key] = ListedTrack(file, number, key, frames)
    return None if findings.errors > before else list(found.values())


def _parse_row(file: Path, number: int, line: str, findings: Findings) -> list[TrackKey]:
    """The tracks that a row names; none after an error."""
    fields = re.split(r"[ \t]+", line.lstrip(" \t"))
    if not line:
        fault = f"expected {EXAMPLE}, got a blank line; remove it"
    elif len(fields) != 4 or not all(NAME.fullmatch(field) for field in fields):
        fault = f"expected {EXAMPLE}, got {quote(line)}; correct the row"
    elif not PERSON.fullmatch(fields[0]):
        fault = f"expected a person's number, got {quote(fields[0])} in {quote(line)}; correct the row"
    elif fields[1] != BOTH and fields[1] not in MODALITIES:
        wanted = f"{', '.join(MODALITIES)} or {BOTH}"
        fault = f"expected the modality {wanted}, got {quote(fields[1])} in {quote(line)}; correct the row"
    else:
        person, modality, camera, track = fields
        return [(person, name, camera, track) for name in (MODALITIES if modality == BOTH else (modality,))]
    findings.error("bad-row", str(file), f"{file}:{number}: {fault}")
    return []


def _find_frames(paths: DataPaths, key: TrackKey) -> tuple[str, ...] | str:
    """The frames of a track below the root, or what is wrong with it."""
    level: Any = paths.tracks
    names = ("person", "modality", "camera", "track")
    for depth, (name, part) in enumerate(zip(names, key, strict=True)):
        if part not in level:
            known = ", ".join(quote(other) for other in list(level)[:5]) if depth else ""
            had = f" (there are {known})" if known else ""
            wanted = f"a track of {paths.file.name}"
            return f"expected {wanted}, got {' '.join(key)}, whose {name} {part} it does not have{had}; correct the row"
        level = level[part]
    if not level:
        return f"expected a track with frames in {paths.file.name}, got {' '.join(key)} with none; remove the row"
    for frame in level:
        if not _is_plain(frame):
            shown = quote(frame) if isinstance(frame, str) else type(frame).__name__
            return (
                f"expected plain paths below {FRAMES}/ for {' '.join(key)} in {paths.file.name}, with / between their"
                f" parts and no '..', got {shown}; correct {paths.file.name}"
            )
    return tuple(f"{FRAMES}/{frame}" for frame in level)


def _is_plain(path: object) -> bool:
    """Whether a path stays below the folder it is joined to, whatever it is."""
    if not isinstance(path, str) or not path.isprintable() or "\\" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))

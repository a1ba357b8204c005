"""`data_paths.json` of BUPTCampus: person → modality → camera → track → the paths of its frames, below DATA/."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from command_line.json_data import parse_json
from data_cache.contract.records import Modality
from pipeline.datasets.findings import Findings
from pipeline.datasets.info_lines import quote, read_content

# Twice what 1.8 million frames of some 35 bytes and a deep indentation take; JSON grows in memory some twentyfold.
MOST_BYTES = 1 << 28
MOST_CAMERAS = (1 << 15) - 1  # a track keeps its camera as int16
PERSON = re.compile(r"[0-9]{1,9}|-1")  # -1 is junk
NAME = re.compile(r"[!-~]{1,64}")  # what one field of a list can hold
MODALITIES = MappingProxyType({"IR": Modality.INFRARED, "RGB": Modality.VISIBLE})
GENERATED = "FakeIR"  # infrared frames that a network of the authors made of the visible ones: not read
REMEDY = "copy the file again from the data set's archive"


@dataclass(frozen=True, eq=False)
class DataPaths:
    """What the file holds, structure checked, single paths not yet.

    tracks: person → `IR` or `RGB` → camera → track → paths of its frames, posix, relative to DATA/
    """

    file: Path
    tracks: dict[str, dict[str, dict[str, dict[str, list[Any]]]]]

    @cached_property
    def cameras(self) -> dict[str, int]:
        """Camera name → number: all names of the file in ASCII order, counted from 1."""
        names = {camera for person in self.tracks.values() for cameras in person.values() for camera in cameras}
        return {name: number for number, name in enumerate(sorted(names), 1)}

    def describe_cameras(self) -> str:
        """The numbers of the cameras for people: `1 CQ1, 2 G25`."""
        return ", ".join(f"{number} {name}" for name, number in self.cameras.items())


class _Repeated(dict[str, Any]):
    """A JSON object with a key twice, which JSON allows and which hides what stood there first."""

    key = ""


def _keep_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    marked = _Repeated(found)
    seen: set[str] = set()
    marked.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return marked


def read_data_paths(file: Path, root: Path, findings: Findings) -> DataPaths | None:
    """Read the file; None after an error.

    Errors, each with its place in the file: no or a huge file, no JSON, other types than told above, a key twice,
    persons that are no numbers or have the same, other modalities, names with blanks, too many cameras.
    """
    before = findings.errors
    content = read_content(file, root, findings, MOST_BYTES)
    if content is None:
        return None
    try:
        persons = parse_json(content, _keep_repeated)
    except json.JSONDecodeError as error:
        message = f"{file}:{error.lineno}: expected JSON, got none ({error.msg} in column {error.colno}); {REMEDY}"
        findings.error("bad-json", str(file), message)
        return None
    except ValueError as error:
        findings.error("bad-json", str(file), f"{file}: expected JSON in UTF-8, got other bytes ({error}); {REMEDY}")
        return None
    _check_persons(file, persons, findings)
    if findings.errors > before:
        return None
    kept = {key: {name: found[name] for name in MODALITIES if name in found} for key, found in persons.items()}
    paths = DataPaths(file, kept)
    if len(paths.cameras) > MOST_CAMERAS:
        message = f"{file}: expected at most {MOST_CAMERAS} names of cameras, got {len(paths.cameras)}; {REMEDY}"
        findings.error("bad-camera", str(file), message)
        return None
    return paths


def _check_persons(file: Path, persons: Any, findings: Findings) -> None:
    if not _check_object(file, "", persons, "persons", findings):
        return
    numbers: dict[int, str] = {}
    for person, modalities in persons.items():
        if not PERSON.fullmatch(person):
            message = f"{file}: expected a person's number such as '17', got {quote(person)}; {REMEDY}"
            findings.error("bad-person", str(file), message)
            continue
        other = numbers.setdefault(int(person), person)
        if other != person:
            message = f"{file}: expected every person once, got {person!r} beside {other!r}; {REMEDY}"
            findings.error("bad-person", str(file), message)
        if _check_object(file, f"person {person}", modalities, "modalities", findings):
            for modality, cameras in modalities.items():
                _check_modality(file, person, modality, cameras, findings)


def _check_modality(file: Path, person: str, modality: str, cameras: Any, findings: Findings) -> None:
    """Check the objects below person and modality; the paths of a track are looked at when a list names it."""
    place = f"person {person}, {modality}"
    if modality not in MODALITIES and modality != GENERATED:
        message = f"person {person}: expected {', '.join(MODALITIES)} or {GENERATED}, got {quote(modality)}"
        findings.error("bad-modality", str(file), f"{file}: {message}; {REMEDY}")
        return
    if not _check_object(file, place, cameras, "cameras", findings):
        return
    for camera, tracks in cameras.items():
        if not NAME.fullmatch(camera):
            message = f"{file}: {place}: expected camera names without blanks, got {quote(camera)}; {REMEDY}"
            findings.error("bad-camera", str(file), message)
        elif _check_object(file, f"{place}, camera {camera}", tracks, "tracks", findings):
            for track, paths in tracks.items():
                if not NAME.fullmatch(track) or not isinstance(paths, list):
                    got = f"{quote(track)}: {type(paths).__name__}"
                    message = f"{file}: {place}, camera {camera}: expected a track with a list of paths, got {got}"
                    findings.error("bad-track", str(file), f"{message}; {REMEDY}")


def _check_object(file: Path, place: str, value: Any, of: str, findings: Findings) -> bool:
    where = f"{file}: {place}: " if place else f"{file}: "
    if not isinstance(value, dict):
        findings.error(
            "bad-json", str(file), f"{where}expected an object of {of}, got {type(value).__name__}; {REMEDY}"
        )
        return False
    if isinstance(value, _Repeated):
        message = f"{where}expected every key once, got {quote(value.key)} twice; {REMEDY}"
        findings.error("repeated-key", str(file), message)
        return False
    return True

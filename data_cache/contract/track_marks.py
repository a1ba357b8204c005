"""Tracks that somebody marked: a JSON list that the viewer saves and that training leaves out (`data.exclude`).

Each mark repeats who its track is and the path of its first frame, so that a list made for other tracks is noticed
instead of leaving out the wrong ones.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from command_line.json_data import parse_json
from command_line.settings_file import build_settings
from data_cache.contract.records import Modality
from data_cache.files.published_file import publish_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.records import Tracks

FORMAT, VERSION = "star-reid.marks", 1
MAX_BYTES = 32 << 20  # of a list: every track of HITSZ-VCM's larger split with the longest note takes 16 MiB
MAX_NOTE = 500  # characters
_AGAIN = "save the list again with `star view`"


@dataclass(frozen=True)
class TrackMark:
    """One marked track.

    track:       row of /tracks, from 0
    person, camera, modality, first_frame: those of that row, as they were when it was marked
    note:        why, on one line

    Raises ValueError for a negative row, an empty path, or a note that is too long or has line breaks.
    """

    track: int
    person: int
    camera: int
    modality: Literal["infrared", "visible"]
    first_frame: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.track < 0:
            raise ValueError(f"track: expected a row of /tracks, from 0 on, got {self.track}")
        if not self.first_frame:
            raise ValueError("first_frame: expected the path of the track's first frame, got an empty one")
        check_note(self.note)


def check_note(note: str) -> None:
    """Raise ValueError unless `note` is at most `MAX_NOTE` printable characters on one line."""
    if len(note) > MAX_NOTE or not note.isprintable():
        found = f"{len(note)} characters" if note.isprintable() else f"{note[:40]!r}"
        raise ValueError(f"note: expected at most {MAX_NOTE} printable characters on one line, got {found}")


@dataclass(frozen=True)
class TrackMarks:
    """Marked tracks of one split.

    dataset, split: as in the cache file the tracks are of
    tracks:         each at most once; kept in the order of their rows
    source:         what errors name: the file it was read from

    Raises ValueError for a track that is there twice.
    """

    dataset: str
    split: Literal["train", "test"]
    tracks: tuple[TrackMark, ...] = ()
    source: str = field(default="marks", compare=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.tracks, key=lambda mark: mark.track))
        for mark, following in pairwise(ordered):
            if mark.track == following.track:
                raise ValueError(f"tracks: expected every track once, got track {mark.track} twice")
        object.__setattr__(self, "tracks", ordered)

    def check_split(self, dataset: str, split: str) -> None:
        """Raise ValueError unless the list is about this data set and split."""
        if (self.dataset, self.split) != (dataset, split):
            raise ValueError(
                f"{self.source}: expected marks of {dataset} {split}, got those of {self.dataset} {self.split};"
                " name the list of that split"
            )

    def rows_in(self, tracks: Tracks, paths: Sequence[str]) -> NDArray[np.int64]:
        """Return the marked rows of `tracks`, ascending: (n,) int64. Only first frames are looked up in `paths`.

        Raises ValueError for a row that is not there or is another track than the one that was marked; whether
        data set and split fit is for `check_split`.
        """
        for mark in self.tracks:
            if mark.track >= len(tracks):
                raise ValueError(
                    f"{self.source}: track {mark.track}: expected a row in 0…{len(tracks) - 1}; it was marked in"
                    f" another file, {_AGAIN}"
                )
            found = mark_track(mark.track, tracks, paths)
            for name in ("person", "camera", "modality", "first_frame"):
                if getattr(found, name) != getattr(mark, name):
                    raise ValueError(
                        f"{self.source}: track {mark.track}: expected {name} {getattr(found, name)!r} as in the cache,"
                        f" got {getattr(mark, name)!r}; it was marked in another file, {_AGAIN}"
                    )
        return np.array([mark.track for mark in self.tracks], np.int64)


def mark_track(track: int, tracks: Tracks, paths: Sequence[str], note: str = "") -> TrackMark:
    """Return the mark for row `track`; ValueError for a bad note."""
    modality: Literal["infrared", "visible"] = (
        "infrared" if int(tracks.modality[track]) == Modality.INFRARED else "visible"
    )
    first = paths[int(tracks.start[track])]
    return TrackMark(track, int(tracks.person[track]), int(tracks.camera[track]), modality, first, note)


def read_marks(path: Path) -> TrackMarks:
    """Read the list `path`.

    Raises FileNotFoundError when there is none, ValueError naming file, key, expected and found for anything that
    is not such a list.
    """
    return parse_marks(read_bounded(path), str(path))


def parse_marks(content: bytes, source: str) -> TrackMarks:
    """Return the list that the bytes of a file are; errors as `read_marks`, naming `source`."""
    try:
        values: Any = parse_json(content)
    except ValueError as error:
        raise ValueError(f"{source}: expected a marks list (JSON), got something else ({error}); {_AGAIN}") from None
    named = values.pop("format", None) if isinstance(values, dict) else None
    if named != FORMAT:
        raise ValueError(f"{source}: format: expected {FORMAT!r}, got {_shown(named)}; name a marks list")
    version = values.pop("version", None)
    if version != VERSION or isinstance(version, bool):
        raise ValueError(
            f"{source}: version: expected {VERSION}, got {_shown(version)}; update this program or {_AGAIN}"
        )
    if "source" in values:
        raise ValueError(f"{source}: unknown key 'source'; known keys are format, version, dataset, split, tracks")
    marks = build_settings(values, TrackMarks, source)
    return TrackMarks(marks.dataset, marks.split, marks.tracks, source)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_bounded(path: Path) -> bytes:
    """Return the bytes of a list, at most `MAX_BYTES`; errors as `read_marks` for what cannot be one."""
    try:
        # Not blocking, so that a pipe under this name cannot hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such marks list; {_AGAIN}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path}: expected a marks list (JSON), got a folder or device; name a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path}: expected a marks list of at most {MAX_BYTES >> 20} MiB, got a larger file")
    return content


def marks_bytes(marks: TrackMarks) -> bytes:
    """Return the file's content: JSON in UTF-8 with a line for each mark, so that versions compare line by line."""
    head = {"format": FORMAT, "version": VERSION, "dataset": marks.dataset, "split": marks.split}
    lines = ",\n  ".join(json.dumps(asdict(mark), ensure_ascii=False) for mark in marks.tracks)
    listed = f"[\n  {lines}\n ]" if lines else "[]"
    opening = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    return f'{opening},\n "tracks": {listed}\n}}\n'.encode()


def write_marks(path: Path, marks: TrackMarks) -> None:
    """Write the list whole or not at all; OSError with a remedy, OutputBusyError while another run writes it."""
    with publish_files(path) as (file,):
        file.write(marks_bytes(marks))

"""The one file the viewer writes: the list of marked tracks, never over what somebody else saved meanwhile."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from command_line.settings_file import build_settings
from data_cache.contract.track_marks import (
    TrackMarks,
    check_note,
    mark_track,
    marks_bytes,
    parse_marks,
    read_bounded,
    write_marks,
)
from data_cache.files.output_lock import lock_output
from data_cache.viewer.track_query import WrongRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from data_cache.contract.reader import CacheReader


class StaleMarksError(ValueError):
    """The list on disk is not the one that the page's marks were added to."""


@dataclass(frozen=True)
class PostedMark:
    """A row and a note, as the page sends them; ValueError for a bad note."""

    track: int
    note: str

    def __post_init__(self) -> None:
        check_note(self.note)


@dataclass(frozen=True)
class PostedMarks:
    """All marks of the page, and the revision of the list they were added to."""

    revision: str
    marks: tuple[PostedMark, ...]


class SavedMarks:
    """The list at `path` for the tracks of one file; its caller holds one lock around every call.

    Raises ValueError when there is a file under that name that is no list of these tracks.
    """

    def __init__(self, path: Path, reader: CacheReader, names: Sequence[str]) -> None:
        self.path = path
        self._dataset, self._split, self._tracks, self._names = reader.dataset, reader.split, reader.tracks, names
        self.saving = threading.Lock()  # held while a list is written: who stops the server waits for it
        self.marks, self.revision = self._empty(), ""
        self.read_again()

    @property
    def rows(self) -> NDArray[np.int64]:
        """The marked rows of the list as it was last read or saved: (n,) int64, ascending."""
        return np.array([mark.track for mark in self.marks.tracks], np.int64)

    def read_again(self) -> None:
        """Take over what is on disk; ValueError or OSError, and nothing changes, when it is no list of these tracks."""
        if not self.path.exists():
            self.marks, self.revision = self._empty(), ""
            return
        content = read_bounded(self.path)
        marks = parse_marks(content, str(self.path))
        marks.check_split(self._dataset, self._split)
        marks.rows_in(self._tracks, self._names)
        self.marks, self.revision = marks, _revision(content)

    def save(self, posted: PostedMarks) -> None:
        """Write all marks of the page in place of the list.

        Raises StaleMarksError when the list on disk is of another revision, WrongRequestError for a row that is
        not there or twice, OSError with a remedy when it cannot be written. After an error the list is as it was.
        """
        for mark in posted.marks:
            if not 0 <= mark.track < len(self._tracks):
                raise WrongRequestError(f"track {mark.track}: expected a row in 0…{len(self._tracks) - 1}")
        chosen = tuple(mark_track(mark.track, self._tracks, self._names, mark.note) for mark in posted.marks)
        marks = TrackMarks(self._dataset, self._empty().split, chosen, str(self.path))
        with self.saving, lock_output(self.path):
            on_disk = _revision(read_bounded(self.path)) if self.path.exists() else ""
            if posted.revision != on_disk:
                raise StaleMarksError(f"{self.path} was changed since this page read it: read it again first")
            write_marks(self.path, marks)
        self.marks, self.revision = marks, _revision(marks_bytes(marks))

    def _empty(self) -> TrackMarks:
        return TrackMarks(self._dataset, "train" if self._split == "train" else "test", (), str(self.path))


def _revision(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def parse_posted(values: object) -> PostedMarks:
    """Check what a page sent; WrongRequestError naming the key that is wrong."""
    try:
        return build_settings(values, PostedMarks, "marks")
    except ValueError as error:
        raise WrongRequestError(str(error)) from None

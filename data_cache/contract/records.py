"""What travels between the stages' functions: frozen records that check themselves when they are made.

Whoever holds one may trust it; their arrays are read-only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from data_cache.contract.skeleton import JOINTS

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

SPLITS = ("train", "test")


class Modality(IntEnum):
    """Kind of camera, with the numbers of the data set's own files (HITSZ-VCM: M1 infrared, M2 visible)."""

    INFRARED = 1
    VISIBLE = 2


class Role(IntEnum):
    """Part of a track in the test: HITSZ-VCM's tracks are query and gallery, BUPTCampus lists who is what."""

    BOTH = 0
    QUERY = 1
    GALLERY = 2


class Status(IntEnum):
    """What became of a frame: estimated, a file that does not decode, or no file at all."""

    OK = 0
    UNREADABLE = 1
    MISSING = 2


def is_query(role: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Which tracks are searched for, by their roles (track,): all but those that are gallery only."""
    found: NDArray[np.bool_] = role != Role.GALLERY
    return found


def is_gallery(role: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Which tracks are searched among, by their roles (track,): all but those that are query only."""
    found: NDArray[np.bool_] = role != Role.QUERY
    return found


# Market-1501's numbers of no person: −1 is junk, which ranks as if it were not there and never gets into a cache;
# 0 is a distractor, somebody else, who is searched among and never searched for.
JUNK, DISTRACTOR = -1, 0


def is_distractor(person: NDArray[np.integer[Any]], role: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Which tracks (track,) are in the gallery as nobody: person 0 with the role `GALLERY`."""
    found: NDArray[np.bool_] = (person == DISTRACTOR) & (role == Role.GALLERY)
    return found


def count_persons(person: NDArray[np.integer[Any]], role: NDArray[np.integer[Any]]) -> int:
    """How many persons tracks are of, (track,) each; distractors are nobody in particular."""
    return len(np.unique(person[~is_distractor(person, role)]))


def _check_array(record: object, name: str, dtype: DTypeLike, shape: tuple[int | None, ...]) -> None:
    """Check one array field against dtype and shape (None: any length) and make it read-only."""
    array: Any = getattr(record, name)
    where = f"{type(record).__name__}.{name}"
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{where}: expected an array of {np.dtype(dtype)}, got {type(array).__name__}")
    if array.dtype != np.dtype(dtype):
        raise ValueError(f"{where}: expected dtype {np.dtype(dtype)}, got {array.dtype}")
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{where}: expected shape ({wanted}), got {array.shape}")
    view = array.view()
    view.flags.writeable = False
    object.__setattr__(record, name, view)


def _check_members(record: object, name: str, members: type[IntEnum]) -> None:
    """Check that an array field holds nothing but numbers of `members`."""
    values: NDArray[np.uint8] = getattr(record, name)
    unknown = ~np.isin(values, [int(member) for member in members])
    if unknown.any():
        row = _first(unknown)
        wanted = enumerate_names(members)
        raise ValueError(f"{type(record).__name__}.{name}: expected {wanted}, got {values[row]} in row {row}")


def enumerate_names(members: type[IntEnum]) -> str:
    """Return `1 (infrared) or 2 (visible)` for people."""
    *others, last = (f"{int(member)} ({member.name.lower()})" for member in members)
    return f"{', '.join(others)} or {last}"


def _first(wrong: NDArray[np.bool_]) -> int:
    return int(np.argmax(wrong))


@dataclass(frozen=True, eq=False)
class Tracks:
    """Tracklets of one split, in the order of the data set's own files.

    person:   (track,) int32, the data set's person number
    camera:   (track,) int16, the data set's camera number
    modality: (track,) uint8, a `Modality`
    start:    (track,) int64, first row of the frames, 0-based
    stop:     (track,) int64, row after the last frame (half-open)
    role:     (track,) uint8, a `Role`: who is searched for and among whom; all `BOTH` where none is given

    Raises ValueError for other dtypes or lengths, an unknown modality or role, or a range that is empty or negative.
    """

    person: NDArray[np.int32]
    camera: NDArray[np.int16]
    modality: NDArray[np.uint8]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    role: NDArray[np.uint8] = field(default=cast("Any", None))

    def __post_init__(self) -> None:
        count = np.size(self.person)
        if self.role is None:
            object.__setattr__(self, "role", np.full(count, Role.BOTH, np.uint8))
        _check_array(self, "person", np.int32, (None,))
        _check_array(self, "camera", np.int16, (count,))
        _check_array(self, "modality", np.uint8, (count,))
        _check_array(self, "start", np.int64, (count,))
        _check_array(self, "stop", np.int64, (count,))
        _check_array(self, "role", np.uint8, (count,))
        _check_members(self, "modality", Modality)
        _check_members(self, "role", Role)
        wrong = (self.start < 0) | (self.stop <= self.start)
        if wrong.any():
            row = _first(wrong)
            raise ValueError(
                f"Tracks.start, stop: expected 0 <= start < stop, got {self.start[row]}, {self.stop[row]} in row {row}"
            )

    def __len__(self) -> int:
        """Return the number of tracks."""
        return len(self.person)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Every column by its name, in the order of the fields: for copying, comparing and writing all of them."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Tracks:
        """The same for some rows only: a mask, or their numbers."""
        return Tracks(**{name: values[rows] for name, values in self.columns().items()})

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of frames of each track: (track,) int64."""
        return self.stop - self.start


def _check_paths(paths: tuple[str, ...]) -> None:
    # All at once, since looking at half a million one by one takes longer than finding them on disk.
    text = "/" + "/\n/".join(paths) + "/"
    plain = not any(part in text for part in ("//", "/./", "/../", "\\"))
    if plain and text.count("\n") == max(0, len(paths) - 1) and text.replace("\n", "").isprintable():
        return
    for row, path in enumerate(paths):
        _check_path(path, row)


def _check_path(path: str, row: int) -> None:
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts) or "\\" in path or not path.isprintable():
        raise ValueError(
            f"SplitIndex.paths[{row}]: expected a plain path relative to the data set's root,"
            f" with / between its parts and no '..', got {path!r}"
        )


@dataclass(frozen=True, eq=False)
class SplitIndex:
    """One split of a data set: every frame that its files name, in their order, and the tracks over them.

    dataset: the configured name, such as `sample`
    split:   `train` or `test`
    paths:   N frame paths, posix, relative to the data set's root (a path may occur twice)
    tracks:  M tracks, ranges of rows of `paths`; they do not overlap, but may leave rows to no track

    Raises ValueError for another split name, a path that could leave the root, or tracks that overlap or
    reach past the last frame.
    """

    dataset: str
    split: str
    paths: tuple[str, ...]
    tracks: Tracks

    def __post_init__(self) -> None:
        if not self.dataset or not self.dataset.isprintable() or "/" in self.dataset:
            raise ValueError(f"SplitIndex.dataset: expected a name without '/', got {self.dataset!r}")
        if self.split not in SPLITS:
            raise ValueError(f"SplitIndex.split: expected {' or '.join(SPLITS)}, got {self.split!r}")
        _check_paths(self.paths)
        if len(self.tracks) and int(self.tracks.stop.max()) > len(self.paths):
            row = int(self.tracks.stop.argmax())
            raise ValueError(
                f"SplitIndex.tracks: track {row} stops at {self.tracks.stop[row]}, expected at most"
                f" {len(self.paths)}, the number of frames"
            )
        order = np.argsort(self.tracks.start, kind="stable")
        overlap = self.tracks.start[order][1:] < self.tracks.stop[order][:-1]
        if overlap.any():
            first, second = order[_first(overlap)], order[_first(overlap) + 1]
            raise ValueError(
                f"SplitIndex.tracks: tracks {first} and {second} share frame {self.tracks.start[second]},"
                " expected every frame in at most one track"
            )

    @cached_property
    def track(self) -> NDArray[np.int32]:
        """Row of `tracks` that each frame belongs to, −1 for frames without a track: (frame,) int32."""
        track = np.full(len(self.paths), -1, np.int32)
        order = np.argsort(self.tracks.start, kind="stable")
        lengths = self.tracks.lengths[order]
        # Position of every tracked frame: its track's start plus its place within the track.
        place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        track[np.repeat(self.tracks.start[order], lengths) + place] = np.repeat(order, lengths)
        track.flags.writeable = False
        return track


@dataclass(frozen=True, eq=False)
class FrameKeypoints:
    """Keypoints of consecutive frames: the rows of one chunk.

    keypoints: (frame, joint, xy) float32, x and y in pixels of the original frame; NaN where status is not ok
    score:     (frame, joint) float32, 0…1; NaN where status is not ok
    size:      (frame, 2) int32, height and width of the frame in pixels; 0, 0 where status is not ok
    status:    (frame,) uint8, a `Status`

    Raises ValueError for other dtypes or shapes, an unknown status, a score outside 0…1 (heatmap maxima have
    to be clipped first), or values that are there, or not there, against the status.
    """

    keypoints: NDArray[np.float32]
    score: NDArray[np.float32]
    size: NDArray[np.int32]
    status: NDArray[np.uint8]

    def __post_init__(self) -> None:
        count = np.size(self.status)
        _check_array(self, "status", np.uint8, (None,))
        _check_array(self, "keypoints", np.float32, (count, len(JOINTS), 2))
        _check_array(self, "score", np.float32, (count, len(JOINTS)))
        _check_array(self, "size", np.int32, (count, 2))
        self._check_status()
        self._check_score()

    def _check_status(self) -> None:
        unknown = ~np.isin(self.status, [int(status) for status in Status])
        if unknown.any():
            row = _first(unknown)
            raise ValueError(f"FrameKeypoints.status: expected 0, 1 or 2, got {self.status[row]} in frame {row}")
        ok = self.status == Status.OK
        for name, present in (
            ("keypoints", np.isfinite(self.keypoints).all((1, 2))),
            ("score", np.isfinite(self.score).all(1)),
            ("size", (self.size > 0).all(1)),
        ):
            array: NDArray[Any] = getattr(self, name)
            blank = (array == 0) if name == "size" else np.isnan(array)
            wrong = np.where(ok, ~present, ~blank.all(tuple(range(1, blank.ndim))))
            if wrong.any():
                row = _first(wrong)
                wanted = "values" if ok[row] else ("0, 0" if name == "size" else "NaN only")
                raise ValueError(
                    f"FrameKeypoints.{name}: expected {wanted} where status is"
                    f" {Status(int(self.status[row])).name.lower()}, got otherwise in frame {row}"
                )

    def _check_score(self) -> None:
        outside = (self.score < 0) | (self.score > 1)
        if outside.any():
            frame, joint = np.argwhere(outside)[0]
            raise ValueError(
                f"FrameKeypoints.score: expected 0…1, got {self.score[frame, joint]} in frame {frame},"
                f" joint {JOINTS[joint]}: clip the heatmap's maximum"
            )

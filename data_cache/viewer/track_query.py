"""Which tracks the list shows, and in which order: read from an address, answered with row numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from data_cache.contract.records import Modality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_cache.contract.records import Tracks
    from data_cache.viewer.track_table import TrackTable

T = TypeVar("T")
Sort = Literal["number", "mean", "share"]
_SORTS: Mapping[str, Sort] = {"number": "number", "mean": "mean", "share": "share"}
_KEYS = ("person", "camera", "modality", "marked", "bad", "sort", "also", "without")
_LARGEST = 1 << 31


class WrongRequestError(ValueError):
    """The page asked for what makes no sense."""


@dataclass(frozen=True)
class TrackQuery:
    """What to show; None: all.

    marked:        only the marked tracks, or only the others
    bad:           only tracks with frames that are missing or unreadable
    sort:          by row, by mean score or by the least seen joint's share, worst first
    also, without: rows that the page has marked or unmarked since the list of marks was saved
    """

    person: int | None = None
    camera: int | None = None
    modality: Modality | None = None
    marked: bool | None = None
    bad: bool = False
    sort: Sort = "number"
    also: tuple[int, ...] = ()
    without: tuple[int, ...] = ()


def parse_query(given: Mapping[str, str]) -> TrackQuery:
    """Read the parameters of an address; WrongRequestError naming the one that is unknown or none of its values."""
    if unknown := [name for name in given if name not in _KEYS]:
        raise WrongRequestError(f"{unknown[0]!r}: expected one of {', '.join(_KEYS)}")
    modality = _choose(given, "modality", {kind.name.lower(): kind for kind in Modality})
    return TrackQuery(
        person=parse_whole(given, "person"),
        camera=parse_whole(given, "camera"),
        modality=modality,
        marked=_choose(given, "marked", {"yes": True, "no": False}),
        bad=_choose(given, "bad", {"yes": True}) or False,
        sort=_choose(given, "sort", _SORTS) or "number",
        also=_rows(given, "also"),
        without=_rows(given, "without"),
    )


def parse_whole(given: Mapping[str, str], name: str) -> int | None:
    """A whole number of 0 or more, None when it is not given; WrongRequestError for anything else."""
    text = given.get(name, "")
    return _whole(text, name) if text else None


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < _LARGEST):
        raise WrongRequestError(f"{name}: expected a whole number, got {text[:40]!r}")
    return int(text)


def _rows(given: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(_whole(text, name) for text in given[name].split(",")) if given.get(name) else ()


def _choose(given: Mapping[str, str], name: str, choices: Mapping[str, T]) -> T | None:
    text = given.get(name, "")
    if not text:
        return None
    if text not in choices:
        raise WrongRequestError(f"{name}: expected one of {', '.join(choices)}, got {text[:40]!r}")
    return choices[text]


def choose_tracks(query: TrackQuery, tracks: Tracks, table: TrackTable, marked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the tracks that `query` asks for, in its order: (n,) int64.

    marked: rows of the saved marks. A track without usable frames comes before the worst score; ties by row.
    """
    kept = np.ones(len(tracks), np.bool_)
    if query.person is not None:
        kept &= tracks.person == query.person
    if query.camera is not None:
        kept &= tracks.camera == query.camera
    if query.modality is not None:
        kept &= tracks.modality == query.modality
    if query.bad:
        kept &= table.bad > 0
    if query.marked is not None:
        kept &= _marked(query, len(tracks), marked) == query.marked
    rows = np.flatnonzero(kept)
    if query.sort != "number":
        figure = (table.mean if query.sort == "mean" else table.worst_share)[rows]
        rows = rows[np.argsort(np.where(np.isnan(figure), -1, figure), kind="stable")]
    return rows


def _marked(query: TrackQuery, count: int, saved: NDArray[np.int64]) -> NDArray[np.bool_]:
    marked = np.zeros(count, np.bool_)
    marked[saved] = True
    for changed, value in ((query.also, True), (query.without, False)):
        rows = np.array(changed, np.int64)
        marked[rows[rows < count]] = value
    return marked

"""The best and the worst queries of both directions with the first tracks of their ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.retrieval.metrics import average_precisions
from model.retrieval.ranking import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from model.evaluation.protocol_tracks import ProtocolTracks
    from model.report.reported_run import ReportedRun
    from model.retrieval.metrics import HitRanks
    from model.retrieval.ranking import TrackFeatures

SHOWN = 10  # tracks of the gallery a query
PICTURES = 3  # frames of each of them


@dataclass(frozen=True)
class ShownTrack:
    """A track as it is shown: the row in the cache, who and where, and pictures with the text for each."""

    track: int
    person: int
    camera: int
    modality: str
    pictures: tuple[str, ...]
    alt: str


@dataclass(frozen=True)
class RankedTrack:
    """A gallery track at `rank` (from 1) with its cosine `similarity`; `right`: it is of the query's person."""

    shown: ShownTrack
    rank: int
    similarity: float
    right: bool


@dataclass(frozen=True)
class RankedQuery:
    """A query and the head of its ranking.

    average_precision: AP; matches: gallery tracks of its person; first_match: the rank of the first of them
    dropped: gallery tracks left out, of the query's person and camera
    """

    shown: ShownTrack
    average_precision: float
    matches: int
    first_match: int
    dropped: int
    ranking: tuple[RankedTrack, ...]


@dataclass(frozen=True)
class QueryList:
    """The queries at one end of a direction: `best` or `worst` first."""

    direction: str
    end: str
    queries: tuple[RankedQuery, ...]

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.direction.replace('_to_', ' → ')}, {self.end}"


def ranked_galleries(
    run: ReportedRun, tracks: ProtocolTracks, count: int, picture: Callable[[int], str]
) -> list[QueryList]:
    """Up to `count` best and `count` worst queries of each direction by AP; none is in both lists.

    picture: given a row of /frames, the address of its picture
    """
    show = TrackShow(tracks, picture)
    lists = []
    for direction in DIRECTIONS:
        query, gallery = run.sides(direction)
        precision = query_precisions(run.hits[direction])
        for end, rows in zip(("best", "worst"), best_and_worst(precision, query.track, count), strict=True):
            ranked = tuple(_rank(row, query, gallery, run.hits[direction], show) for row in rows)
            lists.append(QueryList(direction, end, ranked))
    return [one for one in lists if one.queries]


def query_precisions(hits: HitRanks) -> NDArray[np.float64]:
    """AP of every query, NaN for those without a match: (query,) float64."""
    found = np.full(len(hits.count), np.nan)
    found[hits.count > 0] = average_precisions(hits)
    return found


def best_and_worst(
    precision: NDArray[np.float64], track: NDArray[np.integer[Any]], count: int
) -> tuple[list[int], list[int]]:
    """Rows of the `count` highest and the `count` lowest AP, the most extreme first; of equal ones the lower track.

    Queries without a match (NaN) are in neither; of few queries each is in one list only.
    """
    rows = np.flatnonzero(np.isfinite(precision))
    falling = rows[np.lexsort((track[rows], -precision[rows]))].tolist()
    best = falling[: min(count, -(-len(falling) // 2))]
    taken = set(best)
    rising = rows[np.lexsort((track[rows], precision[rows]))].tolist()
    return best, [row for row in rising if row not in taken][:count]


def first_of_gallery(
    row: int, query: TrackFeatures, gallery: TrackFeatures, count: int = SHOWN
) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
    """Rows of the gallery tracks first in the ranking of query `row`, their similarities, and how many were dropped.

    As `model.retrieval.ranking` ranks: cosine falling, then track rising; tracks of the query's person and camera
    are not in the list.
    """
    unit = gallery.features / np.linalg.norm(gallery.features, axis=1, keepdims=True)
    wanted = query.features[row] / np.linalg.norm(query.features[row])
    similarity = (unit @ wanted).astype(np.float32)
    dropped = (gallery.person == query.person[row]) & (gallery.camera == query.camera[row])
    kept = np.flatnonzero(~dropped)
    order = kept[np.lexsort((gallery.track[kept], -similarity[kept]))][:count]
    return order, similarity[order], int(dropped.sum())


def _rank(row: int, query: TrackFeatures, gallery: TrackFeatures, hits: HitRanks, show: TrackShow) -> RankedQuery:
    first, similarity, dropped = first_of_gallery(row, query, gallery)
    person = int(query.person[row])
    ranking = []
    for rank, (place, value) in enumerate(zip(first.tolist(), similarity.tolist(), strict=True), start=1):
        right = int(gallery.person[place]) == person
        note = f"rank {rank}, {'right' if right else 'wrong'}"
        ranking.append(RankedTrack(show.track(int(gallery.track[place]), PICTURES, note), rank, value, right))
    start = int(hits.count[:row].sum())
    ranks = hits.rank[start : start + int(hits.count[row])]
    number = np.arange(1, len(ranks) + 1)
    return RankedQuery(
        show.track(int(query.track[row]), show.frames, "query"),
        float((number / ranks).mean()),
        len(ranks),
        int(ranks[0]),
        dropped,
        tuple(ranking),
    )


class TrackShow:
    """Makes tracks to show of the tracks that were ranked; `picture`: a row of /frames → the address of its picture."""

    def __init__(self, tracks: ProtocolTracks, picture: Callable[[int], str]) -> None:
        self._picture = picture
        self._place = {
            int(number): (side, row)
            for side in (tracks.infrared, tracks.visible)
            for row, number in enumerate(side.number)
        }
        self.frames = tracks.infrared.settings.frames

    def track(self, number: int, count: int, note: str) -> ShownTrack:
        """The track in row `number` of the cache with `count` evenly spread frames of its test clip."""
        side, row = self._place[number]
        rows = spread(list(dict.fromkeys(side.test_frames(row).tolist())), count)
        person, camera = int(side.tracks.person[row]), int(side.tracks.camera[row])
        modality = "infrared" if side.tracks.modality[row] == 1 else "visible"
        alt = f"person {person}, camera {camera}, {modality}, {note}"
        return ShownTrack(number, person, camera, modality, tuple(self._picture(frame) for frame in rows), alt)


def spread(values: Sequence[int], count: int) -> list[int]:
    """`count` of `values`, evenly spread from the first to the last; all of them where there are no more."""
    if len(values) <= count:
        return list(values)
    return [values[place] for place in np.linspace(0, len(values) - 1, count).round().astype(int).tolist()]

"""Ranks a gallery for every query by cosine similarity, in float32 and bounded memory, the same on every run.

Directions are named in words: `infrared_to_visible` has infrared queries and a visible gallery.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from data_cache.contract.origin import ContentDigest
from data_cache.contract.records import Role, enumerate_names, is_gallery, is_query
from model.retrieval.metrics import HitRanks

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTIONS = ("infrared_to_visible", "visible_to_infrared")
QUERIES_AT_ONCE = 256  # 5,099 gallery tracks take 10 MB of keys then
_MAX_GALLERY = 2**31


@dataclass(frozen=True, eq=False)
class TrackFeatures:
    """The features of one modality's tracks, one row a track.

    features: (track, channel) float32, of any length but 0; finite
    person:   (track,) integers
    camera:   (track,) integers
    track:    (track,) integers, the row in the cache; no two equal: it decides between equal similarities
    role:     (track,) integers, a `Role`; all `BOTH` where none is given

    Raises ValueError for shapes that do not fit, no tracks, no channels, a repeated track, another role, and features
    that are not finite or all 0.
    """

    features: NDArray[np.float32]
    person: NDArray[np.integer[Any]]
    camera: NDArray[np.integer[Any]]
    track: NDArray[np.integer[Any]]
    role: NDArray[np.integer[Any]] = field(default=cast("Any", None))

    def __post_init__(self) -> None:
        if self.role is None:
            object.__setattr__(self, "role", np.full(len(self.features), Role.BOTH, np.uint8))
        if self.features.ndim != 2 or self.features.dtype != np.float32 or 0 in self.features.shape:
            raise ValueError(
                "TrackFeatures.features: expected float32 of shape (track, channel), none of them 0,"
                f" got {self.features.dtype} of shape {self.features.shape}"
            )
        for name in ("person", "camera", "track", "role"):
            array = getattr(self, name)
            if array.shape != self.features.shape[:1] or array.dtype.kind not in "iu":
                raise ValueError(
                    f"TrackFeatures.{name}: expected {len(self.features)} integers,"
                    f" got {array.dtype} of shape {array.shape}"
                )
        if len(np.unique(self.track)) != len(self.track):
            raise ValueError("TrackFeatures.track: expected every track once, got one twice; average its clips first")
        if not np.isin(self.role, [int(role) for role in Role]).all():
            raise ValueError(f"TrackFeatures.role: expected {enumerate_names(Role)}, got {self.role.max()}")
        object.__setattr__(self, "role", self.role.astype(np.uint8))
        size = np.einsum("tc,tc->t", self.features, self.features, dtype=np.float64)
        wrong = ~np.isfinite(size) | (size <= 0)
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"TrackFeatures.features: expected finite values, not all 0, got others for track {self.track[row]}"
                f" and {int(wrong.sum()) - 1} more; the network has diverged or its checkpoint is damaged"
            )

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self.features)

    def select(self, rows: NDArray[np.bool_]) -> TrackFeatures:
        """The same for the tracks of a mask; ValueError where it leaves none."""
        return self if rows.all() else TrackFeatures(**{n.name: getattr(self, n.name)[rows] for n in fields(self)})

    def queries(self) -> TrackFeatures:
        """The tracks that are searched for; ValueError where there are none."""
        return self.select(is_query(self.role))

    def gallery(self) -> TrackFeatures:
        """The tracks that are searched among; ValueError where there are none."""
        return self.select(is_gallery(self.role))


def features_digest(infrared: TrackFeatures, visible: TrackFeatures) -> str:
    """`ContentDigest` of what is ranked: `/infrared/features` and so on, whole numbers as int64; hexadecimal digits."""
    digest = ContentDigest()
    for group, tracks in (("infrared", infrared), ("visible", visible)):
        for column in fields(tracks):
            values: NDArray[Any] = getattr(tracks, column.name)
            digest.update(f"/{group}/{column.name}", values.astype(np.int64) if values.dtype.kind in "iu" else values)
    return digest.hexdigest()


def rank_both_ways(infrared: TrackFeatures, visible: TrackFeatures) -> dict[str, HitRanks]:
    """The ranks of the true matches for both `DIRECTIONS`, by name, as the roles of the tracks say.

    Raises ValueError where one side has no query or no gallery.
    """
    first, second = DIRECTIONS
    return {
        first: rank_matches(infrared.queries(), visible.gallery()),
        second: rank_matches(visible.queries(), infrared.gallery()),
    }


def rank_matches(query: TrackFeatures, gallery: TrackFeatures, queries_at_once: int = QUERIES_AT_ONCE) -> HitRanks:
    """Rank the gallery for every query by falling cosine similarity; return the ranks of the query's person.

    query, gallery: all of their tracks take part; `rank_both_ways` chooses them by their roles
    Gallery tracks with the query's person and camera are not in its list. Of equal similarities the lower track
    number comes first. The gallery's order does not matter; memory grows with queries_at_once × gallery.
    Raises ValueError where the numbers of channels differ.
    """
    if query.features.shape[1] != gallery.features.shape[1]:
        raise ValueError(
            "features: expected as many channels for query and gallery,"
            f" got {query.features.shape[1]} and {gallery.features.shape[1]}"
        )
    assert len(gallery) < _MAX_GALLERY
    # One order for the same tracks, whatever the caller's: sums of a matrix product depend on the place in it.
    order = np.argsort(gallery.track, kind="stable")
    columns = _unit_rows(gallery.features[order]).T
    person, camera = gallery.person[order], gallery.camera[order]
    counts, ranks = [], []
    for start in range(0, len(query), queries_at_once):
        rows = slice(start, start + queries_at_once)
        same = query.person[rows, None] == person
        dropped = same & (query.camera[rows, None] == camera)
        keys = _falling_keys(_unit_rows(query.features[rows]) @ columns, dropped)
        for row_keys, matches in zip(keys, same & ~dropped, strict=True):
            found = _ranks(row_keys, matches)
            counts.append(len(found))
            ranks.append(found)
    return HitRanks(np.array(counts, np.int64), np.concatenate(ranks))


def _unit_rows(features: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt(np.einsum("tc,tc->t", features, features, dtype=np.float64))
    unit: NDArray[np.float32] = (features / length[:, None]).astype(np.float32)
    return unit


def _falling_keys(similarity: NDArray[np.float32], dropped: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Integers that sort ascending as the ranking does: similarity falling, then column rising, dropped ones last.

    similarity, dropped: (query, gallery). All keys of a row differ, so ties need no care later.
    """
    similarity += np.float32(0)  # -0.0 becomes 0.0, which it is equal to
    bits = similarity.view(np.int32)
    rising = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # floats of IEEE 754 as integers of the same order
    keys = (~rising).astype(np.int64)
    keys[dropped] = 2**31
    keys <<= 31
    keys |= np.arange(similarity.shape[1])
    return keys


def _ranks(keys: NDArray[np.int64], matches: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rising 1-based ranks of the matches: keys (gallery,) → (match,)."""
    wanted = np.sort(keys[matches])
    # A key takes part in the rank of every match that is not before it: count per gap, then add up.
    gap = np.searchsorted(wanted, keys, side="left")
    ranks: NDArray[np.int64] = np.cumsum(np.bincount(gap, minlength=len(wanted))[: len(wanted)])
    return ranks

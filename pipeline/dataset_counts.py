"""Persons, tracks, frames and cameras of a split, and the same beside the published numbers of HITSZ-VCM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_cache.records import Modality, Tracks
from pipeline.hitsz_vcm import MIN_FRAMES, PublishedSplit

GROUPS = ("infrared", "visible", "together")


@dataclass(frozen=True)
class TrackCounts:
    """Counts over some tracks of one split.

    persons, tracks: how many
    frames:  frames in these tracks
    cameras: the camera numbers, ascending
    length:  shortest and longest track in frames; 0, 0 without tracks
    short:   tracks under `MIN_FRAMES` frames
    left:    tracks left with `MIN_FRAMES`
    """

    persons: int
    tracks: int
    frames: int
    cameras: tuple[int, ...]
    length: tuple[int, int]
    short: int
    left: int


def count_tracks(tracks: Tracks, chosen: NDArray[np.bool_]) -> TrackCounts:
    """Count the ``chosen`` tracks, (track,) bool."""
    lengths = tracks.lengths[chosen]
    short = int((lengths < MIN_FRAMES).sum())
    return TrackCounts(
        persons=len(np.unique(tracks.person[chosen])),
        tracks=len(lengths),
        frames=int(lengths.sum()),
        cameras=tuple(int(camera) for camera in np.unique(tracks.camera[chosen])),
        length=(int(lengths.min()), int(lengths.max())) if len(lengths) else (0, 0),
        short=short,
        left=len(lengths) - short,
    )


def count_modalities(tracks: Tracks) -> dict[str, TrackCounts]:
    """Counts of the infrared tracks, of the visible ones, and of all: the keys are `GROUPS`."""
    chosen = {modality.name.lower(): tracks.modality == modality for modality in Modality}
    chosen["together"] = np.ones(len(tracks), np.bool_)
    return {group: count_tracks(tracks, chosen[group]) for group in GROUPS}


@dataclass(frozen=True)
class Comparison:
    """One number of this tree beside the published one (None: not published for this group)."""

    quantity: str
    group: str
    here: int | str
    published: int | str | None

    @property
    def differs(self) -> bool:
        """Whether a published number is another one."""
        return self.published is not None and self.here != self.published


def write_ranges(numbers: tuple[int, ...]) -> str:
    """Ascending whole numbers as ranges: (1, 2, 3, 5) gives '1-3, 5'."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def compare_split(
    counts: dict[str, TrackCounts], names: int, orphans: int, published: PublishedSplit
) -> tuple[Comparison, ...]:
    """Every count of one split beside the published one, in the order of a table."""
    infrared, visible = published.infrared, published.visible
    known: dict[tuple[str, str], int | str] = {
        ("names", "together"): published.names,
        ("names without a track", "together"): published.orphans,
        ("persons", "together"): published.persons,
        ("cameras", "together"): "{}-{}".format(*published.cameras),
        ("track length", "together"): "{}-{}".format(*published.length),
        (f"tracks under {MIN_FRAMES} frames", "together"): published.short,
    }
    for group, numbers in (("infrared", (infrared,)), ("visible", (visible,)), ("together", (infrared, visible))):
        known["tracks", group] = sum(number.tracks for number in numbers)
        known["frames in tracks", group] = sum(number.frames for number in numbers)
        known[f"tracks left with {MIN_FRAMES}", group] = sum(number.left for number in numbers)
    found: list[tuple[str, str, int | str]] = [
        ("names", "together", names),
        ("names without a track", "together", orphans),
    ]
    for group in GROUPS:
        count = counts[group]
        found += [
            ("persons", group, count.persons),
            ("tracks", group, count.tracks),
            ("frames in tracks", group, count.frames),
            ("cameras", group, write_ranges(count.cameras)),
            ("track length", group, "{}-{}".format(*count.length)),
            (f"tracks under {MIN_FRAMES} frames", group, count.short),
            (f"tracks left with {MIN_FRAMES}", group, count.left),
        ]
    return tuple(Comparison(quantity, group, here, known.get((quantity, group))) for quantity, group, here in found)

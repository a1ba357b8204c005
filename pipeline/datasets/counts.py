"""Persons, tracks, frames and cameras of a split, and the same beside published numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import Modality, Tracks, count_persons

# HITSZ-VCM's protocol leaves shorter tracks out, in training and in testing.
MIN_FRAMES = 12

GROUPS = ("infrared", "visible", "together")


@dataclass(frozen=True)
class TrackCounts:
    """Counts over some tracks of one split.

    persons, tracks: how many; distractors are tracks and no person
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
        persons=count_persons(tracks.person[chosen], tracks.role[chosen]),
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


Counts = Mapping[tuple[str, str], int | str]  # (quantity, group) → number, in the order of a table


def list_counts(counts: Mapping[str, TrackCounts]) -> Counts:
    """The counts over the tracks of one split as rows of a table."""
    found: dict[tuple[str, str], int | str] = {}
    for group in GROUPS:
        count = counts[group]
        found["persons", group] = count.persons
        found["tracks", group] = count.tracks
        found["frames in tracks", group] = count.frames
        found["cameras", group] = write_ranges(count.cameras)
        found["track length", group] = "{}-{}".format(*count.length)
        found[f"tracks under {MIN_FRAMES} frames", group] = count.short
        found[f"tracks left with {MIN_FRAMES}", group] = count.left
    return found


def compare_counts(here: Counts, published: Counts) -> tuple[Comparison, ...]:
    """Every count of a split beside the published one, if there is one."""
    return tuple(Comparison(*key, value, published.get(key)) for key, value in here.items())

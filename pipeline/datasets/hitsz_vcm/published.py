"""The numbers of HITSZ-VCM itself, to hold an unpacked tree against.

Source: Lin et al., "Learning Modal-Invariant and Temporal-Memory for Video-based Visible-Infrared Person
Re-Identification", CVPR 2022, for persons, tracks and frames in total (21,863 tracks, 463,259 frames); the
rest was counted over the data set's own track and name files.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.datasets.counts import MIN_FRAMES, Counts

TITLE = "HITSZ-VCM"


@dataclass(frozen=True)
class PublishedModality:
    """One modality of one split: tracks, frames in tracks, and tracks left with `MIN_FRAMES`."""

    tracks: int
    frames: int
    left: int


@dataclass(frozen=True)
class PublishedSplit:
    """One split of HITSZ-VCM; ``cameras`` and ``length`` are (first, last) and (shortest, longest)."""

    persons: int
    names: int
    orphans: int
    cameras: tuple[int, int]
    length: tuple[int, int]
    short: int
    infrared: PublishedModality
    visible: PublishedModality

    def counts(self) -> Counts:
        """The same as rows of a table."""
        known: dict[tuple[str, str], int | str] = {
            ("names", "together"): self.names,
            ("names without a track", "together"): self.orphans,
            ("persons", "together"): self.persons,
            ("cameras", "together"): "{}-{}".format(*self.cameras),
            ("track length", "together"): "{}-{}".format(*self.length),
            (f"tracks under {MIN_FRAMES} frames", "together"): self.short,
        }
        both = (self.infrared, self.visible)
        for group, numbers in (("infrared", both[:1]), ("visible", both[1:]), ("together", both)):
            known["tracks", group] = sum(number.tracks for number in numbers)
            known["frames in tracks", group] = sum(number.frames for number in numbers)
            known[f"tracks left with {MIN_FRAMES}", group] = sum(number.left for number in numbers)
        return known


PUBLISHED = {
    "train": PublishedSplit(
        persons=500,
        names=232_496,
        orphans=15,
        cameras=(1, 6),
        length=(1, 48),
        short=1_310,
        infrared=PublishedModality(tracks=4_919, frames=102_096, left=4_291),
        visible=PublishedModality(tracks=6_142, frames=130_385, left=5_460),
    ),
    "test": PublishedSplit(
        persons=427,
        names=230_763,
        orphans=24,
        cameras=(1, 12),
        length=(1, 46),
        short=1_119,
        infrared=PublishedModality(tracks=5_159, frames=109_391, left=4_584),
        visible=PublishedModality(tracks=5_643, frames=121_348, left=5_099),
    ),
}

# Frames of both splits by the modality in their names, as the paper counts them. By their rows it is 211,487
# infrared and 251,733 visible: some names carry another modality than their row.
PUBLISHED_NAMES = {"infrared": 211_807, "visible": 251_452}

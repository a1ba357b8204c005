"""`clip_lengths.json`: the figures of one checkpoint for clips of several lengths (figure 5 of the paper)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from command_line.json_data import read_json
from model.evaluation.results import check_counts, read_shares
from model.retrieval.ranking import DIRECTIONS
from model.run.config import MAX_FRAMES

if TYPE_CHECKING:
    from pathlib import Path

FORMAT, VERSION = "star-reid.clip-lengths", 1
MAX_BYTES = 1 << 20  # every length with its provenance takes some 10 KiB
FIGURES = ("rank-1", "mAP")  # what every length has at least


@dataclass(frozen=True)
class LengthMetrics:
    """frames: T; metrics: direction → `rank-1`, …, `mAP`, `mINP` → a fraction.

    Raises ValueError for a T that no network takes, a direction or figure that is missing, and what is no fraction.
    """

    frames: int
    metrics: dict[str, dict[str, float]]

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"frames: expected 1…{MAX_FRAMES}, got {self.frames}")
        for direction in DIRECTIONS:
            figures = self.metrics.get(direction, {})
            for name in dict.fromkeys((*FIGURES, *figures)):
                if not 0.0 <= figures.get(name, -1.0) <= 1.0:
                    raise ValueError(
                        f"{direction} {name} of {self.frames} frames: expected a fraction in 0…1,"
                        f" got {figures.get(name, 'none')}"
                    )


@dataclass(frozen=True)
class ClipLengths:
    """One checkpoint, evaluated with clips of several lengths.

    lengths:    by rising T, each T once
    provenance: as in `metrics.json` (`model.evaluation.results.Results`), without `features`, and `frames` of the
                protocol

    Raises ValueError for lengths that do not rise, or none.
    """

    lengths: tuple[LengthMetrics, ...]
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        frames = [length.frames for length in self.lengths]
        if not frames or any(first >= second for first, second in pairwise(frames)):
            raise ValueError(f"lengths: expected rising numbers of frames, got {frames}")

    def to_json(self) -> bytes:
        """The contents of the file: plain JSON, the same for the same results."""
        content = {
            "format": FORMAT,
            "version": VERSION,
            "lengths": [{"frames": length.frames, **length.metrics} for length in self.lengths],
            "provenance": self.provenance,
        }
        return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def read_clip_lengths(path: Path) -> ClipLengths:
    """Read a clip_lengths.json. Raises FileNotFoundError; ValueError for what is not one, naming what is wrong."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; star evaluate --frames 1-12 writes it")
    try:
        return _built(_content(path))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(
            f"{path}: expected the clip_lengths.json of an evaluation, got something else ({reason});"
            " star evaluate --frames 1-12 writes it anew"
        ) from None


def _content(path: Path) -> dict[str, Any]:
    content = read_json(path, MAX_BYTES)
    if not isinstance(content, dict):
        raise TypeError(f"a {type(content).__name__}")
    for name, expected in (("format", FORMAT), ("version", VERSION)):
        if content.get(name) != expected:
            raise ValueError(f"{name}: expected {expected!r}, got {str(content.get(name))[:40]!r}")
    return content


def _built(content: dict[str, Any]) -> ClipLengths:
    lengths = []
    for row in content["lengths"]:
        if type(row["frames"]) is not int:
            raise TypeError(f"frames: expected a whole number, got {row['frames']!r}")
        metrics = {name: read_shares(row[name], name) for name in DIRECTIONS}
        lengths.append(LengthMetrics(row["frames"], metrics))
    provenance = content["provenance"]
    for part, keys in (
        ("config", ("name", "dataset", "model")),
        ("checkpoint", ("file", "sha256")),
        ("protocol", ("split", "dataset", "persons", "tracks", "clips", "queries_without_match")),
    ):
        for key in keys:
            provenance[part][key]
    check_counts(provenance["protocol"])
    return ClipLengths(tuple(lengths), provenance)

"""What determines a generated data set: everything else is drawn from the seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Raised when this code draws other pixels or joints from the same settings. History: 1 first.
SYNTH_CODE = 1

MAX_PERSON = 9999  # four digits in paths and names


def _require(holds: bool, name: str, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{name}: expected {expected}, got {got!r}")


@dataclass(frozen=True)
class SynthSettings:
    """Settings of one generated data set; `ValueError` names the one that is out of range.

    seed: everything is drawn from it.
    train_persons, test_persons: persons of each split, numbered 1… over both.
    tracks: tracks of a person in each modality; frames: frames of a track.
    train_occluded, test_occluded: share of the tracks (0…1) with an occluder; frames differ by nothing else.
    joint_noise: standard deviation of the error put on every joint, in crop heights; 0 keeps the true joints.
    """

    seed: int = 0
    train_persons: int = 32
    test_persons: int = 32
    tracks: int = 4
    frames: int = 16
    train_occluded: float = 0.3
    test_occluded: float = 0.0
    joint_noise: float = 0.0

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**31, "seed", "0…2147483647", self.seed)
        for name in ("train_persons", "test_persons"):
            _require(getattr(self, name) >= 1, name, "1 or more persons", getattr(self, name))
        persons = self.train_persons + self.test_persons
        _require(persons <= MAX_PERSON, "train_persons, test_persons", f"at most {MAX_PERSON} together", persons)
        _require(1 <= self.tracks <= 99, "tracks", "1…99 of each modality", self.tracks)
        _require(1 <= self.frames <= 999, "frames", "1…999 a track", self.frames)
        for name in ("train_occluded", "test_occluded"):
            _require(0.0 <= getattr(self, name) <= 1.0, name, "a share in 0…1", getattr(self, name))
        _require(0.0 <= self.joint_noise <= 0.5, "joint_noise", "0…0.5 crop heights", self.joint_noise)

    def occluded(self, split: str) -> float:
        """Share of the tracks of `split` that have an occluder."""
        return self.train_occluded if split == "train" else self.test_occluded

    def recipe(self) -> dict[str, Any]:
        """What the cache says of its keypoints: that they are the truth (or the truth and noise), and of what."""
        estimator = {"name": "truth", "joint_noise": self.joint_noise}
        return {"code": SYNTH_CODE, "estimator": estimator, "synth": asdict(self)}

"""What determines a generated data set: everything else is drawn from the seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import Interval

from command_line.setting_types import Count, Seed, Share, settings

# Raised when this code draws other pixels or joints from the same settings. History: 1 first.
SYNTH_CODE = 1

MAX_PERSON = 9999  # four digits in paths and names

Infrared = Literal["drawn", "luminance"]
HiddenJoints = Literal["unseen", "known", "noisy"]


@settings
@dataclass(frozen=True)
class SynthSettings:
    """Settings of one generated data set; `ValueError` names the one that is out of range.

    seed: everything is drawn from it.
    train_persons, test_persons: persons of each split, numbered 1… over both.
    tracks: tracks of a person in each modality; frames: frames of a track.
    train_occluded, test_occluded: share of the tracks (0…1) with an occluder; frames differ by nothing else.
    joint_noise: standard deviation of the error put on every joint, in crop heights; 0 keeps the true joints.
    infrared: what a material reflects in the infrared is `drawn` apart from its colour, so that neither foretells the
        other, or follows the colour's `luminance` with noise, so that clothes carry over.
    hidden_joints: joints behind an occluder are `unseen`, `known` as all others, or `noisy` as a pose network guesses
        them: some way off, with a middling score. Joints outside of the crop are unseen in any case.
    """

    seed: Seed = 0
    train_persons: Count = 32
    test_persons: Count = 32
    tracks: Annotated[int, Interval(ge=1, le=99)] = 4
    frames: Annotated[int, Interval(ge=1, le=999)] = 16
    train_occluded: Share = 0.3
    test_occluded: Share = 0.0
    joint_noise: Annotated[float, Interval(ge=0, le=0.5)] = 0.0
    infrared: Infrared = "drawn"
    hidden_joints: HiddenJoints = "unseen"

    def __post_init__(self) -> None:
        persons = self.train_persons + self.test_persons
        if persons > MAX_PERSON:
            raise ValueError(f"train_persons, test_persons: expected at most {MAX_PERSON} together, got {persons}")

    def occluded(self, split: str) -> float:
        """Share of the tracks of `split` that have an occluder."""
        return self.train_occluded if split == "train" else self.test_occluded

    def recipe(self) -> dict[str, Any]:
        """What the cache says of its keypoints: that they are the truth (or the truth and noise), and of what."""
        estimator = {"name": "truth", "joint_noise": self.joint_noise}
        return {"code": SYNTH_CODE, "estimator": estimator, "synth": asdict(self)}

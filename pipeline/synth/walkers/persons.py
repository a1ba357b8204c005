"""Who walks: proportions and gait of a person, drawn once and kept over all tracks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from pipeline.synth.walkers.draws import Purpose, keyed_generator

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Body:
    """Proportions; lengths in statures, so that nobody is told apart by height in the picture.

    leg: height of the hip joints; thigh: the thigh's share of hip to ankle; head: height of the head.
    shoulders, hips: joint to joint; arm: shoulder to wrist; upper_arm: the upper arm's share of it.
    girth: thickness of all parts, 1 is average; belly: depth of the waist over that.
    """

    leg: float
    thigh: float
    head: float
    shoulders: float
    hips: float
    arm: float
    upper_arm: float
    girth: float
    belly: float

    @property
    def torso(self) -> float:
        """Hip joints to shoulder joints: what legs, neck and head leave."""
        return 1.0 - self.leg - self.neck - self.head

    @property
    def neck(self) -> float:
        """Shoulder joints to chin."""
        return 0.05


@dataclass(frozen=True)
class Gait:
    """How a person walks; angles in radians.

    cadence: phase a frame (2π is two steps); stride: amplitude of the thigh; knee: most flexion of the knee.
    arm_swing: amplitude of the upper arm; elbow: mean flexion; arm_out: arms away from the body.
    lean: of the torso, forward; twist: of the shoulders about the vertical; nod: of the head, downward.
    bounce: rise and fall of the hips over what the legs demand; sway: of the hips sideways, in statures.
    uneven: how much more the left leg swings than the right, −1…1.
    """

    cadence: float
    stride: float
    knee: float
    arm_swing: float
    elbow: float
    arm_out: float
    lean: float
    twist: float
    nod: float
    bounce: float
    sway: float
    uneven: float


# Narrow on purpose: half as wide again, and a linear rule on true joints told nearly all persons apart (rank-1 0.99).
BODY_RANGES = (
    Body(0.460, 0.485, 0.120, 0.205, 0.100, 0.295, 0.500, 0.78, 0.85),
    Body(0.520, 0.535, 0.148, 0.258, 0.145, 0.345, 0.550, 1.28, 1.30),
)
GAIT_RANGES = (
    Gait(0.19, 0.26, 0.60, 0.08, 0.05, 0.03, -0.04, 0.03, -0.10, 0.3, 0.002, -0.14),
    Gait(0.33, 0.54, 1.15, 0.60, 1.00, 0.24, 0.17, 0.24, 0.35, 0.9, 0.025, 0.14),
)
# Standard deviation of what a track adds to the person's numbers, as a share of their ranges.
GAIT_SPREAD = 0.15


def draw_body(seed: int, person: int) -> Body:
    """The proportions of `person`, each uniform in its range."""
    return Body(*_draw_between(*BODY_RANGES, keyed_generator(seed, Purpose.BODY, person)))


def draw_gait(seed: int, person: int) -> Gait:
    """The gait of `person`, each number uniform in its range."""
    return Gait(*_draw_between(*GAIT_RANGES, keyed_generator(seed, Purpose.GAIT, person)))


def vary_gait(gait: Gait, random: np.random.Generator) -> Gait:
    """The gait of one track: nobody walks twice alike."""
    low, high = GAIT_RANGES
    changed = {}
    for name in (field.name for field in fields(Gait)):
        spread = GAIT_SPREAD * (getattr(high, name) - getattr(low, name))
        least = 0.5 * getattr(low, name) if getattr(low, name) > 0 else -float("inf")
        changed[name] = max(least, getattr(gait, name) + float(random.normal(0.0, spread)))
    return replace(gait, **changed)


def _draw_between(low: Body | Gait, high: Body | Gait, random: np.random.Generator) -> list[float]:
    ends = [(getattr(low, field.name), getattr(high, field.name)) for field in fields(low)]
    return [float(random.uniform(*end)) for end in ends]

"""The convex shapes a body is drawn with: limbs as tapered capsules, trunk and clothes as rings, head as ellipses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.synth.walkers.walk import SIDES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.synth.walkers.cameras import View
    from pipeline.synth.walkers.clothing import Clothing
    from pipeline.synth.walkers.persons import Body
    from pipeline.synth.walkers.walk import Points

_TURN = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=-1)
# How much of a shape lies in the light, and how far that part is shifted towards it.
LIT, SHIFT = 0.66, 0.24


@dataclass(frozen=True, eq=False)
class Shape:
    """One convex shape in every frame: the hull of its points.

    outline, lit: (frame, point, xy) pixels of the crop; nearness: (frame,), larger is drawn later
    material: a name of `pipeline.synth.walkers.clothing.MATERIALS`
    """

    outline: NDArray[np.float64]
    lit: NDArray[np.float64]
    nearness: NDArray[np.float64]
    material: str


class BodyShapes:
    """Collects the shapes of one track, in no order; `light` is −1 (from the left) … 1."""

    def __init__(self, points: Points, view: View, light: float) -> None:
        self.points = points
        self.view = view
        self.light = light
        self.shapes: list[Shape] = []

    def limb(
        self, ends: tuple[str, str], radii: tuple[float, float], material: str, lift: float = 0.0, round_: float = 1.0
    ) -> None:
        """A tapered capsule between two points; radii in statures; `round_` stretches its ends vertically."""
        xy, depth = self.view.project(np.stack([self.points[name] for name in ends], axis=1))
        radius = np.array(radii) * depth[..., 1]
        circle = _CIRCLE * np.array([1.0, round_])
        outline = xy[:, :, None] + radius[:, :, None, None] * circle
        shift = np.stack([SHIFT * self.light * radius, np.zeros_like(radius)], axis=-1)
        lit = (xy + shift)[:, :, None] + LIT * radius[:, :, None, None] * circle
        frames = len(xy)
        nearness = depth[..., 0].mean(axis=1) + lift
        self.shapes.append(Shape(outline.reshape(frames, -1, 2), lit.reshape(frames, -1, 2), nearness, material))

    def trunk(self, rings: tuple[NDArray[np.float64], ...], material: str, lift: float) -> None:
        """The hull of rings, each (frame, point, xyz)."""
        outline, depth = self.view.project(np.concatenate(rings, axis=1))
        middle, half = outline.mean(axis=1, keepdims=True), np.ptp(outline[..., 0], axis=1) / 2.0
        shift = np.stack([SHIFT * self.light * half, np.zeros_like(half)], axis=-1)[:, None]
        lit = middle + shift + (outline - middle) * np.array([LIT, 0.96])
        self.shapes.append(Shape(outline, lit, depth[..., 0].mean(axis=1) + lift, material))

    def ring(self, centre: NDArray[np.float64], across: str, half: float, depth: float) -> NDArray[np.float64]:
        """A level ellipse about `centre` (frame, xyz), its long axis along the left and right `across`."""
        left = self.points[f"left_{across}"] - self.points[f"right_{across}"]
        left = left / np.linalg.norm(left, axis=-1, keepdims=True)
        ahead = np.stack([left[:, 1], -left[:, 0], np.zeros(len(left))], axis=-1)
        sides, fronts = half * _CIRCLE[:, :1] * left[:, None], depth * _CIRCLE[:, 1:] * ahead[:, None]
        ring: NDArray[np.float64] = centre[:, None] + sides + fronts
        return ring


def body_shapes(points: Points, body: Body, clothing: Clothing, view: View, light: float) -> list[Shape]:
    """Everything a person is drawn with in one track."""
    drawn = BodyShapes(points, view, light)
    _add_legs(drawn, body, clothing)
    _add_trunk(drawn, body, clothing)
    _add_arms(drawn, body, clothing)
    _add_head(drawn, body)
    return drawn.shapes


def _add_legs(drawn: BodyShapes, body: Body, clothing: Clothing) -> None:
    girth = body.girth
    loose = 0.006 if clothing.lower == "trousers" else 0.0
    shank = "lower" if clothing.lower == "trousers" else "skin"
    thigh = "skin" if clothing.lower == "skirt" else "lower"
    # Under a skirt or coat whatever way the leg swings.
    lift = -0.2 if clothing.lower == "skirt" or clothing.upper == "coat" else 0.005
    for side, _ in SIDES:
        hip, knee, ankle, toe = (f"{side}_{name}" for name in ("hip", "knee", "ankle", "toe"))
        drawn.limb((knee, ankle), (0.036 * girth + loose, 0.024 * girth + loose), shank)
        drawn.limb((hip, knee), (0.052 * girth + loose, 0.038 * girth + loose), thigh, lift)
        drawn.limb((ankle, toe), (0.026, 0.018), "shoes", 0.002)


def _add_trunk(drawn: BodyShapes, body: Body, clothing: Clothing) -> None:
    girth, hips, shoulders = body.girth, drawn.points["hips"], drawn.points["shoulders"]
    up = shoulders - hips
    wide, deep = body.shoulders / 2.0 + 0.012 * girth, 0.055 * girth
    low_wide, low_deep = body.hips / 2.0 + 0.045 * girth, 0.064 * girth
    mid_wide, mid_deep = 0.44 * (wide + low_wide), 0.058 * girth * body.belly

    def level(height: float) -> NDArray[np.float64]:
        """The ring of the torso at a share of its height: 0 hips, 0.45 waist, 1 shoulders."""
        across = "shoulder" if height > 0.45 else "hip"
        known = (0.0, 0.45, 1.0)
        half = np.interp(height, known, (low_wide, mid_wide, wide))
        depth = np.interp(height, known, (low_deep, mid_deep, deep))
        return drawn.ring(hips + height * up, across, float(half), float(depth))

    below = drawn.ring(hips - np.array([0.0, 0.0, 0.03]), "hip", low_wide, low_deep)
    drawn.trunk((below, level(0.08)), "lower", 0.01)
    if clothing.lower == "skirt" or clothing.upper == "coat":
        material, drop = ("lower", 0.20) if clothing.lower == "skirt" else ("upper", 0.16)
        hem = drawn.ring(hips - np.array([0.0, 0.0, drop]), "hip", 1.18 * low_wide, 1.35 * low_deep)
        drawn.trunk((hem, level(0.0)), material, 0.03)
    start = 0.0 if clothing.upper == "coat" else 0.06
    drawn.trunk((level(start), level(0.45)), "accent" if clothing.pattern == "block" else "upper", 0.031)
    drawn.trunk((level(0.45), level(1.0)), "upper", 0.032)
    collar = drawn.ring(shoulders + 0.034 * up / body.torso, "shoulder", 0.42 * wide, 0.7 * deep)
    drawn.trunk((level(0.94), collar), "upper", 0.032)
    for low, high in ((0.28, 0.40), (0.52, 0.64), (0.76, 0.88)) if clothing.pattern == "stripes" else ():
        drawn.trunk((level(low), level(high)), "accent", 0.033)
    drawn.limb(("shoulders", "chin"), (0.030 * girth, 0.028), "skin", 0.02)


def _add_arms(drawn: BodyShapes, body: Body, clothing: Clothing) -> None:
    girth = body.girth
    sleeve = "accent" if clothing.pattern == "sleeves" else "upper"
    loose = 0.0 if clothing.upper == "short" else 0.005
    for side, _ in SIDES:
        shoulder, elbow, wrist, hand = (f"{side}_{name}" for name in ("shoulder", "elbow", "wrist", "hand"))
        drawn.limb((wrist, hand), (0.017, 0.019), "skin", 0.039)
        fore = "skin" if clothing.upper == "short" else sleeve
        drawn.limb((elbow, wrist), (0.024 * girth + loose, 0.018 * girth + loose), fore, 0.040)
        drawn.limb((shoulder, elbow), (0.031 * girth + loose, 0.025 * girth + loose), sleeve, 0.041)


def _add_head(drawn: BodyShapes, body: Body) -> None:
    head, points = body.head, drawn.points
    points["face"] = 0.72 * points["head"] + 0.28 * points["nose"]
    points["hairline"] = 0.20 * points["head"] + 0.80 * points["crown"] + 0.12 * (points["nape"] - points["head"])
    # In front of everything below; front and back of the head by which of them is nearer.
    drawn.limb(("face", "face"), (0.36 * head, 0.36 * head), "skin", 0.30, 1.28)
    drawn.limb(("nape", "hairline"), (0.34 * head, 0.24 * head), "hair", 0.30)

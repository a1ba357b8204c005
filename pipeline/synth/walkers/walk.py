"""From proportions and gait to joints in space, for every frame of a walk.

Axes of the body: x forward, y to its left, z up; origin on the ground under the hips; unit one stature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.synth.walkers.persons import Body, Gait

# Joints of COCO by name, and what is drawn beside them: hands, toes, centres of hips, shoulders and head, its top.
Points = dict[str, "NDArray[np.float64]"]

SIDES = (("left", 1.0), ("right", -1.0))
ANKLE_HEIGHT = 0.04
FOOT = 0.13
HAND = 0.035


def walk(body: Body, gait: Gait, phase: NDArray[np.float64], look: float = 0.0) -> Points:
    """Every point of the body by name: (frame, xyz) float64.

    phase: (frame,) radians; the left leg swings forward from −π/2 to π/2
    look:  radians, the head turned to the left
    """
    points: Points = {}
    zero = np.zeros_like(phase)
    sway = -gait.sway * np.cos(phase)
    hips = np.stack([zero, sway, zero], axis=-1)
    points["hips"] = hips
    _add_legs(points, body, gait, phase)
    _stand_on_ground(points, gait)
    upright = _sagittal(np.pi - gait.lean + zero, zero)
    shoulders = points["hips"] + body.torso * upright
    points["shoulders"] = shoulders
    _add_arms(points, body, gait, phase)
    _add_head(points, body, gait, look)
    return points


def _sagittal(angle: NDArray[np.float64], out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vector hanging down (0), turned forward by `angle` and to the left by `out`: (frame, xyz)."""
    return np.stack([np.sin(angle) * np.cos(out), np.sin(out), -np.cos(angle) * np.cos(out)], axis=-1)


def _leftward(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """The body's left after a turn about the vertical by `turn` (left goes backward): (frame, xyz)."""
    return np.stack([-np.sin(turn), np.cos(turn), np.zeros_like(turn)], axis=-1)


def _add_legs(points: Points, body: Body, gait: Gait, phase: NDArray[np.float64]) -> None:
    length = body.leg - ANKLE_HEIGHT
    left = _leftward(-0.35 * gait.twist * np.sin(phase))
    for side, sign in SIDES:
        at = phase if side == "left" else phase + np.pi
        # The knee bends most while the thigh swings forward.
        bend = ((1.0 + np.cos(at + 0.45)) / 2.0) ** 3
        stride = gait.stride * (1.0 + sign * gait.uneven)
        thigh = stride * np.sin(at) + 0.05 + 0.18 * gait.knee * bend
        shank = thigh - 0.10 - gait.knee * bend
        tilt = np.full_like(phase, 0.02 * sign)
        hip = points["hips"] + sign * body.hips / 2.0 * left
        knee = hip + length * body.thigh * _sagittal(thigh, tilt)
        ankle = knee + length * (1.0 - body.thigh) * _sagittal(shank, -tilt)
        pitch = np.clip(shank + 0.25, -0.9, 0.0) + np.clip(0.7 * shank, 0.0, 0.3)
        toe = ankle + FOOT * _sagittal(np.pi / 2.0 + pitch - 0.2, 0.08 * sign + 0.0 * phase)
        for name, point in (("hip", hip), ("knee", knee), ("ankle", ankle), ("toe", toe)):
            points[f"{side}_{name}"] = point


def _stand_on_ground(points: Points, gait: Gait) -> None:
    """Lift everything so that the lower foot stands on the ground; the bounce is the person's own."""
    soles = [points[f"{side}_ankle"][:, 2] - ANKLE_HEIGHT for side, _ in SIDES]
    lift = -np.min([*soles, *(points[f"{side}_toe"][:, 2] for side, _ in SIDES)], axis=0)
    lift = lift.mean() + gait.bounce * (lift - lift.mean())
    for name, point in points.items():
        points[name] = point + lift[:, None] * np.array([0.0, 0.0, 1.0])


def _add_arms(points: Points, body: Body, gait: Gait, phase: NDArray[np.float64]) -> None:
    left = _leftward(gait.twist * np.sin(phase))
    for side, sign in SIDES:
        at = phase if side == "left" else phase + np.pi
        upper = -gait.arm_swing * np.sin(at) - 0.05
        fore = upper + gait.elbow * (1.0 - 0.35 * np.sin(at)) + 0.08
        out = np.full_like(phase, sign * gait.arm_out)
        shoulder = points["shoulders"] + sign * body.shoulders / 2.0 * left
        elbow = shoulder + body.arm * body.upper_arm * _sagittal(upper, out)
        wrist = elbow + body.arm * (1.0 - body.upper_arm) * _sagittal(fore, 0.4 * out)
        hand = wrist + HAND * _sagittal(fore, 0.0 * out)
        for name, point in (("shoulder", shoulder), ("elbow", elbow), ("wrist", wrist), ("hand", hand)):
            points[f"{side}_{name}"] = point


def _add_head(points: Points, body: Body, gait: Gait, look: float) -> None:
    nod = gait.nod + 0.3 * gait.lean
    flat = np.array([np.cos(look), np.sin(look), 0.0])
    left = np.array([-np.sin(look), np.cos(look), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    ahead, top = np.cos(nod) * flat - np.sin(nod) * up, np.sin(nod) * flat + np.cos(nod) * up
    tilt = gait.lean + 0.5 * max(gait.nod, 0.0)
    neck = np.array([np.sin(tilt), 0.0, np.cos(tilt)])
    head = body.head
    centre = points["shoulders"] + (body.neck + head / 2.0) * neck
    points["head"] = centre
    points["crown"] = centre + head / 2.0 * top
    points["chin"] = centre - head / 2.0 * top + 0.2 * head * ahead
    points["nape"] = centre - 0.30 * head * ahead + 0.05 * head * top
    points["nose"] = centre + head * (0.44 * ahead - 0.06 * top)
    for side, sign in SIDES:
        points[f"{side}_eye"] = centre + head * (0.37 * ahead + 0.06 * top + sign * 0.14 * left)
        points[f"{side}_ear"] = centre + head * (0.02 * top - 0.02 * ahead + sign * 0.36 * left)

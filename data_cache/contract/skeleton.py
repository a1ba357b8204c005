"""The one skeleton: joints by name; limbs, mirror and parts are names too, and every index is derived.

Joint names and their order are COCO's 17 keypoints (Lin et al., Microsoft COCO, ECCV 2014; `person` category
of `person_keypoints_*.json`). Three public "COCO" skeletons have 19, 17 and 16 limbs; this is COCO's own list
of 19, with ears tied to shoulders, in the order that `skeleton` has in the COCO annotation files. Indices
are 0-based here and in every file (COCO's own are 1-based).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

JOINTS: tuple[str, ...] = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)

# Eq 8 of the paper: the spatial edges of a frame.
LIMBS: tuple[tuple[str, str], ...] = (
    ("left_ankle", "left_knee"),
    ("left_knee", "left_hip"),
    ("right_ankle", "right_knee"),
    ("right_knee", "right_hip"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("right_shoulder", "right_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"),
    ("left_eye", "right_eye"),
    ("nose", "left_eye"),
    ("nose", "right_eye"),
    ("left_eye", "left_ear"),
    ("right_eye", "right_ear"),
    ("left_ear", "left_shoulder"),
    ("right_ear", "right_shoulder"),
)

# Eq 12 of the paper: the parts whose joints are pooled together. Shoulders and hips belong to two each.
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "head": ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        "torso": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
        "left_arm": ("left_shoulder", "left_elbow", "left_wrist"),
        "right_arm": ("right_shoulder", "right_elbow", "right_wrist"),
        "left_leg": ("left_hip", "left_knee", "left_ankle"),
        "right_leg": ("right_hip", "right_knee", "right_ankle"),
    }
)

_OTHER_SIDE = {"left": "right", "right": "left"}


def _mirrored(joint: str) -> str:
    side, _, rest = joint.partition("_")
    return f"{_OTHER_SIDE[side]}_{rest}" if side in _OTHER_SIDE else joint


# The joint that takes a joint's place in a horizontally flipped image.
MIRROR: Mapping[str, str] = MappingProxyType({joint: _mirrored(joint) for joint in JOINTS})


def joint_index(name: str) -> int:
    """Return the 0-based position of joint `name` on every `joint` axis.

    Raises KeyError for a name that is not one of `JOINTS`.
    """
    try:
        return JOINTS.index(name)
    except ValueError:
        raise KeyError(f"joint {name!r}: expected one of {', '.join(JOINTS)}") from None


def limb_indices() -> NDArray[np.int32]:
    """Return the limbs as (limb, end) int32, 0-based joint indices, shape (19, 2)."""
    return np.array([[joint_index(a), joint_index(b)] for a, b in LIMBS], np.int32)


def mirror_indices() -> NDArray[np.int32]:
    """Return for every joint the index of its mirror image: (joint,) int32, shape (17,), its own inverse."""
    return np.array([joint_index(MIRROR[joint]) for joint in JOINTS], np.int32)


def part_mask() -> NDArray[np.bool_]:
    """Return the joints of each part: (part, joint) bool, shape (6, 17), rows in the order of `PARTS`."""
    return np.array([[joint in joints for joint in JOINTS] for joints in PARTS.values()], np.bool_)

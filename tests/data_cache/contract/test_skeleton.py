"""The skeleton against its sources: COCO's annotation file and the paper's equations 8 and 12."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

import numpy as np
import pytest

from data_cache.contract.skeleton import (
    JOINTS,
    LIMBS,
    MIRROR,
    PARTS,
    joint_index,
    limb_indices,
    mirror_indices,
    part_mask,
)

# `skeleton` of the category `person` in COCO's person_keypoints_val2017.json, as it stands there: 1-based.
COCO_SKELETON = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10], [9, 11],
    [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
PAPER_LIMBS = "15-13 13-11 16-14 14-12 11-12 5-11 6-12 5-6 5-7 6-8 7-9 8-10 1-2 0-1 0-2 1-3 2-4 3-5 4-6"
PAPER_PARTS = [[0, 1, 2, 3, 4], [5, 6, 11, 12], [5, 7, 9], [6, 8, 10], [11, 13, 15], [12, 14, 16]]


def test_limbs_are_those_of_coco_and_of_equation_8():
    np.testing.assert_array_equal(limb_indices() + 1, COCO_SKELETON)
    assert " ".join(f"{a}-{b}" for a, b in limb_indices()) == PAPER_LIMBS
    assert limb_indices().dtype == np.int32


def test_joints_limbs_and_mirror_are_those_of_mmpose():
    package = importlib.util.find_spec("mmpose")  # not imported: that takes seconds, and its tables are plain files
    file = Path(package.submodule_search_locations[0]) / ".mim/configs/_base_/datasets/coco.py"
    info = runpy.run_path(str(file))["dataset_info"]
    joints = [info["keypoint_info"][number] for number in range(17)]
    assert [joint["name"] for joint in joints] == list(JOINTS)
    assert [joint["swap"] or joint["name"] for joint in joints] == [JOINTS[place] for place in mirror_indices()]
    assert [info["skeleton_info"][number]["link"] for number in range(19)] == list(LIMBS)


def test_mirror_swaps_sides_and_is_its_own_inverse():
    mirror = mirror_indices()
    np.testing.assert_array_equal(mirror[mirror], np.arange(17))
    assert MIRROR["left_wrist"] == "right_wrist"
    assert [joint for joint in JOINTS if MIRROR[joint] == joint] == ["nose"]
    limbs = {frozenset(limb) for limb in LIMBS}
    assert {frozenset(MIRROR[joint] for joint in limb) for limb in limbs} == limbs


def test_parts_are_those_of_equation_12():
    assert [np.flatnonzero(row).tolist() for row in part_mask()] == PAPER_PARTS
    assert list(PARTS) == ["head", "torso", "left_arm", "right_arm", "left_leg", "right_leg"]
    for name, joints in PARTS.items():
        if name.startswith("left"):
            assert {MIRROR[joint] for joint in joints} == set(PARTS[name.replace("left", "right")])


def test_joint_index_names_what_is_known():
    assert [joint_index(joint) for joint in JOINTS] == list(range(17))
    with pytest.raises(KeyError, match=r"joint 'neck': expected one of nose, left_eye"):
        joint_index("neck")

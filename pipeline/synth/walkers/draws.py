"""Random numbers keyed by (seed, purpose, person or camera, …): what is drawn for one purpose moves no other."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a generator is for; the numbers are part of every key and must not change."""

    BODY = 1
    GAIT = 2
    CUT = 3
    VISIBLE_CLOTHING = 4
    INFRARED_CLOTHING = 5
    BACKGROUND = 6
    VIEW = 7
    GAIT_OF_TRACK = 8
    CROP = 9
    SENSOR = 10
    OCCLUDER = 11
    JOINT_NOISE = 12
    HIDDEN_JOINTS = 13


def keyed_generator(seed: int, purpose: Purpose, *key: int) -> np.random.Generator:
    """The generator for `purpose` at `key` (person, or camera, or person, modality and track), all 0 or more."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(int(purpose), *key))))

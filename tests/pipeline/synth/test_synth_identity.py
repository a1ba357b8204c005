"""What tells the generated persons apart across modalities: their joints much, their pictures somewhat.

A yardstick that needs no network: distances under the scatter within the training persons (Fisher's linear
discriminant), ranked over persons that were not in it. Chance is 1 of 32.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from data_cache.contract.records import Modality
from pipeline.synth.settings import SynthSettings
from pipeline.synth.tracks import build_scene, render_track
from pipeline.synth.walkers.backgrounds import draw_background
from pipeline.synth.walkers.cameras import CAMERAS, track_camera
from pipeline.synth.walkers.draws import Purpose, keyed_generator

PERSONS, TRACKS, FRAMES, PICTURES = 32, 4, 16, 5
CHANCE = 1 / PERSONS
PAIRS = np.triu_indices(17, 1)
KEYS = [(p, int(m), t) for p in range(1, 2 * PERSONS + 1) for m in Modality for t in range(TRACKS)]


@cache
def joints() -> NDArray[np.float64]:
    """(track, frame, joint, xy), crop heights."""
    scenes = [build_scene(0, key, FRAMES) for key in KEYS]
    return np.stack([scene.joints() / scene.view.height for scene in scenes])


def describe_skeletons(noise: float) -> NDArray[np.float64]:
    """(track, value): mean, spread and upper end over the frames of all distances between joints."""
    rows = []
    for key, exact in zip(KEYS, joints(), strict=True):
        xy = exact + noise * keyed_generator(0, Purpose.JOINT_NOISE, *key).normal(size=exact.shape)
        distances = np.linalg.norm(xy[:, :, None] - xy[:, None], axis=-1)[:, PAIRS[0], PAIRS[1]]
        rows.append([distances.mean(axis=0), distances.std(axis=0), np.percentile(distances, 90, axis=0)])
    return np.array(rows).reshape(len(KEYS), -1)


def describe_pictures() -> NDArray[np.float64]:
    """(track, value): histograms of oriented gradients (Dalal and Triggs, CVPR 2005) of grey 64 × 32 pictures."""
    hog = cv2.HOGDescriptor((32, 64), (16, 16), (8, 8), (8, 8), 9)
    backgrounds = {camera.number: draw_background(0, camera) for camera in CAMERAS}
    rows = []
    for key in KEYS:
        background = backgrounds[track_camera(Modality(key[1]), key[2]).number]
        images = render_track(SynthSettings(frames=PICTURES), key, background).images
        small = [cv2.resize(image.mean(axis=-1), (32, 64), interpolation=cv2.INTER_AREA) for image in images]
        rows.append(np.mean([hog.compute(image.astype(np.uint8)).ravel() for image in small], axis=0))
    return np.array(rows)


def rank_1(values: NDArray[np.float64], query: Modality, gallery: Modality) -> float:
    """Share of the test tracks of one modality whose nearest track of the other one is of the same person."""
    person, modality = np.array([key[0] for key in KEYS]), np.array([key[1] for key in KEYS])
    training = person <= PERSONS
    values = (values - values[training].mean(axis=0)) / values[training].std(axis=0)
    values = values @ np.linalg.svd(values[training], full_matrices=False)[2][:40].T
    inner = np.concatenate([values[person == p] - values[person == p].mean(axis=0) for p in range(1, PERSONS + 1)])
    scatter = inner.T @ inner / len(inner)
    values = values @ np.linalg.inv(np.linalg.cholesky(scatter + 1e-3 * np.trace(scatter) / 40 * np.eye(40))).T
    asked, known = (np.flatnonzero(~training & (modality == m)) for m in (query, gallery))
    nearest = known[np.linalg.norm(values[asked, None] - values[None, known], axis=-1).argmin(axis=1)]
    return float((person[nearest] == person[asked]).mean())


def both_ways(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank-1 infrared to visible, and visible to infrared."""
    pairs = (Modality.INFRARED, Modality.VISIBLE), (Modality.VISIBLE, Modality.INFRARED)
    return np.array([rank_1(values, *pair) for pair in pairs])


def test_joints_tell_unseen_persons_apart_across_modalities_but_not_all() -> None:
    exact, noisy = both_ways(describe_skeletons(0.0)), both_ways(describe_skeletons(0.02))
    assert (exact < 0.95).all() and (exact > noisy + 0.1).all() and (noisy > 5 * CHANCE).all(), (exact, noisy)


def test_pictures_do_so_somewhat() -> None:
    ranks = both_ways(describe_pictures())
    assert 1.5 * CHANCE < ranks.mean() < 8 * CHANCE, ranks


def test_the_yardstick_finds_nothing_where_nothing_is() -> None:
    ranks = both_ways(np.random.default_rng(0).normal(size=(len(KEYS), 97)))
    assert (ranks < 4 * CHANCE).all(), ranks

"""Generated walkers: fixed proportions, joints where the picture has them, an honest gap between the modalities."""

from __future__ import annotations

import math
from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_cache.contract.records import Modality
from data_cache.contract.skeleton import JOINTS, joint_index
from pipeline.synth.tracks import build_scene
from pipeline.synth.walkers.body_shapes import body_shapes
from pipeline.synth.walkers.cameras import CAMERAS, View, track_camera
from pipeline.synth.walkers.clothing import MATERIALS, draw_clothing
from pipeline.synth.walkers.painter import new_mask, paint_silhouette, to_canvas
from pipeline.synth.walkers.persons import BODY_RANGES, GAIT_RANGES, draw_body, draw_gait, vary_gait
from pipeline.synth.walkers.walk import ANKLE_HEIGHT, walk

FRAMES = 7
KEYS = [(3, 1, 0), (3, 2, 1), (5, 1, 1), (11, 2, 0), (13, 1, 2)]
SEGMENTS = [
    ("hip", "knee", lambda body: (body.leg - ANKLE_HEIGHT) * body.thigh),
    ("knee", "ankle", lambda body: (body.leg - ANKLE_HEIGHT) * (1 - body.thigh)),
    ("shoulder", "elbow", lambda body: body.arm * body.upper_arm),
    ("elbow", "wrist", lambda body: body.arm * (1 - body.upper_arm)),
]


@pytest.mark.parametrize("key", KEYS)
def test_the_bones_of_a_person_keep_their_length_in_every_track_and_frame(key: tuple[int, int, int]) -> None:
    body = draw_body(2, key[0])
    points = build_scene(2, key, FRAMES).points
    for side in ("left", "right"):
        for start, end, length in SEGMENTS:
            bone = np.linalg.norm(points[f"{side}_{start}"] - points[f"{side}_{end}"], axis=1)
            np.testing.assert_allclose(bone, length(body), rtol=1e-12)
    for part, width in (("shoulder", body.shoulders), ("hip", body.hips)):
        across = np.linalg.norm(points[f"left_{part}"] - points[f"right_{part}"], axis=1)
        np.testing.assert_allclose(across, width, rtol=1e-12)
    trunk = np.linalg.norm(points["shoulders"] - points["hips"], axis=1)
    np.testing.assert_allclose(trunk, 1 - body.leg - body.neck - body.head, rtol=1e-12)


def test_persons_differ_and_lie_in_their_ranges() -> None:
    for draw, (low, high) in ((draw_body, BODY_RANGES), (draw_gait, GAIT_RANGES)):
        persons = [draw(0, person) for person in range(1, 48)]
        for field in fields(low):
            values = np.array([getattr(person, field.name) for person in persons])
            least, most = getattr(low, field.name), getattr(high, field.name)
            assert len(set(values)) == len(persons) and least <= values.min() and values.max() <= most
            assert np.ptp(values) > 0.7 * (most - least), f"{field.name} hardly differs"
    assert draw_body(0, 1) == draw_body(0, 1) != draw_body(1, 1)


def test_a_track_changes_the_gait_about_the_persons_own() -> None:
    gait = draw_gait(0, 1)
    tracks = [vary_gait(gait, np.random.default_rng(number)) for number in range(211)]
    for field in fields(gait):
        values = np.array([getattr(track, field.name) for track in tracks])
        width = getattr(GAIT_RANGES[1], field.name) - getattr(GAIT_RANGES[0], field.name)
        assert 0.08 * width < values.std() < 0.2 * width
        assert abs(values.mean() - getattr(gait, field.name)) < 0.06 * width


def test_walkers_walk() -> None:
    """Feet stay on or near the ground and take turns, and arms swing against the leg of their side."""
    body, gait = draw_body(0, 1), draw_gait(0, 1)
    phase = np.linspace(0, 2 * np.pi, 101)
    points = walk(body, gait, phase)
    soles = [np.minimum(points[f"{s}_ankle"][:, 2] - ANKLE_HEIGHT, points[f"{s}_toe"][:, 2]) for s in ("left", "right")]
    assert np.abs(np.minimum(*soles)).max() < 0.08
    assert ((soles[0] < soles[1] - 0.01).any()) and ((soles[1] < soles[0] - 0.01).any())
    for side in ("left", "right"):
        leg = (points[f"{side}_ankle"] - points[f"{side}_hip"])[:, 0]
        arm = (points[f"{side}_wrist"] - points[f"{side}_shoulder"])[:, 0]
        assert np.corrcoef(leg, arm)[0, 1] < -0.5
        thigh = points[f"{side}_knee"] - points[f"{side}_hip"]
        shank = points[f"{side}_ankle"] - points[f"{side}_knee"]
        bent = np.arctan2(thigh[:, 0], -thigh[:, 2]) - np.arctan2(shank[:, 0], -shank[:, 2])
        assert bent.min() > 0, "knees bend backward only"
    assert (points["left_shoulder"][:, 1] > points["right_shoulder"][:, 1]).all()
    assert (points["nose"][:, 0] > points["left_ear"][:, 0]).all()


def naive_projection(view: View, frame: int, point: tuple[float, float, float]) -> tuple[float, float]:
    """Turn the walker about the vertical, tilt the scene by the elevation, divide by the distance; one point."""
    x, y, z = point
    psi, e = float(view.heading[frame]), view.elevation
    right = x * math.sin(psi) + y * math.cos(psi)
    near = x * math.cos(psi) - y * math.sin(psi)
    tilted_up = math.cos(e) * (z - 0.5) - math.sin(e) * near
    tilted_near = math.sin(e) * (z - 0.5) + math.cos(e) * near
    zoom = float(view.scale[frame]) * view.distance / (view.distance - tilted_near)
    return float(view.origin[frame, 0]) + zoom * right, float(view.origin[frame, 1]) - zoom * tilted_up


@pytest.mark.parametrize("key", KEYS)
def test_joints_are_projected_like_a_naive_computation(key: tuple[int, int, int]) -> None:
    scene = build_scene(7, key, FRAMES)
    joints = scene.joints()
    assert joints.shape == (FRAMES, len(JOINTS), 2)
    for frame in range(FRAMES):
        for number, name in enumerate(JOINTS):
            expected = naive_projection(scene.view, frame, tuple(scene.points[name][frame]))
            np.testing.assert_allclose(joints[frame, number], expected, rtol=1e-10)


@given(st.floats(-3.1, 3.1), st.floats(0.0, 0.6), st.floats(2.0, 20.0))
@settings(max_examples=23, deadline=None)
def test_left_is_on_the_right_of_who_faces_the_camera(heading: float, elevation: float, distance: float) -> None:
    view = View(97, 47, np.array([heading]), elevation, distance, np.array([83.0]), np.array([[23.0, 48.0]]))
    xy, depth = view.project(np.array([[[0.0, 0.2, 0.5], [0.0, -0.2, 0.5], [0.0, 0.0, 0.9], [0.3, 0.0, 0.5]]]))
    left, right, top, ahead = xy[0]
    if abs(math.cos(heading)) > 0.1:
        assert (left[0] > right[0]) == (math.cos(heading) > 0)
    if abs(math.sin(heading)) > 0.1:
        assert (ahead[0] > 23.0) == (math.sin(heading) > 0)
    assert top[1] < 48.0 and (depth[..., 1] > 0).all()


@pytest.mark.parametrize("key", KEYS)
def test_joints_lie_on_the_drawn_body(key: tuple[int, int, int]) -> None:
    scene = build_scene(0, key, FRAMES)
    joints, distances = scene.joints(), []
    for frame in range(FRAMES):
        mask = new_mask(scene.view.height, scene.view.width)
        paint_silhouette(mask, scene.shapes, frame)
        away = cv2.distanceTransform((mask <= 127).astype(np.uint8), cv2.DIST_L2, 5)
        for x, y in np.round(to_canvas(joints[frame])).astype(int):
            if 0 <= x < mask.shape[1] and 0 <= y < mask.shape[0]:
                distances.append(float(away[y, x]))
        assert 0.05 < (mask > 127).mean() < 0.6
    assert len(distances) > 0.9 * FRAMES * len(JOINTS)
    assert max(distances) <= 1.5, "canvas pixels between a joint and the body"


def test_limbs_are_drawn_between_their_joints() -> None:
    """Halfway along each bone of arms and legs lies a shape of its own, as wide as the bone's part is thick."""
    key = (3, 2, 0)
    scene = build_scene(0, key, FRAMES)
    joints = scene.joints()
    for side in ("left", "right"):
        for start, end, _ in SEGMENTS:
            a, b = (joints[:, joint_index(f"{side}_{name}")] for name in (start, end))
            middle = (a + b) / 2
            holding = [
                shape
                for shape in scene.shapes
                if np.allclose(shape.outline.mean(axis=1), middle, atol=1e-9)  # a capsule's corners are symmetric
            ]
            assert len(holding) == 1
            assert (np.ptp(holding[0].outline, axis=1).max(axis=1) > np.linalg.norm(a - b, axis=1)).all()


def test_the_same_body_gives_other_shapes_from_the_other_side() -> None:
    scene = build_scene(0, (3, 2, 0), FRAMES)
    body, clothing = draw_body(0, 3), draw_clothing(0, 3)
    lit_left, lit_right = (body_shapes(dict(scene.points), body, clothing, scene.view, light) for light in (-1.0, 1.0))
    for a, b in zip(lit_left, lit_right, strict=True):
        np.testing.assert_array_equal(a.outline, b.outline)
        assert a.lit[..., 0].mean() < b.lit[..., 0].mean()


def test_visible_colours_say_nothing_of_infrared_reflectances() -> None:
    persons = [draw_clothing(0, person) for person in range(1, 1501)]
    visible = np.stack([person.visible.mean(axis=1) for person in persons])
    infrared = np.stack([person.infrared for person in persons])
    for number, material in enumerate(MATERIALS):
        if material == "skin":  # bright in the infrared whatever its tone
            assert infrared[:, number].std() < 0.05
            continue
        correlation = np.corrcoef(visible[:, number], infrared[:, number])[0, 1]
        assert abs(correlation) < 0.1, f"{material}: {correlation}"
        assert np.ptp(visible[:, number]) > 0.3 and np.ptp(infrared[:, number]) > 0.3
    upper = infrared[visible[:, 0] < 0.2, 0]
    assert upper.min() < 0.2 and upper.max() > 0.75, "dark clothes may be bright in the infrared"


def test_reflectances_can_follow_the_luminance_of_the_colours() -> None:
    """Colours and cut are the same persons'; luminance by Rec. 601, its noise by its deviation and spread."""
    drawn, followed = ([draw_clothing(0, p, mode) for p in range(1, 801)] for mode in ("drawn", "luminance"))
    for a, b in zip(drawn, followed, strict=True):
        assert (a.upper, a.lower, a.pattern) == (b.upper, b.lower, b.pattern)
        np.testing.assert_array_equal(a.visible, b.visible)
    blue, green, red = np.moveaxis(np.stack([person.visible for person in followed]), -1, 0)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    apart, infrared = (np.stack([person.infrared for person in persons]) for persons in (drawn, followed))
    for number, material in enumerate(MATERIALS):
        correlation = np.corrcoef(luminance[:, number], infrared[:, number])[0, 1]
        assert 0.92 < correlation < 0.99, f"{material}: {correlation}"
        assert abs(np.corrcoef(luminance[:, number], apart[:, number])[0, 1]) < 0.15
    noise = (infrared - luminance)[(infrared > 0.03) & (infrared < 0.97)]
    assert abs(noise.std() - 0.06) < 0.002 and abs(noise.mean()) < 0.003
    between = np.corrcoef((infrared - luminance).T)[np.triu_indices(len(MATERIALS), 1)]
    assert np.abs(between).max() < 0.12, "each material has noise of its own"


def test_prints_survive_in_the_infrared_now_and_then_and_clothes_are_shared() -> None:
    persons = [draw_clothing(0, person) for person in range(1, 401)]
    survives = np.array([abs(person.infrared[0] - person.infrared[1]) > 0.1 for person in persons])
    assert 0.2 < survives.mean() < 0.6
    looks = [(p.upper, p.lower, p.pattern) for p in persons[:64]]
    assert 8 < len(set(looks)) < 64
    grey = persons[0].colours(Modality.INFRARED)
    assert all(len(set(colour)) == 1 for colour in grey.values()) and list(grey) == list(MATERIALS)


def test_each_modality_has_its_own_cameras() -> None:
    numbers = {m: {track_camera(m, track).number for track in range(5)} for m in Modality}
    assert numbers == {Modality.VISIBLE: {1, 3}, Modality.INFRARED: {2, 4}}
    assert len({camera.number for camera in CAMERAS}) == len(CAMERAS)
